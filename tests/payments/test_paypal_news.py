"""What PayPal's genuine notices say: payments, the way to them, and money that goes back."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.money import Money
from domain.payments import Confirming, Ended, Event, RefundEvent
from payments.provider import InvalidSignature, MalformedCallback
from tests.payments.paypal_shop import Shop, paypal_shop, raw
from tests.payments.paypal_standin import CLIENT_ID, Json
from tests.payments.purchases import NUMBER
from tests.payments.standin import Notice


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        yield shop


async def hears(shop: Shop, notice: Notice) -> list[Event]:
    return await shop.paypal.parse(raw(notice))


async def hears_of(shop: Shop, kind: str, resource: Json) -> list[Event]:
    """What a genuine notice of a kind says."""
    return await hears(shop, shop.there.signed(shop.there.event(kind, resource)))


def captured(shop: Shop) -> Json:
    capture = shop.there.orders[NUMBER].capture
    assert capture is not None
    return capture


def returned(shop: Shop, amount: str, *, disputed: bool = False) -> RefundEvent:
    return RefundEvent(
        "paypal", CLIENT_ID, shop.capture_id, Money.parse(amount, "USD"), disputed=disputed
    )


# --- No payment ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("PENDING", "PENDING", [Confirming("paypal", NUMBER, 0, 1)]),
        ("DENIED", "DECLINED", [Ended("paypal", NUMBER)]),
        ("DECLINED", "DECLINED", [Ended("paypal", NUMBER)]),
        ("COMPLETED", "REFUNDED", []),
    ],
)
async def test_a_capture_is_what_its_status_says(
    shop: Shop, kind: str, status: str, expected: list[Event]
) -> None:
    await shop.paid()
    told = captured(shop) | {"status": status}
    assert await hears_of(shop, f"PAYMENT.CAPTURE.{kind}", told) == expected


@pytest.mark.parametrize("number", [None, 1, "", "SHORT", "X" * 33, "订单订单订单订单"])
async def test_what_was_sold_elsewhere_is_no_news(shop: Shop, number: object) -> None:
    await shop.paid()
    capture = captured(shop) | {"custom_id": number}
    assert await hears_of(shop, "PAYMENT.CAPTURE.COMPLETED", capture) == []
    unit = shop.there.orders[NUMBER].unit | {"custom_id": number}
    for units in ([unit], [unit, unit]):
        order = {"id": "5O1", "status": "APPROVED", "purchase_units": units}
        assert await hears_of(shop, "CHECKOUT.ORDER.APPROVED", order) == []


async def test_an_order_that_is_not_approved_any_more_is_no_news(shop: Shop) -> None:
    await shop.approved()
    unit = shop.there.orders[NUMBER].unit
    order = {"id": "5O1", "status": "VOIDED", "purchase_units": [unit]}
    assert await hears_of(shop, "CHECKOUT.ORDER.APPROVED", order) == []


async def test_an_order_that_is_for_more_than_the_shops_is_no_news(shop: Shop) -> None:
    await shop.approved()
    unit = shop.there.orders[NUMBER].unit
    order = {"id": "5O1", "status": "APPROVED", "purchase_units": [unit, unit]}
    assert await hears_of(shop, "CHECKOUT.ORDER.APPROVED", order) == []


@pytest.mark.parametrize(
    "amount",
    [
        None,
        {},
        {"value": "10.00"},
        {"currency_code": "USD"},
        *(
            {"currency_code": "USD", "value": value}
            for value in ("", "-1", "1e3", "NaN", "0.00", "10.001", "١٠", False, None)
        ),
        {"currency_code": "XXX", "value": "10.00"},
    ],
)
async def test_what_is_no_amount_is_malformed(shop: Shop, amount: object) -> None:
    await shop.paid()
    for kind in ("COMPLETED", "REVERSED"):
        with pytest.raises(MalformedCallback):
            await hears_of(shop, f"PAYMENT.CAPTURE.{kind}", captured(shop) | {"amount": amount})


async def test_the_amount_is_what_paypal_says(shop: Shop) -> None:
    await shop.paid()
    amount = {"currency_code": "EUR", "value": "0.01"}
    (event,) = await hears_of(
        shop, "PAYMENT.CAPTURE.COMPLETED", captured(shop) | {"amount": amount}
    )
    assert event == replace(shop.payment(), amount=Money(1, "EUR"))


async def test_a_sandboxs_payment_is_not_live(shop: Shop) -> None:
    """A live webhook's id and a sandbox's differ; so does what the adapter says of the mode."""
    await shop.paid()
    local = shop.there.url.replace("127.0.0.1", "sandbox.localhost")
    sandbox = shop.other(url=local, verify="certificate")
    with pytest.raises(InvalidSignature):  # its certificates have another name
        await sandbox.parse(raw(shop.there.notice(NUMBER)))
    assert not sandbox.live


# --- Given back ---------------------------------------------------------------------------------


async def test_refunds_are_told_in_all(shop: Shop) -> None:
    await shop.paid()
    for amount, total in (("4.00", "4.00"), ("6.00", "10.00")):
        shop.there.give_back(NUMBER, Money.parse(amount, "USD"))
        assert await hears(shop, shop.there.notice(NUMBER)) == [returned(shop, total)]


async def test_a_refund_without_a_total_is_its_own_amount(shop: Shop) -> None:
    await shop.paid()
    shop.there.give_back(NUMBER, Money.parse("4.00", "USD"))
    refund = shop.there.orders[NUMBER].refunds[0]
    for breakdown in ("null", "{}"):
        told = refund | {"seller_payable_breakdown": json.loads(breakdown)}
        assert await hears_of(shop, "PAYMENT.CAPTURE.REFUNDED", told) == [returned(shop, "4.00")]


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_a_refund_that_failed_is_no_news(shop: Shop, status: str) -> None:
    await shop.paid()
    shop.there.give_back(NUMBER)
    refund = shop.there.orders[NUMBER].refunds[0] | {"status": status}
    assert await hears_of(shop, "PAYMENT.CAPTURE.REFUNDED", refund) == []


async def test_a_reversal_is_a_dispute_of_its_own_amount(shop: Shop) -> None:
    """Its total holds the refunds before it, and those are counted apart."""
    await shop.paid()
    for amount in ("4.00", "6.00"):
        shop.there.give_back(NUMBER, Money.parse(amount, "USD"))
    reversal = shop.there.orders[NUMBER].refunds[-1]
    told = await hears_of(shop, "PAYMENT.CAPTURE.REVERSED", reversal)
    assert told == [returned(shop, "6.00", disputed=True)]


@pytest.mark.parametrize(
    "links",
    [
        None,
        [],
        [{"rel": "self", "href": "https://api.paypal.com/v2/payments/captures/1"}],
        [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/"}],
        [{"rel": "up"}],
    ],
)
async def test_a_refund_of_nothing_is_malformed(shop: Shop, links: Any) -> None:  # of any shape
    await shop.paid()
    shop.there.give_back(NUMBER)
    refund = shop.there.orders[NUMBER].refunds[0] | {"links": links}
    with pytest.raises(MalformedCallback):
        await hears_of(shop, "PAYMENT.CAPTURE.REFUNDED", refund)


async def test_a_dispute_that_the_shop_has_won_gives_the_money_again(shop: Shop) -> None:
    await shop.paid()
    won = shop.there.dispute(captured(shop), "RESOLVED_SELLER_FAVOUR")
    told = await hears_of(shop, "CUSTOMER.DISPUTE.RESOLVED", won)
    assert told == [returned(shop, "0.00", disputed=True)]


@pytest.mark.parametrize("outcome", ["RESOLVED_BUYER_FAVOUR", "RESOLVED_WITH_PAYOUT", "NONE"])
async def test_a_dispute_that_ended_otherwise_is_no_news(shop: Shop, outcome: str) -> None:
    """If it took money, PAYMENT.CAPTURE.REVERSED or REFUNDED says so."""
    await shop.paid()
    lost = shop.there.dispute(captured(shop), outcome)
    assert await hears_of(shop, "CUSTOMER.DISPUTE.RESOLVED", lost) == []
