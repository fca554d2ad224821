"""EPay V2: what is known of an order, refunds, and platforms that fail."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import RefundResult
from tests.payments.epay_v2_shop import PRIVATE_KEY, Shop, epay_v2_shop, shown
from tests.payments.epay_v2_standin import (
    bare,
    bare_public,
)
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault

STRANGER = rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with epay_v2_shop() as shop:
        yield shop


# --- Asking about an order ------------------------------------------------------------------


async def test_a_paid_order_is_found(shop: Shop) -> None:
    await shop.paid()
    assert await shop.epay.query(attempt()) == shop.event()


async def test_what_was_paid_is_told_not_what_was_asked(shop: Shop) -> None:
    await shop.epay.create(new())
    shop.standin.pay(NUMBER, Money.parse("9.99", "CNY"))
    assert await shop.epay.query(attempt()) == shop.event("9.99")


async def test_an_unpaid_order_is_no_payment(shop: Shop) -> None:
    assert await shop.epay.query(attempt()) is None
    await shop.epay.create(new())
    assert await shop.epay.query(attempt()) is None


@pytest.mark.parametrize("status", [0, 2, 3, 4, "01", None])
async def test_no_other_status_is_paid(shop: Shop, status: object) -> None:
    await shop.paid()
    shop.standin.order = {"status": status}
    assert await shop.epay.query(attempt()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"money": "1e1"},
        {"money": "0.00"},
        {"money": None},
        {"trade_no": ""},
        {"out_trade_no": "ANOTHERORDER01"},
        {"pid": 1002},
        {"pid": None},
        {"timestamp": str(int(NOW.timestamp()) - 301)},
        {"timestamp": str(int(NOW.timestamp()) + 301)},
        {"timestamp": None},
    ],
)
async def test_an_order_that_cannot_be_read_is_no_answer(
    shop: Shop, changes: dict[str, object]
) -> None:
    await shop.paid()
    shop.standin.order = changes
    with pytest.raises(ProviderUnavailable):
        await shop.epay.query(attempt())


async def test_an_answer_that_is_not_signed_is_not_believed(shop: Shop) -> None:
    await shop.paid()
    shop.standin.signs = False
    with pytest.raises(ProviderUnavailable, match="not signed"):
        await shop.epay.query(attempt())


# --- Giving money back ----------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [False, True])
async def test_a_refund_is_made_once(shop: Shop, *, repeats: bool) -> None:
    """Whether or not the platform says yes a second time."""
    await shop.paid()
    shop.standin.repeats = repeats
    assert await shop.epay.refund(shop.refund()) == RefundResult(done=True)
    assert await shop.epay.refund(shop.refund()) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == Money.parse("10.00", "CNY")


async def test_parts_are_given_back_one_by_one(shop: Shop) -> None:
    await shop.paid()
    for number in ("R01", "R02", "R02"):
        assert (await shop.epay.refund(shop.refund("2.50", number))).done
    assert shop.standin.given_back(NUMBER) == Money.parse("5.00", "CNY")


async def test_a_refund_that_the_channel_did_not_make_is_tried_again(shop: Shop) -> None:
    await shop.paid()
    shop.standin.channel_works = False
    assert await shop.epay.refund(shop.refund()) == RefundResult(done=False)
    assert shop.standin.given_back(NUMBER) is None
    shop.standin.channel_works = True
    assert await shop.epay.refund(shop.refund()) == RefundResult(done=True)


async def test_a_refund_may_be_accepted_and_made_later(shop: Shop) -> None:
    await shop.paid()
    shop.standin.refunds = {"status": 0}
    assert await shop.epay.refund(shop.refund()) == RefundResult(done=False)


async def test_more_than_was_paid_is_not_given_back(shop: Shop) -> None:
    await shop.paid()
    await shop.epay.refund(shop.refund())
    with pytest.raises(ProviderRejected, match="epay: -1"):
        await shop.epay.refund(shop.refund(number="R02"))
    assert shop.standin.given_back(NUMBER) == Money.parse("10.00", "CNY")


async def test_an_answer_about_another_refund_is_no_answer(shop: Shop) -> None:
    await shop.paid()
    shop.standin.refunds = {"out_refund_no": "ANOTHER"}
    with pytest.raises(ProviderUnavailable, match="another refund"):
        await shop.epay.refund(shop.refund())


async def test_a_refund_whose_answer_was_lost_is_made_once(shop: Shop) -> None:
    await shop.paid()
    shop.standin.faults["refund"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.epay.refund(shop.refund("4.00"))
    shop.standin.faults.clear()
    assert (await shop.epay.refund(shop.refund("4.00"))).done
    assert shop.standin.given_back(NUMBER) == Money.parse("4.00", "CNY")


async def test_refused_once_it_may_have_been_made_a_refund_stays_open(shop: Shop) -> None:
    """By a clock that goes wrong, say: its question is refused as well."""
    await shop.paid()
    skewed = shop.other(clock=lambda: NOW.timestamp() - 301)
    with pytest.raises(ProviderRejected):
        await skewed.refund(replace(shop.refund(), try_count=1))
    await shop.epay.refund(shop.refund())
    with pytest.raises(ProviderUnavailable):
        await skewed.refund(replace(shop.refund(), try_count=2))


async def test_a_refusal_without_a_code_is_a_refusal(shop: Shop) -> None:
    await shop.paid()
    await shop.epay.refund(shop.refund())
    shop.standin.refusal = {"code": "Mr Smith"}
    with pytest.raises(ProviderRejected, match="epay: refused"):
        await shop.epay.refund(shop.refund(number="R02"))


# --- The check, and failures ----------------------------------------------------------------


async def test_the_right_keys_pass_the_check(shop: Shop) -> None:
    await shop.epay.check()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"pid": "1002"}, "the merchant id or the private key"),
        ({"private_key": bare(STRANGER)}, "the merchant id or the private key"),
        ({"platform_key": bare_public(STRANGER)}, "the platform's public key"),
    ],
)
async def test_a_wrong_setting_is_named(shop: Shop, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(ProviderRejected, match=told):
        await shop.other(**wrong).check()


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("act", ["query", "refund", "check"])
async def test_a_failing_platform_is_unavailable_and_the_key_stays_secret(
    shop: Shop, fault: Fault, act: str
) -> None:
    await shop.paid()
    refund = shop.refund()
    epay = shop.other(timeout=0.3) if fault is Fault.SLOW else shop.epay
    shop.standin.faults["*"] = fault
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "query": lambda: epay.query(attempt()),
        "refund": lambda: epay.refund(refund),
        "check": epay.check,
    }
    with pytest.raises(ProviderUnavailable) as failure:
        await acts[act]()
    assert PRIVATE_KEY not in shown(failure.value)
