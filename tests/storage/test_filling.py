"""Paid orders that wait for goods, and the goods that come."""

from datetime import datetime, timedelta

import pytest

from domain import checkout, filling, importing, refunding
from domain.catalog import Variant
from domain.checkout import Placed
from domain.errors import ProviderRejected, TransactionAborted
from domain.ledger import GOODS, HELD
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import Refund, RefundResult
from domain.refunding import Wanted
from domain.remedies import Remedy
from domain.settlement import Outcome
from storage import tables
from storage.unit_of_work import SqlUnitOfWork
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop
from tests.storage.money import ALL, EARNED, TILL, notes, ruled, standing, state, usd
from tests.storage.recording import Chat, works

AFTER = NOW + RULES.order_ttl
WAITING = ruled(sold_out=Remedy.WAIT)
SHORT = (OrderStatus.PAID, OrderException.SHORT)
SERVED = (OrderStatus.PAID, None)


@pytest.fixture
async def variant(shop: Shop) -> Variant:
    """Something of which there is nothing left once an order is closed."""
    return await shop.stocked(keys=0)


async def closed(shop: Shop, variant: Variant, quantity: int = 1, buyer_id: int = BUYER) -> Placed:
    """An order left unpaid, whose keys are gone."""
    sku = variant.sku
    keys = [f"{sku}-GONE-{buyer_id}-{nth}" for nth in range(quantity)]
    await shop.imported(sku, *keys)
    placed = await shop.places(await shop.buyer(buyer_id), variant, quantity)
    await checkout.cancel(shop.uow(), placed.order.number, buyer_id, now=NOW)
    await importing.withdraw(shop.uow(), shop.vault, keys, sku=sku, actor_id=ADMIN, now=NOW)
    return placed


async def pays_late(shop: Shop, placed: Placed, nth: int = 0) -> None:
    settlement = await shop.pays(placed, now=AFTER + timedelta(minutes=nth), rules=WAITING)
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.WAIT)


async def waiting(
    shop: Shop, variant: Variant, quantity: int = 1, buyer_id: int = BUYER
) -> Placed:
    """Paid late and waiting for goods; those with a higher buyer's id have paid later."""
    placed = await closed(shop, variant, quantity, buyer_id)
    await pays_late(shop, placed, buyer_id - BUYER)
    return placed


async def fills(shop: Shop, now: datetime = AFTER) -> int:
    return await filling.fill(shop.uow(), now=now)


async def give_back(shop: Shop, placed: Placed, wanted: Wanted = ALL) -> list[Refund]:
    return await refunding.refund(
        shop.uow(),
        {"till": shop.till},
        placed.order.number,
        "by wish",
        wanted,
        actor_id=ADMIN,
        now=AFTER,
    )


# --- Waiting ---------------------------------------------------------------------------------


async def test_a_paid_order_without_goods_waits_in_sight(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)
    assert await state(shop, placed) == SHORT
    assert await standing(shop) == EARNED
    assert await notes(shop, Topic.GOODS) == []
    assert len(await notes(shop, Topic.ORDER)) == 1
    (note,) = await notes(shop, Topic.SETTLED)
    assert note["facts"]["remedy"] == Remedy.WAIT
    assert await fills(shop) == 0


async def test_the_next_import_serves_who_waits(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant, 2)
    await shop.imported("GAME", "GAME-KEY-0001", "GAME-KEY-0002", "GAME-KEY-0003")
    assert await state(shop, placed) == SERVED
    assert await shop.bought(placed) == ["GAME-KEY-0001", "GAME-KEY-0002"]
    chat = Chat()
    await works(shop, chat, AFTER)
    assert len(chat.hand_overs()) == 1
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED


async def test_an_import_that_is_rolled_back_serves_nobody(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)

    class Killed(SqlUnitOfWork):
        async def commit(self) -> None:
            if self.outbox.filled:
                raise TransactionAborted
            await super().commit()

    async def nothing(_: object) -> None:
        """No progress to tell of."""

    with pytest.raises(TransactionAborted):
        await importing.import_keys(
            Killed(shop.database),
            shop.vault,
            importing.TypedKeys("GAME-KEY-0001"),
            sku="GAME",
            name="keys.txt",
            actor_id=ADMIN,
            now=AFTER,
            progress=nothing,
        )
    assert await state(shop, placed) == SHORT
    assert (await shop.stock()).sold == 0


async def test_other_goods_serve_nobody(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)
    await shop.stocked("OTHER")
    assert await state(shop, placed) == SHORT


async def test_goods_that_others_let_go_of_serve_who_waits(shop: Shop, variant: Variant) -> None:
    first = await closed(shop, variant)
    await shop.imported("GAME", "GAME-KEY-0001")
    other = await shop.places(await shop.buyer(BUYER + 1), variant)
    await pays_late(shop, first)
    assert await fills(shop) == 0
    await checkout.cancel(shop.uow(), other.order.number, BUYER + 1, now=NOW)
    assert await fills(shop) == 1
    assert await state(shop, first) == SERVED
    assert await fills(shop) == 0


async def test_who_paid_first_is_served_first(shop: Shop, variant: Variant) -> None:
    late, early = await closed(shop, variant), await closed(shop, variant, buyer_id=BUYER + 1)
    await pays_late(shop, late, 2)
    await pays_late(shop, early, 1)
    await shop.imported("GAME", "GAME-KEY-0001")
    assert [await state(shop, early), await state(shop, late)] == [SERVED, SHORT]
    await shop.imported("GAME", "GAME-KEY-0002")
    assert await state(shop, late) == SERVED


async def test_whoever_needs_more_keeps_their_place(shop: Shop, variant: Variant) -> None:
    many = await waiting(shop, variant, 3)
    one = await waiting(shop, variant, 1, BUYER + 1)
    await shop.imported("GAME", "GAME-KEY-0001", "GAME-KEY-0002")
    assert [await state(shop, many), await state(shop, one)] == [SHORT, SHORT]
    assert (await shop.stock()).available == 2
    await shop.imported("GAME", "GAME-KEY-0003", "GAME-KEY-0004")
    assert [await state(shop, many), await state(shop, one)] == [SERVED, SERVED]


async def test_who_waits_for_something_else_is_not_held_up(shop: Shop, variant: Variant) -> None:
    many = await waiting(shop, variant, 2)
    other = await shop.stocked("OTHER", keys=0)
    one = await waiting(shop, other, 1, BUYER + 1)
    await shop.imported("GAME", "GAME-KEY-0001")
    await shop.imported("OTHER", "OTHER-KEY-0001")
    assert [await state(shop, many), await state(shop, one)] == [SHORT, SERVED]


# --- What comes while it waits ---------------------------------------------------------------


async def served_by_import(shop: Shop, placed: Placed) -> bool:
    await shop.imported("GAME", "GAME-KEY-0001")
    return bool(await shop.bought(placed))


async def test_too_much_money_does_not_lose_an_orders_place(shop: Shop, variant: Variant) -> None:
    """The excess is before a person; the goods are owed all the same."""
    placed = await closed(shop, variant)
    await shop.pays(placed, amount=usd(600), now=AFTER, rules=WAITING)
    assert await served_by_import(shop, placed)
    assert await standing(shop) == {TILL: -600, GOODS: 499, HELD: 101}


@pytest.mark.parametrize("amount", [PRICE, Money(499, "EUR")], ids=["second", "currency"])
async def test_a_second_payment_does_not_lose_an_orders_place(
    shop: Shop, variant: Variant, amount: Money
) -> None:
    placed = await waiting(shop, variant)
    await shop.pays(placed, external_id="tx-second", amount=amount, now=AFTER, rules=WAITING)
    assert await served_by_import(shop, placed)


async def test_serving_does_not_hide_a_second_payment(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)
    await shop.pays(placed, external_id="tx-second", now=AFTER, rules=WAITING)
    await shop.imported("GAME", "GAME-KEY-0001")
    assert (await shop.order(placed)).exception is OrderException.TWICE


# --- Going back ------------------------------------------------------------------------------


async def test_who_waits_no_longer_has_their_money_back(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)
    await give_back(shop, placed)
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    assert not await served_by_import(shop, placed)
    assert (await shop.stock()).available == 1


async def test_an_order_on_its_way_back_is_not_served(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)
    shop.till.refund_result = RefundResult(done=False)
    await give_back(shop, placed)
    assert not await served_by_import(shop, placed)
    shop.till.refund_result = RefundResult(done=True)
    await give_back(shop, placed)
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)


async def test_a_refund_that_fails_leaves_the_order_waiting(shop: Shop, variant: Variant) -> None:
    placed = await waiting(shop, variant)

    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "no")

    shop.till.on_refund = refuse
    with pytest.raises(ProviderRejected):
        await give_back(shop, placed)
    assert await state(shop, placed) == SHORT
    assert await served_by_import(shop, placed)
    assert await state(shop, placed) == SERVED


async def test_a_part_that_went_back_does_not_lose_an_orders_place(
    shop: Shop, variant: Variant
) -> None:
    placed = await waiting(shop, variant)
    await give_back(shop, placed, Wanted(usd(100)))
    assert await state(shop, placed) == SHORT
    assert await served_by_import(shop, placed)


async def test_goods_that_are_owed_are_not_handed_over_before_they_are_there(
    shop: Shop, variant: Variant
) -> None:
    placed = await waiting(shop, variant)
    chat = Chat()
    await works(shop, chat, AFTER)
    assert chat.hand_overs() == []
    assert (await shop.rows(tables.orders))[0]["number"] == placed.order.number
