"""The checker of invariants sees each of them broken."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.checkout import Placed
from domain.money import Money
from storage import tables
from tests.invariants import Sent, check
from tests.shop import BUYER, Shop, opened
from tests.storage.recording import Chat, works

keys, orders, ledger = tables.card_keys, tables.orders, tables.ledger
Break = Callable[[Shop, Placed], Awaitable[None]]


async def gives_a_key_to_an_open_order(shop: Shop, _: Placed) -> None:
    other = await shop.places(await shop.buyer(), await shop.stocked("OTHER"))
    sold = keys.update().where(keys.c.status == "sold")
    await shop.executes(sold.values(order_id=other.order.id))


async def sells_a_key_more(shop: Shop, placed: Placed) -> None:
    free = keys.update().where(keys.c.status == "available")
    await shop.executes(free.values(status="sold", order_id=placed.order.id))


async def loses_a_key(shop: Shop, _: Placed) -> None:
    await shop.executes(keys.delete().where(keys.c.status == "sold"))


async def loses_a_posting(shop: Shop, _: Placed) -> None:
    await shop.executes(ledger.delete().where(ledger.c.account == "goods"))


async def loses_a_payment(shop: Shop, _: Placed) -> None:
    await shop.executes(ledger.delete())


async def books_it_elsewhere(shop: Shop, _: Placed) -> None:
    goods = ledger.update().where(ledger.c.account == "goods")
    await shop.executes(goods.values(account="held"))


async def forgets_to_deliver(shop: Shop, _: Placed) -> None:
    await shop.executes(tables.outbox.delete())


async def forgets_a_second_payment(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed, external_id="tx-second")
    await shop.executes(orders.update().values(exception=None))


async def tells_nobody_of_money(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed, external_id="tx-orphan", attempt_number="UNKNOWN")
    await shop.executes(tables.outbox.delete().where(tables.outbox.c.topic == "payment"))


async def forgets_that_it_was_paid(shop: Shop, _: Placed) -> None:
    await shop.executes(orders.update().values(status="expired"))


BROKEN: list[tuple[Break, str]] = [
    (gives_a_key_to_an_open_order, "I1"),
    (forgets_that_it_was_paid, "I1"),
    (sells_a_key_more, "I2"),
    (loses_a_key, "I2"),
    (loses_a_posting, "I3"),
    (loses_a_payment, "I3"),
    (books_it_elsewhere, "I3"),
    (forgets_to_deliver, "I4"),
    (forgets_a_second_payment, "I4"),
    (tells_nobody_of_money, "I4"),
]


@pytest.mark.parametrize(
    ("breaks", "name"), BROKEN, ids=lambda each: getattr(each, "__name__", "")
)
async def test_a_broken_shop_is_found_out(sqlite_url: str, breaks: Break, name: str) -> None:
    async with opened(sqlite_url) as shop:
        placed = await shop.sold(await shop.stocked())
        await check(shop.database, shop.vault)
        await breaks(shop, placed)
        with pytest.raises(AssertionError, match=f"^{name}"):
            await check(shop.database, shop.vault)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"chat_id": BUYER + 1}, "I2"),
        ({"keys": ("GAME-KEY-0003",)}, "I2"),
        ({"keys": ()}, "I2"),
    ],
)
async def test_a_wrong_hand_over_is_found_out(
    sqlite_shop: Shop, wrong: dict[str, Any], name: str
) -> None:
    await sqlite_shop.sold(await sqlite_shop.stocked())
    chat = Chat()
    await works(sqlite_shop, chat)
    (right,) = chat.hand_overs()
    await check(sqlite_shop.database, sqlite_shop.vault, [right, right])
    other: Sent = right._replace(**wrong)
    with pytest.raises(AssertionError, match=name) as found:
        await check(sqlite_shop.database, sqlite_shop.vault, [right, other])
    assert "GAME-KEY" not in str(found.value)


async def test_money_in_two_currencies_is_counted_apart(sqlite_url: str) -> None:
    async with opened(sqlite_url) as shop:
        await shop.sold(await shop.stocked("EURO", Money(499, "EUR")))
        await shop.sold(await shop.stocked())
        await check(shop.database, shop.vault)
        await shop.executes(ledger.update().values(currency="USD"))
        with pytest.raises(AssertionError, match=r"^I3"):
            await check(shop.database, shop.vault)
