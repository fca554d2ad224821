"""Telegram asks whether an invoice may be paid now."""

from datetime import timedelta

import pytest

from domain import checkout, invoices
from domain.checkout import Placed
from domain.errors import OrderClosed, OrderExpired, OrderNotFound, PriceChanged
from domain.money import Money
from domain.orders import PAYMENT_GRACE
from tests.shop import BUYER, NOW, PRICE, RULES, Shop

LAST_MOMENT = NOW + RULES.order_ttl - timedelta(seconds=1)


async def approve(shop: Shop, placed: Placed, **changes: object) -> None:
    assert placed.attempt is not None
    asked = {"number": placed.attempt.number, "payer": BUYER, "amount": PRICE, "now": NOW}
    number, payer, amount, now = (asked | changes).values()
    await invoices.approve(shop.uow(), number, payer, amount, now=now)  # type: ignore[arg-type]


@pytest.fixture
async def placed(shop: Shop) -> Placed:
    return await shop.places(await shop.buyer(), await shop.stocked())


async def test_a_payment_at_the_last_moment_keeps_its_keys(shop: Shop, placed: Placed) -> None:
    await approve(shop, placed, now=LAST_MOMENT)
    assert (await shop.order(placed)).reserved_until == LAST_MOMENT + PAYMENT_GRACE
    assert await checkout.expire_due(shop.uow(), RULES, now=NOW + RULES.order_ttl) == 0
    await shop.pays(placed, now=NOW + RULES.order_ttl)
    assert await shop.bought(placed)


async def test_nothing_else_than_was_asked_for_is_approved(shop: Shop, placed: Placed) -> None:
    with pytest.raises(OrderNotFound):
        await approve(shop, placed, payer=BUYER + 1)
    with pytest.raises(OrderNotFound):
        await approve(shop, placed, number="UNKNOWN")
    with pytest.raises(PriceChanged):
        await approve(shop, placed, amount=Money(1, "USD"))
    with pytest.raises(OrderExpired):
        await approve(shop, placed, now=NOW + RULES.order_ttl)


async def test_a_closed_order_is_not_approved(shop: Shop, placed: Placed) -> None:
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    with pytest.raises(OrderClosed):
        await approve(shop, placed)


async def test_a_paid_order_is_not_approved_again(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed)
    with pytest.raises(OrderClosed):
        await approve(shop, placed)
