"""PayPal's orders once they exist: asked for, captured, and closed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Checkout, CloseResult, Confirming, Ended
from tests.payments.paypal_shop import Shop, paypal_shop
from tests.payments.purchases import NUMBER, attempt
from tests.payments.standin import Fault


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        yield shop


# --- Asked for ----------------------------------------------------------------------------------


async def test_an_order_that_waits_is_no_news(shop: Shop) -> None:
    assert await shop.paypal.query(await shop.ordered()) is None


async def test_an_approved_order_is_no_payment(shop: Shop) -> None:
    tried = await shop.approved()
    assert await shop.paypal.query(tried) == shop.approval()


async def test_a_captured_order_is_paid(shop: Shop) -> None:
    tried = await shop.paid()
    assert await shop.paypal.query(tried) == shop.payment()


async def test_a_voided_order_has_ended(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.there.orders[NUMBER].status = "VOIDED"
    assert await shop.paypal.query(tried) == Ended("paypal", NUMBER)


async def test_an_order_that_paypal_forgot_is_no_news(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.there.orders.clear()
    assert await shop.paypal.query(tried) is None


async def test_an_attempt_that_may_not_exist_is_no_news(shop: Shop) -> None:
    for tried in (attempt(), replace(attempt(), checkout=Checkout(link="https://x.example"))):
        assert await shop.paypal.query(tried) is None
        assert await shop.paypal.capture(tried) is None
    assert shop.there.asked == []


async def test_a_payment_given_back_in_part_is_one(shop: Shop) -> None:
    tried = await shop.paid()
    shop.there.give_back(NUMBER, Money.parse("4.00", "USD"))
    assert await shop.paypal.query(tried) == shop.payment()


async def test_a_payment_given_back_entirely_is_none(shop: Shop) -> None:
    tried = await shop.paid()
    shop.there.give_back(NUMBER)
    assert await shop.paypal.query(tried) is None


async def test_a_declined_capture_does_not_hide_a_good_one(shop: Shop) -> None:
    tried = await shop.paid()
    good = shop.there.orders[NUMBER].capture
    assert good is not None
    captures = [good, good | {"id": "7U133281TB3277326", "status": "DECLINED"}]
    unit = shop.there.orders[NUMBER].unit | {"payments": {"captures": captures}}
    shop.there.overrides = {"purchase_units": [unit]}
    assert await shop.paypal.query(tried) == shop.payment()


@pytest.mark.parametrize(
    "overrides",
    [
        {"id": "5O190127TN3647199"},
        {"id": None},
        {"status": None},
        {"purchase_units": [{"custom_id": "ANOTHERNUMBER"}]},
        {"purchase_units": [{}, {}]},
        {"purchase_units": "one"},
    ],
)
async def test_an_answer_about_another_order_is_none(
    shop: Shop, overrides: dict[str, Any]
) -> None:
    tried = await shop.paid()
    shop.there.overrides = overrides
    with pytest.raises(ProviderUnavailable):
        await shop.paypal.query(tried)


@pytest.mark.parametrize(
    "amount",
    [None, {}, {"currency_code": "USD", "value": 10.0}, {"currency_code": "XXX", "value": "10"}],
)
async def test_an_answer_without_an_amount_is_none(shop: Shop, amount: object) -> None:
    tried = await shop.approved()
    shop.there.orders[NUMBER].unit["amount"] = amount
    with pytest.raises(ProviderUnavailable):
        await shop.paypal.query(tried)


async def test_a_completed_order_without_captures_is_no_news(shop: Shop) -> None:
    tried = await shop.paid()
    unit = {"custom_id": NUMBER, "payments": {"captures": []}}
    shop.there.overrides = {"purchase_units": [unit]}
    assert await shop.paypal.query(tried) is None


# --- Captured -----------------------------------------------------------------------------------


async def test_a_capture_is_the_payment(shop: Shop) -> None:
    assert await shop.paypal.capture(await shop.approved()) == shop.payment()


async def test_a_capture_repeated_takes_the_money_once(shop: Shop) -> None:
    tried = await shop.paid()
    first = shop.payment()
    assert await shop.paypal.capture(tried) == first
    shop.clock.now += 3600
    assert await shop.paypal.capture(tried) == first


async def test_a_capture_under_review_is_no_payment(shop: Shop) -> None:
    shop.there.capture_status = "PENDING"
    tried = await shop.approved()
    assert await shop.paypal.capture(tried) == Confirming("paypal", NUMBER, 0, 1)
    assert await shop.paypal.query(tried) == Confirming("paypal", NUMBER, 0, 1)


@pytest.mark.parametrize("status", ["DECLINED", "FAILED"])
async def test_a_capture_that_failed_is_the_end(shop: Shop, status: str) -> None:
    shop.there.capture_status = status
    assert await shop.paypal.capture(await shop.approved()) == Ended("paypal", NUMBER)


async def test_a_declined_card_leaves_the_buyer_another(shop: Shop) -> None:
    tried = await shop.approved()
    shop.there.declined = "INSTRUMENT_DECLINED"
    assert await shop.paypal.capture(tried) is None
    shop.there.declined = ""
    assert await shop.paypal.capture(tried) == shop.payment()


async def test_what_nobody_approved_is_not_captured(shop: Shop) -> None:
    assert await shop.paypal.capture(await shop.ordered()) is None


async def test_a_capture_that_is_refused_is_rejected(shop: Shop) -> None:
    tried = await shop.approved()
    shop.there.declined = "PAYEE_ACCOUNT_RESTRICTED"
    with pytest.raises(ProviderRejected) as caught:
        await shop.paypal.capture(tried)
    assert caught.value.code == "PAYEE_ACCOUNT_RESTRICTED"


@pytest.mark.parametrize("word", ["", "two words", "x" * 65, "слово"])
async def test_a_refusal_is_told_in_short_words_only(shop: Shop, word: str) -> None:
    tried = await shop.approved()
    shop.there.declined = word or "\n"
    with pytest.raises(ProviderRejected) as caught:
        await shop.paypal.capture(tried)
    assert caught.value.code == "refused"


async def test_a_capture_whose_answer_got_lost_is_found(shop: Shop) -> None:
    tried = await shop.approved()
    shop.there.faults["/capture"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.paypal.capture(tried)
    shop.there.faults.clear()
    assert await shop.paypal.query(tried) == shop.payment()
    shop.clock.now += 3600
    assert await shop.paypal.capture(tried) == shop.payment()


# --- Closed -------------------------------------------------------------------------------------


async def test_what_is_not_captured_is_closed(shop: Shop) -> None:
    tried = await shop.ordered()
    assert await shop.paypal.close(attempt()) is CloseResult.CLOSED
    assert await shop.paypal.close(tried) is CloseResult.CLOSED
    shop.there.pay(NUMBER)
    assert await shop.paypal.close(tried) is CloseResult.CLOSED


async def test_what_is_paid_cannot_be_closed(shop: Shop) -> None:
    assert await shop.paypal.close(await shop.paid()) is CloseResult.ALREADY_PAID


async def test_what_is_under_review_may_yet_be_paid(shop: Shop) -> None:
    shop.there.capture_status = "PENDING"
    tried = await shop.approved()
    await shop.paypal.capture(tried)
    assert await shop.paypal.close(tried) is CloseResult.MAYBE_PAYABLE
