"""Crowds, fast fingers and prices that change: what is sold is sold once, as it was shown."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from domain.checkout import expire_due
from domain.customers import Customer
from domain.errors import OutOfStock
from domain.orders import Order, OrderStatus
from storage import tables
from storage.customers import SqlCustomers
from storage.orders import SqlOrders
from storage.stock import SqlStock
from tests.chat.shop_chat import ANN, BEN, OWNER
from tests.faults.world import (
    SKU,
    Stall,
    crowd,
    handed_over,
    keys,
    presses_at_once,
    taps_at_once,
    weakened,
)
from tests.people import Json

SOLD_OUT = "Sold out just now"
SORRY = "Something went wrong"


async def two_hundred_want_fifty(stall: Stall) -> None:
    await stall.stocked(*keys(50))
    buyers = crowd(stall, 200)
    presses = [(buyer, await stall.press_of()) for buyer in buyers]
    answers = await presses_at_once(stall, presses)
    told = Counter(answer["text"].partition(".")[0] for answer in answers)
    assert told == {"": 50, SOLD_OUT: 150}
    await each_of_the_lucky_pays(stall)
    sold = [key for sent in handed_over(stall.shop) for key in sent.keys]
    assert sorted(sold) == keys(50)
    await stall.check()


async def each_of_the_lucky_pays(stall: Stall) -> None:
    numbers = [row["number"] for row in await stall.rows(tables.attempts)]
    requests = [stall.service.request(number) for number in numbers]
    answers = await asyncio.gather(*(stall.told(request) for request in requests))
    assert set(answers) == {stall.service.accepted}
    buyers = {row["buyer_id"] for row in await stall.rows(tables.orders)}
    await asyncio.gather(*(stall.keys_read_by(buyer) for buyer in buyers))


async def test_f41_two_hundred_want_fifty_and_fifty_get_one(plain_stall_on_both: Stall) -> None:
    await two_hundred_want_fifty(plain_stall_on_both)


class ReadThenUpdate(SqlStock):
    """Reads which key is free and takes it, without holding the row in between."""

    async def reserve(self, order_id: int, variant_id: int, quantity: int) -> None:
        row = tables.card_keys.c
        free = sa.select(row.id).where(row.variant_id == variant_id, row.status == "available")
        found = (await self._connection.scalars(free.order_by(row.id).limit(quantity))).all()
        if len(found) < quantity:
            raise OutOfStock(variant_id, len(found))
        take = sa.update(tables.card_keys).where(row.id.in_(found))
        await self._connection.execute(take.values(status="reserved", order_id=order_id))


async def test_f41_control_read_then_update_sells_keys_that_are_gone(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, stock=lambda connection: ReadThenUpdate(connection, {}))
    with pytest.raises(AssertionError):
        await two_hundred_want_fifty(unchecked_stall)
    with pytest.raises(AssertionError, match="I2"):
        await unchecked_stall.check()


async def end_reservations(stall: Stall) -> None:
    """So long ago that no payment service's word is waited for any more."""
    grace = stall.app.ways.rules.close_grace
    ended = {"reserved_until": datetime.now(UTC) - grace - timedelta(seconds=1)}
    await stall.executes(sa.update(tables.orders).values(ended))


async def test_f43_expiry_and_payment_at_once_have_one_winner(stall_on_both: Stall) -> None:
    """There is a key for each order and none to spare."""
    stall = stall_on_both
    await stall.stocked(*keys(12))
    buyers = crowd(stall, 12)
    ordered = [await stall.ordered(buyer) for buyer in buyers]
    requests = [stall.service.request(each.attempt) for each in ordered]
    await end_reservations(stall)
    now, rules = datetime.now(UTC), stall.app.ways.rules
    expiries = (expire_due(stall.app.new_uow(), rules, now=now, limit=2) for _ in range(6))
    answers = await asyncio.gather(*map(stall.told, requests), *expiries)
    assert set(answers[:12]) == {stall.service.accepted}
    await asyncio.gather(*(stall.keys_read_by(buyer) for buyer in buyers))
    for each in ordered:
        assert (await stall.order(each)).is_paid
    assert sorted(key for sent in handed_over(stall.shop) for key in sent.keys) == keys(12)


class Hasty(SqlOrders):
    """Looks which orders are overdue without holding them, and is slow to write that down."""

    paid = asyncio.Event()
    looked = asyncio.Event()

    async def lock_overdue(
        self, now: datetime, sure_before: datetime, *, limit: int
    ) -> list[Order]:
        overdue = sa.select(tables.orders.c.id).where(tables.orders.c.reserved_until <= now)
        found = [await self.get(number) for number in await self._connection.scalars(overdue)]
        if found:
            self.looked.set()
            await self.paid.wait()
        return [order for order in found if order.is_pending]


async def test_f43_control_expiry_that_holds_nothing_takes_back_what_was_sold(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall = unchecked_stall
    await stall.stocked(*keys(1))
    ordered = await stall.ordered(ANN)
    Hasty.paid, Hasty.looked = asyncio.Event(), asyncio.Event()
    weakened(monkeypatch, orders=Hasty)
    await end_reservations(stall)
    async with asyncio.timeout(10):
        await Hasty.looked.wait()
    assert await stall.paid(ordered) == stall.service.accepted
    Hasty.paid.set()
    await stall.ann.reads("Expired", ever=True)
    with pytest.raises(AssertionError, match="I1"):
        await stall.check()


async def twenty_taps_on_a_method(stall: Stall) -> None:
    await stall.stocked(*keys(20))
    ann = stall.ann
    await ann.says(f"/start p_{SKU}")
    await ann.presses("Buy")
    preview = await ann.reads("Your order")
    taps = [data_of(preview, "Test payment")] * 20
    answers = await taps_at_once(stall, ANN, preview["message_id"], taps)
    assert [answer["text"] for answer in answers] == [""] * 20
    [order] = await stall.rows(tables.orders)
    [attempt] = await stall.rows(tables.attempts)
    assert await stall.told(stall.service.request(attempt["number"])) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == keys(1)
    assert (order["status"], order["buyer_id"]) == (OrderStatus.PENDING, ANN)


def data_of(message: Json, label: str) -> str:
    rows = message["reply_markup"]["inline_keyboard"]
    [data] = [b["callback_data"] for row in rows for b in row if label in b["text"]]
    return str(data)


async def test_f44_twenty_taps_are_one_order(plain_stall_on_both: Stall) -> None:
    await twenty_taps_on_a_method(plain_stall_on_both)


class Unlocked(SqlCustomers):
    async def lock(self, customer_id: int) -> Customer | None:
        """Let every tap in at once."""
        return await self.get(customer_id)


def without_the_buyers_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    weakened(monkeypatch, customers=lambda connection: Unlocked(connection, frozenset({OWNER})))


async def test_f44_control_without_the_buyers_lock_taps_collide(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is the unique request: one order, and an apology for each other tap."""
    without_the_buyers_lock(monkeypatch)
    with pytest.raises(AssertionError, match=SORRY):
        await twenty_taps_on_a_method(unchecked_stall)


async def twenty_previews_at_once(stall: Stall) -> None:
    await stall.stocked(*keys(20))
    await stall.ann.says("/start")
    shown = await stall.ann.reads("")
    taps = [await stall.press_of() for _ in range(20)]
    answers = await taps_at_once(stall, ANN, shown["message_id"], taps)
    told = Counter(answer["text"].partition(",")[0] for answer in answers)
    assert told == {"": 3, "You have 3 unpaid orders": 17}
    held = [row for row in await stall.rows(tables.card_keys) if row["status"] == "reserved"]
    assert len(held) == 3


async def test_f45_one_buyer_holds_no_more_than_the_cap(plain_stall_on_both: Stall) -> None:
    stall = plain_stall_on_both
    await twenty_previews_at_once(stall)
    await stall.ordered(BEN, quantity=17)  # the rest is there for others


async def test_f45_control_without_the_buyers_lock_one_buyer_hoards(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_the_buyers_lock(monkeypatch)
    with pytest.raises(AssertionError):
        await twenty_previews_at_once(unchecked_stall)
    assert len(await unchecked_stall.rows(tables.orders)) > 3


async def test_f46_the_price_shown_is_the_price_paid(stall_on_both: Stall) -> None:
    """A price that changes before the press is shown anew; one that changes later is too late."""
    stall = stall_on_both
    await stall.stocked(*keys(3))
    old = await stall.press_of()
    ordered = await stall.ordered(ANN)
    await stall.owner.says(f"/setproduct {SKU} price 9.99")
    await stall.owner.reads("Changed: price")
    answer = await stall.ann.clicks(old, message_id=1, inaccessible=True)
    assert "The price has changed" in answer["text"]
    assert "9.99" in (await stall.ann.reads("Your order"))["text"]
    assert len(await stall.rows(tables.orders)) == 1
    assert await stall.paid(ordered) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == keys(1)
    order = await stall.order(ordered)
    assert (str(order.total), order.exception) == ("4.99 USD", None)


async def test_f49_a_key_once_seen_is_a_duplicate_for_ever(stall_on_both: Stall) -> None:
    """On sale, reserved, sold; into the same product or another."""
    stall, owner = stall_on_both, stall_on_both.owner
    free, held, sold = keys(3)[::-1]
    await stall.stocked(sold, held, free)
    await stall.paid(await stall.ordered(ANN))
    assert await stall.keys_read_by(ANN) == [sold]
    await stall.ordered(BEN)
    await stall.stocked(sku="OTHER-1", name="Another game")
    for sku in (SKU, "OTHER-1"):
        await owner.says("\n".join([f"/import {sku}", sold, held, free, sold]))
        report = (await owner.reads("Imported:"))["text"]
        assert "Imported: 0" in report
        assert "Duplicates: 4" in report
    assert len(await stall.rows(tables.card_keys)) == 3
