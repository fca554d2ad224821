"""USDT's orders: what is known of them, what ends them, and what may fail."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    Confirming,
    Ended,
    News,
    Refund,
)
from payments.usdt import Usdt
from tests.payments.purchases import BUYER, NUMBER, attempt, new
from tests.payments.standin import Fault
from tests.payments.usdt_shop import Shop, told_by, usdt_shop
from tests.payments.usdt_standin import (
    CANCELLED,
    CONFIRMING,
    EXPIRED,
    FAILED,
    PAID,
    TOKEN,
    Kind,
    UsdtGateway,
)

WRONG_TOKEN = "another_password"
KINDS: list[Kind] = ["epusdt", "bepusdt", "gmpay"]
BAD = [Fault.BROKEN, Fault.NONSENSE, Fault.CUT, Fault.TOO_MANY, Fault.MOVED, Fault.MISSING]


@pytest.fixture(params=KINDS)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with usdt_shop(UsdtGateway(request.param)) as shop:
        yield shop


@pytest.fixture
async def bepusdt() -> AsyncIterator[Shop]:
    async with usdt_shop(UsdtGateway("bepusdt")) as shop:
        yield shop


@pytest.fixture(params=["epusdt", "gmpay"])
async def classic(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """Gateways that know an order by their own id alone."""
    async with usdt_shop(UsdtGateway(request.param)) as shop:
        yield shop


# --- Asking, closing, refunding -------------------------------------------------------------


async def test_an_unpaid_order_says_nothing(shop: Shop) -> None:
    assert await shop.usdt.query(await shop.ordered()) is None


async def test_a_paid_order_is_a_payment(shop: Shop) -> None:
    assert await shop.usdt.query(await shop.paid("12.30")) == shop.event("12.30")


async def test_another_amount_is_not_noticed(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.gateway.pay(NUMBER, Money.parse("9.99", "CNY"))
    assert await shop.usdt.query(tried) is None


async def test_an_expired_order_has_ended(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.gateway.order(NUMBER).status = EXPIRED
    assert await shop.usdt.query(tried) == Ended("usdt", NUMBER)


@pytest.mark.parametrize(
    ("status", "news"),
    [
        (CANCELLED, Ended("usdt", NUMBER)),
        (FAILED, Ended("usdt", NUMBER)),
        (CONFIRMING, Confirming("usdt", NUMBER, 1, 2)),
        (7, None),
    ],
)
async def test_bepusdt_tells_more(bepusdt: Shop, status: int, news: News | None) -> None:
    tried = await bepusdt.ordered()
    bepusdt.gateway.order(NUMBER).status = status
    assert await bepusdt.usdt.query(tried) == news


@pytest.mark.parametrize("status", [CANCELLED, CONFIRMING, FAILED])
async def test_with_the_others_those_mean_nothing(classic: Shop, status: int) -> None:
    tried = await classic.ordered()
    classic.gateway.order(NUMBER).status = status  # 4: no network chosen yet
    assert await classic.usdt.query(tried) is None


async def test_an_attempt_without_an_offer_cannot_be_asked_for(shop: Shop) -> None:
    assert await shop.usdt.query(attempt()) is None
    assert await shop.usdt.close(attempt()) is CloseResult.MAYBE_PAYABLE
    assert shop.gateway.asked == []


async def test_an_order_that_nobody_has_is_no_news(shop: Shop) -> None:
    tried = attempt()
    tried.checkout = Checkout(external_id="2022")
    assert await shop.usdt.query(tried) is None


@pytest.mark.parametrize(
    "told", [{"trade_id": "2022"}, {"status": "paid"}, {"status": None}, {"order_id": "OTHER01"}]
)
async def test_an_answer_about_something_else_is_none(shop: Shop, told: dict[str, Any]) -> None:
    tried = await shop.paid()
    shop.gateway.told = told
    with pytest.raises(ProviderUnavailable):
        await shop.usdt.query(tried)


@pytest.mark.parametrize("answer", [{"status_code": 500}, {"data": None}, {"status_code": "x"}])
async def test_an_answer_that_is_no_success_is_none(shop: Shop, answer: dict[str, Any]) -> None:
    tried = await shop.paid()
    shop.gateway.answer = answer
    with pytest.raises(ProviderUnavailable):
        await shop.usdt.query(tried)


@pytest.mark.parametrize("told", [{"money": "x"}, {"money": None}, {"fiat": "GOLD"}])
async def test_bepusdts_amount_has_to_be_told(bepusdt: Shop, told: dict[str, Any]) -> None:
    tried = await bepusdt.paid()
    bepusdt.gateway.told = told
    with pytest.raises(ProviderUnavailable):
        await bepusdt.usdt.query(tried)


async def test_what_bepusdt_tells_is_believed_not_what_was_asked(bepusdt: Shop) -> None:
    tried = await bepusdt.paid()
    bepusdt.gateway.told = {"money": "9.99"}
    assert await bepusdt.usdt.query(tried) == bepusdt.event("9.99")


async def test_bepusdt_closes(bepusdt: Shop) -> None:
    tried = await bepusdt.ordered()
    assert await bepusdt.usdt.close(tried) is CloseResult.CLOSED
    assert not bepusdt.gateway.payable(NUMBER)
    assert await bepusdt.usdt.close(tried) is CloseResult.CLOSED


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (PAID, CloseResult.ALREADY_PAID),
        (CONFIRMING, CloseResult.MAYBE_PAYABLE),
        (EXPIRED, CloseResult.CLOSED),
    ],
)
async def test_what_is_not_waiting_is_not_closed_by_bepusdt(
    bepusdt: Shop, status: int, result: CloseResult
) -> None:
    tried = await bepusdt.ordered()
    bepusdt.gateway.order(NUMBER).status = status
    assert await bepusdt.usdt.close(tried) is result


async def test_the_others_cannot_close(classic: Shop) -> None:
    tried = await classic.ordered()
    assert await classic.usdt.close(tried) is CloseResult.MAYBE_PAYABLE
    assert classic.gateway.payable(NUMBER)


async def test_nobody_refunds(shop: Shop) -> None:
    tried = await shop.paid()
    asked = len(shop.gateway.asked)
    back = Refund(
        number="7H3KQ0W2M9XDR01",
        provider="usdt",
        external_id=shop.gateway.order(NUMBER).trade_id,
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=tried.amount,
        amount=tried.amount,
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )
    with pytest.raises(ProviderRejected, match="not offered"):
        await shop.usdt.refund(back)
    assert len(shop.gateway.asked) == asked
    assert shop.gateway.given_back(NUMBER) is None


# --- Checking -------------------------------------------------------------------------------


async def test_right_settings_pass_the_check_and_nothing_is_created(shop: Shop) -> None:
    await shop.usdt.check()
    assert shop.gateway.orders == []
    assert len(shop.gateway.asked) == 1


async def test_a_wrong_token_is_named(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="USDT_TOKEN") as refusal:
        await shop.other(token=WRONG_TOKEN).check()
    assert WRONG_TOKEN not in told_by(refusal.value)


async def test_a_wrong_merchant_id_is_named() -> None:
    async with usdt_shop(UsdtGateway("gmpay")) as shop:
        with pytest.raises(ProviderRejected, match="USDT_PID"):
            await shop.other(pid="1001").check()


async def test_a_wrong_algorithm_is_named() -> None:
    async with usdt_shop(UsdtGateway("gmpay")) as shop:
        with pytest.raises(ProviderRejected, match="USDT_SIGNATURE is wrong"):
            await shop.other(signature="hmac-sha256").check()


# --- Faults ---------------------------------------------------------------------------------


async def _all_raise(usdt: Usdt, tried: Attempt) -> list[ProviderUnavailable]:
    errors = []
    closes = [usdt.close(tried)] if Capability.CLOSE in usdt.capabilities else []
    for asking in (usdt.create(new()), usdt.query(tried), usdt.check(), *closes):
        with pytest.raises(ProviderUnavailable) as failure:
            await asking
        errors.append(failure.value)
    return errors


@pytest.mark.parametrize("fault", BAD)
async def test_a_failing_gateway_is_unavailable_and_the_token_stays_secret(
    shop: Shop, fault: Fault
) -> None:
    tried = await shop.ordered()
    shop.gateway.faults["*"] = fault
    for error in await _all_raise(shop.usdt, tried):
        assert TOKEN not in told_by(error)
    assert len(shop.gateway.orders) == 1
    assert shop.gateway.payable(NUMBER)


async def test_a_slow_gateway_is_unavailable(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.gateway.faults["*"] = Fault.SLOW
    await _all_raise(shop.other(timeout=0.05), tried)
    assert len(shop.gateway.orders) == 1


async def test_a_lost_close_is_found_out_by_the_next(bepusdt: Shop) -> None:
    tried = await bepusdt.ordered()
    bepusdt.gateway.faults["/cancel-transaction"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await bepusdt.usdt.close(tried)
    bepusdt.gateway.faults.clear()
    assert await bepusdt.usdt.close(tried) is CloseResult.CLOSED
