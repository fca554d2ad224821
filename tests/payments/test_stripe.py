"""Stripe against a stand-in over HTTP: settings, amounts, and sessions made."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Capability,
    Checkout,
    ListingProvider,
)
from payments import stripe_amounts
from payments.provider import Answer, CallbackProvider, HttpReply, MalformedCallback
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault, StandIn
from tests.payments.stripe_notices import WEBHOOK_SECRET
from tests.payments.stripe_shop import SECRETS, Shop, shown, stripe_shop
from tests.payments.stripe_standin import SECRET_KEY, StripeStandIn

FAULTS = [Fault.MISSING, Fault.BROKEN, Fault.TOO_MANY, Fault.NONSENSE, Fault.CUT, Fault.GARBLED]
ALL_FAULTS = [*FAULTS, Fault.SLOW, Fault.MOVED, Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with stripe_shop() as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back_and_lists(shop: Shop) -> None:
    provider: CallbackProvider = shop.stripe
    lists: ListingProvider = shop.stripe
    assert (provider.code, provider.title, provider.account) == ("stripe", "Stripe", "stripe")
    assert lists.currencies == ()
    assert provider.tail == timedelta(hours=24)
    assert provider.methods == {"POST": frozenset({"application/json"})}
    assert provider.capabilities == (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )


def test_the_stand_in_is_one() -> None:
    standin: StandIn = StripeStandIn()
    assert standin.environment()["STRIPE_SECRET_KEY"] == SECRET_KEY


@pytest.mark.parametrize(
    ("key", "live"),
    [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False), ("rk_test_1", False)],
)
async def test_its_key_tells_whether_it_is_live(shop: Shop, key: str, *, live: bool) -> None:
    assert shop.other(secret_key=key).live is live


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_key": ""},
        {"secret_key": "pk_live_1"},
        {"secret_key": "sk_live_"},
        {"secret_key": "sk_live_1\r\nX: y"},
        {"webhook_secrets": []},
        {"webhook_secrets": [WEBHOOK_SECRET, ""]},
    ],
)
async def test_without_its_secrets_it_is_not_made(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Stripe") as failure:
        shop.other(**wrong)
    assert not any(secret in shown(failure.value) for secret in SECRETS)


async def test_it_does_not_show_its_secrets(shop: Shop) -> None:
    assert not any(secret in repr(shop.stripe) + str(shop.stripe) for secret in SECRETS)


async def test_stripe_repeats_a_webhook_unless_it_hears_200(shop: Shop) -> None:
    assert shop.stripe.reply(Answer.ACCEPTED) == HttpReply(200, "ok")
    assert shop.stripe.reply(Answer.RETRY) == HttpReply(503, "later")
    assert shop.stripe.reply(Answer.REJECTED) == HttpReply(401, "refused")


# --- Amounts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("10.00", "USD", 1000),
        ("500", "JPY", 500),
        ("5", "ISK", 500),
        ("5", "UGX", 500),
        ("5.00", "MGA", 5),
        ("5.120", "KWD", 5120),
        ("250.00", "HUF", 25000),
    ],
)
def test_amounts_are_told_in_stripes_units(amount: str, currency: str, units: int) -> None:
    money = Money.parse(amount, currency)
    assert stripe_amounts.units(money) == units
    assert stripe_amounts.money(units, currency.lower()) == money


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("5.50", "MGA"), ("5.124", "KWD"), ("5", "XTR"), ("5.000", "IQD"), ("5.000", "LYD")],
)
async def test_an_amount_that_stripe_cannot_be_told_is_not_taken(
    shop: Shop, amount: str, currency: str
) -> None:
    assert not shop.stripe.takes(Money.parse(amount, currency))
    with pytest.raises(ProviderRejected, match="stripe: amount"):
        await shop.order(amount, currency)


def test_a_fraction_of_a_crown_is_no_amount() -> None:
    with pytest.raises(MalformedCallback):
        stripe_amounts.money(550, "isk")


@pytest.mark.parametrize(
    ("amount", "currency", "taken"),
    [
        ("0.49", "USD", False),
        ("0.50", "USD", True),
        ("0.29", "GBP", False),
        ("0.30", "GBP", True),
        ("49", "JPY", False),
        ("50", "JPY", True),
        ("3.99", "HKD", False),
        ("0.01", "CNY", True),
        ("0.00", "CNY", False),
        ("999999.99", "USD", True),
        ("1000000.00", "USD", False),
    ],
)
async def test_it_takes_what_stripe_takes(
    shop: Shop, amount: str, currency: str, *, taken: bool
) -> None:
    assert shop.stripe.takes(Money.parse(amount, currency)) is taken


@pytest.mark.parametrize(
    ("amount", "currency"), [("5", "ISK"), ("500", "JPY"), ("5.120", "KWD"), ("7.00", "MGA")]
)
async def test_a_payment_in_any_currency_comes_back_as_it_was_asked(
    shop: Shop, amount: str, currency: str
) -> None:
    tried = await shop.paid(amount, currency)
    assert await shop.stripe.query(tried) == shop.event(amount, currency)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [shop.event(amount, currency)]


# --- Starting a payment ---------------------------------------------------------------------


async def test_stripe_makes_a_page_to_pay_on(shop: Shop) -> None:
    checkout = await shop.stripe.create(new())
    session = shop.standin.session(NUMBER)
    assert checkout == Checkout(link=session["url"], external_id=session["id"])
    assert session["success_url"] == "https://shop.example/payments/stripe/return"
    assert session["cancel_url"] == session["success_url"]


async def test_a_repeated_creation_is_one_session(shop: Shop) -> None:
    assert await shop.stripe.create(new()) == await shop.stripe.create(new())
    assert len(shop.standin.sessions) == 1


async def test_a_creation_whose_answer_was_lost_is_one_session(shop: Shop) -> None:
    shop.standin.faults["sessions"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.create(new())
    shop.standin.faults.clear()
    await shop.stripe.create(new())
    assert len(shop.standin.sessions) == 1


async def test_a_number_used_with_other_words_is_not_decided(shop: Shop) -> None:
    await shop.stripe.create(new())
    with pytest.raises(ProviderUnavailable, match="in use"):
        await shop.stripe.create(new("Another game"))
    assert len(shop.standin.sessions) == 1


@pytest.mark.parametrize(
    ("lasts", "minutes"),
    [(timedelta(minutes=15), 60), (timedelta(hours=3), 180), (timedelta(days=3), 24 * 60)],
)
async def test_a_session_ends_when_stripe_lets_it(
    shop: Shop, lasts: timedelta, minutes: int
) -> None:
    asked = replace(new(), expires_at=NOW + lasts)
    checkout = await shop.stripe.create(asked)
    ends = NOW + timedelta(minutes=minutes)
    assert shop.standin.session(NUMBER)["expires_at"] == ends.timestamp()
    assert checkout.expires_at == (ends if ends < asked.expires_at else None)


@pytest.mark.parametrize(
    ("title", "name"),
    [("  A\n\tgame\x00\x7f ", "A game"), ("价" * 300, "价" * 250), ("\x00", NUMBER)],
)
async def test_a_title_is_made_to_fit(shop: Shop, title: str, name: str) -> None:
    await shop.stripe.create(new(title, attempt(currency="USD")))
    assert shop.standin.forms[-1]["line_items[0][price_data][product_data][name]"] == name


async def test_stripe_is_told_what_it_needs(shop: Shop) -> None:
    await shop.order("12.50")
    assert shop.standin.forms == [
        {
            "mode": "payment",
            "client_reference_id": NUMBER,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "1250",
            "line_items[0][price_data][product_data][name]": "A game",
            "adaptive_pricing[enabled]": "false",
            "metadata[attempt]": NUMBER,
            "payment_intent_data[metadata][attempt]": NUMBER,
            "success_url": "https://shop.example/payments/stripe/return",
            "cancel_url": "https://shop.example/payments/stripe/return",
            "expires_at": str(int(NOW.timestamp()) + 3600),
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"url": None},
        {"url": "javascript:alert(1)"},
        {"id": "../refunds"},
        {"id": None},
        {"livemode": False},
        {"client_reference_id": "ANOTHERORDER01"},
    ],
)
async def test_an_answer_that_is_no_session_of_ours_is_no_answer(
    shop: Shop, answer: dict[str, Any]
) -> None:
    shop.standin.overrides = answer
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.create(new())


async def test_what_stripe_refuses_is_rejected_in_its_words(shop: Shop) -> None:
    tried = replace(attempt(currency="USD"), created_at=NOW - timedelta(days=2))
    with pytest.raises(ProviderRejected, match="stripe: parameter_invalid_expires_at"):
        await shop.stripe.create(new(tried=tried))
