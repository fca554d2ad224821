"""Stripe's sessions: what is known of them, how they end, and when Stripe fails."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Checkout,
    CloseResult,
    Confirming,
    Ended,
)
from payments.stripe import Stripe
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault
from tests.payments.stripe_shop import SECRETS, Shop, session_of, shown, stripe_shop

FAULTS = [Fault.MISSING, Fault.BROKEN, Fault.TOO_MANY, Fault.NONSENSE, Fault.CUT, Fault.GARBLED]
ALL_FAULTS = [*FAULTS, Fault.SLOW, Fault.MOVED, Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with stripe_shop() as shop:
        yield shop


# --- Asking about a payment -----------------------------------------------------------------


async def test_a_paid_session_is_found(shop: Shop) -> None:
    assert await shop.stripe.query(await shop.paid()) == shop.event()


async def test_what_has_gone_back_of_a_payment_is_told_with_it(shop: Shop) -> None:
    """Given back at Stripe's desk while the shop heard nothing, it must not buy anything."""
    tried = await shop.paid()
    shop.standin.give_back(NUMBER, Money.parse("4.00", "USD"))
    expected = replace(shop.event(), returned=Money.parse("4.00", "USD"))
    assert await shop.stripe.query(tried) == expected
    assert await shop.stripe.query(replace(tried, checkout=None)) == expected


async def test_an_open_session_is_no_news(shop: Shop) -> None:
    assert await shop.stripe.query(await shop.order()) is None


async def test_a_session_over_time_has_ended(shop: Shop) -> None:
    tried = await shop.order()
    shop.standin.lapse(NUMBER)
    assert await shop.stripe.query(tried) == Ended("stripe", NUMBER)


async def test_money_on_its_way_is_no_payment(shop: Shop) -> None:
    tried = await shop.order()
    shop.standin.pay_later(NUMBER)
    assert await shop.stripe.query(tried) == Confirming("stripe", NUMBER, 0, 1)
    assert await shop.stripe.close(tried) is CloseResult.MAYBE_PAYABLE
    shop.standin.settle(NUMBER, paid=True)
    assert await shop.stripe.query(tried) == shop.event()


async def test_money_that_did_not_arrive_has_ended(shop: Shop) -> None:
    tried = await shop.order()
    shop.standin.pay_later(NUMBER)
    shop.standin.settle(NUMBER, paid=False)
    assert await shop.stripe.query(tried) == Ended("stripe", NUMBER)
    assert await shop.stripe.close(tried) is CloseResult.CLOSED


async def test_without_a_checkout_the_number_finds_the_payment(shop: Shop) -> None:
    tried = await shop.paid()
    for n in range(3):
        await shop.stripe.create(new(tried=attempt(currency="USD", number=f"ANOTHERORDER{n}")))
    shop.standin.page_size = 1
    assert await shop.stripe.query(replace(tried, checkout=None)) == shop.event()
    assert await shop.stripe.query(replace(tried, checkout=Checkout())) == shop.event()


async def test_what_stripe_never_made_is_not_found(shop: Shop) -> None:
    assert await shop.stripe.query(attempt()) is None
    assert await shop.stripe.close(attempt()) is CloseResult.MAYBE_PAYABLE


async def test_what_was_paid_is_told_not_what_was_asked(shop: Shop) -> None:
    tried = await shop.order()
    shop.standin.pay(NUMBER, Money.parse("9.99", "EUR"))
    assert await shop.stripe.query(tried) == shop.event("9.99", "EUR")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_reference_id": "ANOTHERORDER01"},
        {"livemode": False},
        {"livemode": 1.5},
        {"amount_total": "1000"},
        {"amount_total": True},
        {"amount_total": 0},
        {"amount_total": 10.0},
        {"currency": "???"},
        {"payment_intent": None},
        {"payment_intent": {"id": 5}},
    ],
)
async def test_an_answer_that_cannot_be_read_is_no_answer(
    shop: Shop, changes: dict[str, Any]
) -> None:
    tried = await shop.paid()
    shop.standin.overrides = changes
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.query(tried)


@pytest.mark.parametrize("status", ["unpaid", "no_payment_required", "Paid", None, True])
async def test_no_other_status_is_paid(shop: Shop, status: object) -> None:
    tried = await shop.order()
    shop.standin.pay(NUMBER)
    shop.standin.overrides = {"payment_status": status}
    news = await shop.stripe.query(tried)
    assert news in (None, Confirming("stripe", NUMBER, 0, 1))


# --- Ending a payment -----------------------------------------------------------------------


async def test_an_open_session_is_ended(shop: Shop) -> None:
    tried = await shop.order()
    assert await shop.stripe.close(tried) is CloseResult.CLOSED
    assert not shop.standin.payable(NUMBER)
    assert await shop.stripe.close(tried) is CloseResult.CLOSED


async def test_a_paid_session_cannot_be_ended(shop: Shop) -> None:
    assert await shop.stripe.close(await shop.paid()) is CloseResult.ALREADY_PAID


async def test_a_payment_just_before_the_end_is_seen(shop: Shop) -> None:
    """Between our question and our order to end it."""
    tried = await shop.order()
    shop.standin.hasty.add(NUMBER)
    assert await shop.stripe.close(tried) is CloseResult.ALREADY_PAID


# --- When Stripe fails ----------------------------------------------------------------------


@pytest.mark.parametrize("fault", ALL_FAULTS)
@pytest.mark.parametrize("act", ["create", "query", "close", "refund", "check", "listed", "look"])
async def test_a_failing_stripe_is_unavailable_and_its_key_stays_secret(
    shop: Shop, fault: Fault, act: str
) -> None:
    tried, money = await shop.paid(), shop.refund()
    shop.standin.faults["*"] = fault
    stripe: Stripe = shop.other(timeout=0.3) if fault is Fault.SLOW else shop.stripe
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: stripe.create(new(tried=attempt(currency="USD", number="ANOTHER01"))),
        "query": lambda: stripe.query(tried),
        "close": lambda: stripe.close(tried),
        "refund": lambda: stripe.refund(money),
        "check": stripe.check,
        "listed": lambda: stripe.listed(NOW),
        "look": lambda: stripe.query(replace(tried, checkout=None)),
    }
    with pytest.raises(ProviderUnavailable) as failure:
        await acts[act]()
    assert not any(secret in shown(failure.value) for secret in SECRETS)
    assert shop.standin.given_back(NUMBER) is None


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST, Fault.CUT])
async def test_an_end_that_is_not_confirmed_is_not_believed(shop: Shop, fault: Fault) -> None:
    tried = await shop.order()
    shop.standin.faults["expire"] = fault
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.close(tried)
    shop.standin.faults.clear()
    assert await shop.stripe.close(tried) is CloseResult.CLOSED


@pytest.mark.parametrize("body", ["[]", "{", '{"data": {}}', '{"data": [1]}', "[" * 9999])
async def test_a_list_of_another_form_is_no_answer(shop: Shop, body: str) -> None:
    shop.standin.instead = 200, body
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.listed(NOW)


async def test_an_empty_page_is_the_last(shop: Shop) -> None:
    shop.standin.instead = 200, '{"data": [], "has_more": true}'
    assert await shop.stripe.listed(NOW) == []


async def test_a_number_that_is_being_worked_on_is_not_decided(shop: Shop) -> None:
    tried = await shop.order()
    shop.standin.instead = 409, '{"error": {"code": "lock_timeout"}}'
    with pytest.raises(ProviderUnavailable, match="in use"):
        await shop.stripe.query(tried)


@pytest.mark.parametrize("error", ["null", '"no"', '{"code": "Mr Smith\'s card", "type": null}'])
async def test_a_refusal_without_a_word_is_a_refusal(shop: Shop, error: str) -> None:
    tried = await shop.order()
    shop.standin.instead = 400, f'{{"error": {error}}}'
    with pytest.raises(ProviderRejected, match="stripe: refused"):
        await shop.stripe.query(tried)


async def test_the_sessions_id_is_what_is_asked_for(shop: Shop) -> None:
    tried = await shop.order()
    await shop.stripe.query(tried)
    assert shop.standin.asked[-1] == f"GET /v1/checkout/sessions/{session_of(tried)}"
