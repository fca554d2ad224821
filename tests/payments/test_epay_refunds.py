"""EPay V1's refunds, and its stand-in as the suites drive it."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import aiohttp
import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Refund, RefundResult
from payments.epay import EPay
from payments.provider import InvalidSignature, MalformedCallback, RawCallback, WrongMerchant
from tests.payments.epay_shop import event, settings_of
from tests.payments.epay_standin import KEY, EPayStandIn
from tests.payments.purchases import BUYER, NUMBER, new
from tests.payments.standin import Fault, Notice, StandIn

TEN = Money.parse("10.00", "CNY")
FAULTS = [fault for fault in Fault if fault is not Fault.SLOW]


@dataclass
class Shop:
    epay: EPay
    standin: EPayStandIn
    http: aiohttp.ClientSession

    @property
    def refund(self) -> Refund:
        return Refund(
            number=f"{NUMBER}R01",
            provider="epay",
            external_id=self.standin.platform.trades[NUMBER].trade_no,
            attempt_number=NUMBER,
            buyer_id=BUYER,
            paid=TEN,
            amount=TEN,
            reason="asked for",
            order_id=1,
            payment_id=1,
            status_before=OrderStatus.DELIVERED,
        )

    async def hears(self, notice: Notice) -> list[object]:
        callback = RawCallback(notice.method, notice.headers, notice.query, notice.body)
        return list(await self.epay.parse(callback))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Its order is paid."""
    standin = EPayStandIn()
    async with standin.serving(), aiohttp.ClientSession() as http:
        shop = Shop(EPay(http, **settings_of(standin.url)), standin, http)
        await shop.epay.create(new())
        standin.pay(NUMBER)
        yield shop


# --- Refunds --------------------------------------------------------------------------------


@pytest.mark.parametrize("yes", [0, 1])
async def test_a_refund_is_made_once(shop: Shop, yes: int) -> None:
    shop.standin.platform.refund_code = yes
    assert await shop.epay.refund(shop.refund) == RefundResult(done=True)
    assert await shop.epay.refund(shop.refund) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == TEN
    assert shop.standin.asked.count("POST /api.php") == 1


async def test_a_part_is_not_given_back(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="partial"):
        await shop.epay.refund(replace(shop.refund, amount=Money.parse("2.50", "CNY")))
    assert shop.standin.given_back(NUMBER) is None


async def test_a_refund_at_the_platforms_desk_is_done(shop: Shop) -> None:
    shop.standin.give_back(NUMBER)
    assert (await shop.epay.refund(shop.refund)).done
    assert shop.standin.given_back(NUMBER) is None


async def test_a_refund_whose_answer_was_lost_is_made_once(shop: Shop) -> None:
    shop.standin.platform.lost = True
    with pytest.raises(ProviderUnavailable):
        await shop.epay.refund(shop.refund)
    assert (await shop.epay.refund(shop.refund)).done
    assert shop.standin.asked.count("POST /api.php") == 1


async def test_a_refusal_is_not_believed_where_the_order_says_otherwise(shop: Shop) -> None:
    """The platform's own channel may answer too late for it."""
    shop.standin.platform.grudging = True
    assert (await shop.epay.refund(shop.refund)).done


@pytest.mark.parametrize("code", [-1, -2, -4, -5])
async def test_a_platform_may_refuse(shop: Shop, code: int) -> None:
    shop.standin.platform.refusal = code
    with pytest.raises(ProviderRejected, match=f"epay: {code}"):
        await shop.epay.refund(shop.refund)
    assert shop.standin.given_back(NUMBER) is None


@pytest.mark.parametrize("code", [0, 2, 200])
async def test_neither_yes_nor_no_is_not_decided(shop: Shop, code: int) -> None:
    shop.standin.platform.refusal = code
    with pytest.raises(ProviderUnavailable):
        await shop.epay.refund(shop.refund)


async def test_a_yes_is_believed_of_a_platform_that_does_not_tell_later(shop: Shop) -> None:
    shop.standin.platform.tells_refunds = False
    assert (await shop.epay.refund(shop.refund)).done


async def test_an_order_that_is_not_told_of_is_not_given_back_yet(shop: Shop) -> None:
    """It took money, so it is there: what the platform says may be no more than a rate limit."""
    with pytest.raises(ProviderUnavailable, match="does not tell"):
        await shop.epay.refund(replace(shop.refund, external_id="2026000000000000"))
    assert shop.standin.asked.count("POST /api.php") == 0


async def test_an_answer_about_another_order_is_no_answer(shop: Shop) -> None:
    shop.standin.platform.order = {"out_trade_no": "ANOTHERORDER01"}
    with pytest.raises(ProviderUnavailable, match="another order"):
        await shop.epay.refund(shop.refund)
    assert shop.standin.given_back(NUMBER) is None


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("act", ["refund", "check", "query"])
async def test_a_failing_platform_is_unavailable_and_the_key_stays_secret(
    shop: Shop, fault: Fault, act: str
) -> None:
    refund = shop.refund
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "refund": lambda: shop.epay.refund(refund),
        "check": shop.epay.check,
        "query": lambda: shop.epay.query(new().attempt),
    }
    shop.standin.faults["api.php"] = fault
    with pytest.raises(ProviderUnavailable) as failure:
        await acts[act]()
    behind: BaseException | None = failure.value
    assert KEY not in "".join(traceback.format_exception(failure.value))
    while behind is not None:
        assert KEY not in repr(behind)
        behind = behind.__context__
    assert shop.standin.given_back(NUMBER) is None


# --- The stand-in ---------------------------------------------------------------------------


async def test_it_is_a_stand_in(shop: Shop) -> None:
    standin: StandIn = shop.standin
    assert standin.environment()["EPAY_URL"] == standin.url
    assert standin.knows(NUMBER)
    assert not standin.payable(NUMBER)
    assert not standin.knows("ANOTHERORDER01")


async def test_its_notice_is_a_payment(shop: Shop) -> None:
    assert await shop.hears(shop.standin.notice(NUMBER)) == [event(shop.standin.platform)]


async def test_it_tells_of_another_amount(shop: Shop) -> None:
    shop.standin.pay(NUMBER, Money.parse("9.99", "CNY"))
    expected = [event(shop.standin.platform, "9.99")]
    assert await shop.hears(shop.standin.notice(NUMBER)) == expected


async def test_all_its_forgeries_are_refused(shop: Shop) -> None:
    for name, notice in shop.standin.forgeries(NUMBER).items():
        with pytest.raises((InvalidSignature, MalformedCallback, WrongMerchant)):
            assert await shop.hears(notice) == [], name


async def test_its_other_news_are_no_payments(shop: Shop) -> None:
    for name, notice in shop.standin.other_news(NUMBER).items():
        assert await shop.hears(notice) == [], name
