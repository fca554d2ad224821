"""What is kept of a way to pay, and what Telegram asks about one."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from domain import checkout, invoices
from domain.checkout import Placed
from domain.errors import OrderClosed, OrderExpired, OrderNotFound
from domain.payments import Checkout, NewAttempt, Transfer
from tests.shop import BUYER, NOW, RULES, Shop, Till

END = NOW + RULES.order_ttl
EVERYTHING = Checkout(
    link="https://till.example/pay",
    qr="till:pay",
    in_chat=True,
    external_id="till-7",
    transfer=Transfer("T-ADDRESS", "4.990001", "USDT", "TRON (TRC20)"),
    expires_at=NOW + timedelta(minutes=10),
)


def number_of(placed: Placed) -> str:
    assert placed.attempt is not None
    return placed.attempt.number


async def test_all_of_a_way_to_pay_is_kept(shop: Shop) -> None:
    @dataclass
    class Crypto(Till):
        async def create(self, new: NewAttempt) -> Checkout:
            return EVERYTHING

    placed = await shop.places(await shop.buyer(), await shop.stocked(), provider=Crypto())
    assert (await shop.attempt(placed)).checkout == EVERYTHING


async def test_only_the_buyer_is_asked_where_an_open_order_may_go(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    number = number_of(placed)
    await invoices.may_ship(shop.uow(), number, BUYER, now=NOW)
    for strange, payer in ((number, BUYER + 1), ("UNHEARD-OF", BUYER)):
        with pytest.raises(OrderNotFound):
            await invoices.may_ship(shop.uow(), strange, payer, now=NOW)
    with pytest.raises(OrderExpired):
        await invoices.may_ship(shop.uow(), number, BUYER, now=END)
    await shop.pays(placed)
    with pytest.raises(OrderClosed):
        await invoices.may_ship(shop.uow(), number, BUYER, now=NOW)


async def test_an_attempt_leads_to_ones_own_order_alone(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    number = number_of(placed)
    assert await invoices.order_number_of(shop.uow(), number, BUYER) == placed.order.number
    assert await invoices.order_number_of(shop.uow(), number, BUYER + 1) is None
    assert await invoices.order_number_of(shop.uow(), "UNHEARD-OF", BUYER) is None


async def test_a_way_to_pay_that_has_ended_is_followed_by_another(shop: Shop) -> None:
    """Under another number: a link may end before the order does."""
    till = Till()

    @dataclass
    class Brief(Till):
        async def create(self, new: NewAttempt) -> Checkout:
            till.created.append(new)
            ends = new.attempt.created_at + timedelta(minutes=5)
            return Checkout(link="https://till.example/5", expires_at=ends)

    brief = Brief()
    placed = await shop.places(await shop.buyer(), await shop.stocked(), provider=brief)
    numbers = [number_of(placed)]
    for minutes in (4, 5, 6):
        now = NOW + timedelta(minutes=minutes)
        again = await checkout.pay_with(
            shop.uow(), brief, placed.order.number, BUYER, RULES, now=now
        )
        numbers.append(number_of(again))
    first, still, second, as_well = numbers
    assert first == still != second == as_well
    assert len(till.created) == 2
