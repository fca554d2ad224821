"""Stripe's webhooks: payments, refunds and disputes."""

import json
from collections.abc import AsyncIterator

import pytest

from domain.money import Money
from domain.payments import Confirming, Ended, PaymentEvent, RefundEvent
from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    StaleCallback,
    WrongMerchant,
)
from tests.payments.purchases import NOW, NUMBER
from tests.payments.standin import Notice
from tests.payments.stripe_notices import WEBHOOK_SECRET
from tests.payments.stripe_shop import Shop, callback, stripe_shop
from tests.payments.stripe_standin import OLD_WEBHOOK_SECRET

DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback, WrongMerchant)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with stripe_shop() as shop:
        yield shop


@pytest.fixture
async def paid(shop: Shop) -> Shop:
    await shop.paid()
    return shop


def gone(shop: Shop, amount: str, *, disputed: bool = False) -> RefundEvent:
    money = Money.parse(amount, "USD")
    return RefundEvent("stripe", "stripe", shop.intent, money, disputed=disputed)


def changed(shop: Shop, **changes: object) -> Notice:
    """The session as Stripe might tell of it, signed."""
    told = json.loads(shop.standin.notice(NUMBER).body)
    told["data"]["object"] |= changes
    return shop.standin.signed(told)


# --- Payments -------------------------------------------------------------------------------


async def test_a_paid_session_is_a_payment(paid: Shop) -> None:
    assert await paid.hears(paid.standin.notice(NUMBER)) == [paid.event()]


async def test_a_replayed_webhook_is_the_same_payment(paid: Shop) -> None:
    notice = paid.standin.notice(NUMBER)
    assert await paid.hears(notice) == await paid.hears(notice) == [paid.event()]


async def test_what_was_paid_is_told_not_what_was_asked(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay(NUMBER, Money.parse("0.99", "EUR"))
    assert await shop.hears(shop.standin.notice(NUMBER)) == [shop.event("0.99", "EUR")]


async def test_a_bank_debit_is_a_payment_when_it_has_arrived(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay_later(NUMBER)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [Confirming("stripe", NUMBER, 0, 1)]
    shop.standin.settle(NUMBER, paid=True)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [shop.event()]


async def test_a_bank_debit_may_fail(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay_later(NUMBER)
    shop.standin.settle(NUMBER, paid=False)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [Ended("stripe", NUMBER)]


async def test_a_session_over_time_has_ended(shop: Shop) -> None:
    await shop.order()
    shop.standin.lapse(NUMBER)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [Ended("stripe", NUMBER)]


async def test_no_other_news_is_a_payment(paid: Shop) -> None:
    for name, notice in paid.standin.other_news(NUMBER).items():
        events = await paid.hears(notice)
        assert not any(isinstance(event, PaymentEvent) for event in events), name


async def test_either_secret_signs_while_they_are_changed(paid: Shop) -> None:
    told = json.loads(paid.standin.notice(NUMBER).body)
    for secret in (OLD_WEBHOOK_SECRET, WEBHOOK_SECRET):
        assert await paid.hears(paid.standin.signed(told, secret)) == [paid.event()]


async def test_any_of_several_signatures_is_enough(paid: Shop) -> None:
    notice = paid.standin.notice(NUMBER)
    at, _, signature = notice.headers["Stripe-Signature"].partition(",")
    header = {"stripe-signature": f"{at},v1={'0' * 64},{signature}"}
    assert await paid.hears(Notice(headers=header, body=notice.body)) == [paid.event()]


async def test_the_merchant_may_be_named(paid: Shop) -> None:
    told = json.loads(paid.standin.notice(NUMBER).body) | {"account": "acct_1"}
    stripe = paid.other(account="acct_1")
    events = await stripe.parse(callback(paid.standin.signed(told)))
    assert [event.account for event in events if isinstance(event, PaymentEvent)] == ["acct_1"]


async def test_a_test_key_hears_of_test_payments_alone(paid: Shop) -> None:
    stripe = paid.other(secret_key="sk_test_0123456789")
    with pytest.raises(WrongMerchant):
        await stripe.parse(callback(paid.standin.notice(NUMBER)))
    paid.standin.live = False
    told = json.loads(paid.standin.notice(NUMBER).body) | {"livemode": False}
    (event,) = await stripe.parse(callback(paid.standin.signed(told)))
    assert isinstance(event, PaymentEvent)
    assert not event.live


# --- Refunds and disputes -------------------------------------------------------------------


async def test_refunds_are_told_by_what_has_gone_back_in_all(paid: Shop) -> None:
    paid.standin.give_back(NUMBER, Money.parse("4.00", "USD"))
    assert await paid.hears(paid.standin.notice(NUMBER)) == [gone(paid, "4.00")]
    paid.standin.give_back(NUMBER)
    assert await paid.hears(paid.standin.notice(NUMBER)) == [gone(paid, "10.00")]


@pytest.mark.parametrize(
    ("kind", "status", "amount"),
    [
        ("created", "needs_response", "10.00"),
        ("funds_withdrawn", "needs_response", "10.00"),
        ("closed", "lost", "10.00"),
        ("closed", "won", "0.00"),
        ("closed", "warning_closed", "0.00"),
        ("created", "prevented", "0.00"),
        ("funds_reinstated", "under_review", "0.00"),
    ],
)
async def test_a_dispute_takes_the_money_until_it_is_won(
    paid: Shop, kind: str, status: str, amount: str
) -> None:
    notice = paid.standin.dispute(NUMBER, status, kind)
    assert await paid.hears(notice) == [gone(paid, amount, disputed=True)]


async def test_an_inquiry_takes_nothing(paid: Shop) -> None:
    assert await paid.hears(paid.standin.dispute(NUMBER, "warning_needs_response")) == []


async def test_a_refund_of_another_programs_charge_is_no_news(paid: Shop) -> None:
    paid.standin.give_back(NUMBER)
    assert await paid.hears(changed(paid, payment_intent=None)) == []


@pytest.mark.parametrize("metadata", [None, {}, {"attempt": "7H3KQ0W2M9XD02"}])
async def test_another_programs_session_is_none_of_the_shops(
    shop: Shop, metadata: dict[str, str] | None
) -> None:
    """On the same account, with a reference of its own and maybe no payment to it."""
    await shop.paid()
    [event] = shop.standin.events
    event["data"]["object"].update(metadata=metadata, payment_intent=None)
    assert await shop.hears(shop.standin.notice(NUMBER)) == []
    assert await shop.stripe.listed(NOW) == []
