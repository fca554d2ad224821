"""Money that leaves without the shop: at the provider's desk, by the buyer's bank."""

import dataclasses
from datetime import timedelta

import pytest

from domain import refunding, returns, reviewing
from domain.checkout import Placed
from domain.errors import ProviderRejected
from domain.ledger import GOODS, HELD
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import Refund, RefundEvent, RefundOrigin, RefundResult
from domain.refunding import Wanted
from domain.remedies import Remedy
from domain.settlement import Outcome
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop
from tests.storage.money import (
    ALL,
    EARNED,
    OWED,
    TILL,
    asks_for_top_up,
    notes,
    ruled,
    spends,
    standing,
    state,
    to_admins,
    tops_up,
    usd,
)

LATER = NOW + timedelta(hours=1)
NOTHING = usd(0)
BANNING = dataclasses.replace(RULES, ban_on_chargeback=True)


def gone(
    placed: Placed, cents: int, *, refund_id: str = "", disputed: bool = False
) -> RefundEvent:
    """What the provider tells of the order's first payment."""
    assert placed.attempt is not None
    external_id = f"tx-{placed.attempt.number}"
    return RefundEvent(
        "till", "till-1", external_id, usd(cents), disputed=disputed, refund_id=refund_id
    )


async def booked(shop: Shop, event: RefundEvent) -> Money | None:
    return await returns.book(shop.uow(), event, RULES, now=LATER)


async def refunds_the_shop(shop: Shop, placed: Placed, wanted: Wanted = ALL) -> None:
    await refunding.refund(
        shop.uow(),
        {"till": shop.till},
        placed.order.number,
        "by wish",
        wanted,
        actor_id=ADMIN,
        now=NOW,
    )


async def origins(shop: Shop) -> list[tuple[str, str, int]]:
    return [
        (row["origin"], row["status"], row["amount"]) for row in await shop.rows(tables.refunds)
    ]


# --- At the desk -----------------------------------------------------------------------------


async def test_all_given_back_at_the_desk_ends_the_order(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, 499)) == PRICE
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    assert await origins(shop) == [("desk", "done", 499)]
    (note,) = await notes(shop, Topic.RETURNED)
    assert note["chat_id"] is None
    assert note["facts"] == {"origin": "desk", "provider": "till", "amount": "4.99 USD"}
    entry = (await shop.rows(tables.audit_log))[-1]
    assert (entry["actor_id"], entry["action"], entry["subject"]) == (
        0,
        "money returned",
        placed.order.number,
    )
    assert shop.till.refunded == []


async def test_a_part_given_back_at_the_desk_leaves_the_goods(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, 200)) == usd(200)
    assert await standing(shop) == {TILL: -299, GOODS: 299}
    assert await state(shop, placed) == (OrderStatus.PAID, None)


async def test_sums_so_far_are_booked_once_in_any_order(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, 100)) == usd(100)
    assert await booked(shop, gone(placed, 100)) is None
    assert await booked(shop, gone(placed, 300)) == usd(200)
    assert await booked(shop, gone(placed, 200)) is None
    assert await standing(shop) == {TILL: -199, GOODS: 199}


async def test_single_refunds_are_booked_once_each(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    for name in ("a", "b", "a", "b"):
        await booked(shop, gone(placed, 100, refund_id=name))
    assert await origins(shop) == [("desk", "done", 100)] * 2
    assert await standing(shop) == {TILL: -299, GOODS: 299}


@pytest.mark.parametrize("by_id", [False, True], ids=["sum", "single"])
@pytest.mark.parametrize("done", [False, True], ids=["under way", "done"])
async def test_the_shops_own_refund_is_not_booked_twice(
    shop: Shop, by_id: bool, done: bool
) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = RefundResult(done=done)
    await refunds_the_shop(shop, placed, Wanted(usd(200)))
    name = f"{placed.order.number}R01" if by_id else ""
    assert await booked(shop, gone(placed, 200, refund_id=name)) is None
    assert len(await origins(shop)) == 1
    if not done:
        shop.till.refund_result = RefundResult(done=True)
        assert await refunding.carry_on(shop.uow(), {"till": shop.till}, now=LATER) == 1
    assert await standing(shop) == {TILL: -299, GOODS: 299}


async def test_what_went_to_the_balance_is_not_what_went_back(shop: Shop) -> None:
    """The shop has credited it, and the merchant has given it back besides."""
    placed = await shop.sold(await shop.stocked())
    await refunds_the_shop(shop, placed, Wanted(usd(200), to_balance=True))
    assert await booked(shop, gone(placed, 200)) == usd(200)
    assert await standing(shop) == {TILL: -299, OWED: 200, GOODS: 99}


async def test_a_refused_refund_made_at_the_desk_is_booked(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())

    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "no")

    shop.till.on_refund = refuse
    with pytest.raises(ProviderRejected):
        await refunds_the_shop(shop, placed)
    assert await booked(shop, gone(placed, 499)) == PRICE
    assert await standing(shop) == {}
    assert (await state(shop, placed))[0] is OrderStatus.REFUNDED


async def test_held_money_given_back_at_the_desk_needs_nobody(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=usd(200))
    await booked(shop, gone(placed, 200))
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.PENDING, None)
    rest = await shop.pays(placed, amount=usd(299), external_id="tx-rest")
    assert rest.outcome is Outcome.UNDER


async def test_spent_money_that_goes_back_is_owed_by_the_buyer(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    await spends(shop, await shop.stocked())
    await booked(shop, gone(placed, 500))
    assert await standing(shop) == {GOODS: 499, OWED: -499}
    assert (await state(shop, placed))[0] is OrderStatus.REFUNDED
    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed)
    assert (await standing(shop))[OWED] == 1


async def test_credited_money_that_goes_back_is_owed_by_the_buyer(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second", rules=ruled(twice=Remedy.CREDIT))
    event = dataclasses.replace(gone(placed, 499), external_id="tx-second")
    await booked(shop, event)
    assert await standing(shop) == EARNED
    assert await state(shop, placed) == (OrderStatus.PAID, None)


@pytest.mark.parametrize("strange", ["payment", "currency", "account"])
async def test_what_is_not_known_changes_nothing(shop: Shop, strange: str) -> None:
    placed = await shop.sold(await shop.stocked())
    event = {
        "payment": dataclasses.replace(gone(placed, 499), external_id="unknown"),
        "currency": dataclasses.replace(gone(placed, 499), returned=Money(499, "EUR")),
        "account": dataclasses.replace(gone(placed, 499), account="till-2"),
    }[strange]
    assert await booked(shop, event) is None
    assert await standing(shop) == EARNED


# --- Money of no order -----------------------------------------------------------------------


async def orphan(shop: Shop) -> Placed:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    settlement = await shop.pays(placed, attempt_number="UNHEARD-OF")
    assert settlement.outcome is Outcome.UNKNOWN
    return placed


async def test_money_of_no_order_goes_back_in_parts(shop: Shop) -> None:
    placed = await orphan(shop)
    assert await booked(shop, gone(placed, 200)) == usd(200)
    assert await booked(shop, gone(placed, 200)) is None
    assert await standing(shop) == {TILL: -299, HELD: 299}
    assert await booked(shop, gone(placed, 499)) == usd(299)
    assert await standing(shop) == {}


async def test_the_return_of_no_orders_money_is_told(shop: Shop) -> None:
    placed = await orphan(shop)
    await booked(shop, gone(placed, 499))
    assert Topic.RETURNED in await to_admins(shop)


async def test_money_that_went_back_buys_nothing_when_its_order_is_named(shop: Shop) -> None:
    """Given back at the desk because nobody knew what for; then somebody names the order."""
    placed = await orphan(shop)
    await booked(shop, gone(placed, 499))
    await reviewing.confirm(
        shop.uow(),
        placed.order.number,
        gone(placed, 0).external_id,
        "",
        RULES,
        actor_id=ADMIN,
        now=LATER,
    )
    assert await shop.bought(placed) == []
    assert TILL not in await standing(shop)


# --- Disputes --------------------------------------------------------------------------------


async def test_a_dispute_takes_the_money_and_is_told(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, 499, disputed=True)) == PRICE
    assert await booked(shop, gone(placed, 499, disputed=True)) is None
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    (note,) = await notes(shop, Topic.RETURNED)
    assert note["facts"]["origin"] == RefundOrigin.DISPUTE


async def test_a_dispute_is_counted_apart_from_refunds(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await refunds_the_shop(shop, placed, Wanted(usd(200)))
    assert await booked(shop, gone(placed, 299, disputed=True)) == usd(299)
    assert await booked(shop, gone(placed, 200)) is None
    assert await standing(shop) == {}


@pytest.mark.parametrize("bans", [True, False])
async def test_a_dispute_bans_when_the_owner_says_so(shop: Shop, bans: bool) -> None:
    placed = await shop.sold(await shop.stocked())
    rules = BANNING if bans else RULES
    await returns.book(shop.uow(), gone(placed, 499, disputed=True), rules, now=LATER)
    async with shop.uow() as uow:
        buyer = await uow.customers.get(BUYER)
    assert buyer is not None
    assert buyer.banned is bans
    (note,) = await notes(shop, Topic.RETURNED)
    assert note["facts"].get("banned") == (1 if bans else None)
    actions = [row["action"] for row in await shop.rows(tables.audit_log)]
    assert ("banned for a chargeback" in actions) is bans


async def test_who_is_banned_is_not_banned_again(shop: Shop) -> None:
    variant = await shop.stocked()
    for placed in [await shop.sold(variant), await shop.sold(variant)]:
        event = gone(placed, 499, disputed=True)
        await shop.executes(tables.customers.update().values(banned=True))
        await returns.book(shop.uow(), event, BANNING, now=LATER)
    assert [n["facts"].get("banned") for n in await notes(shop, Topic.RETURNED)] == [None, None]


async def test_a_desk_refund_bans_nobody(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await returns.book(shop.uow(), gone(placed, 499), BANNING, now=LATER)
    async with shop.uow() as uow:
        buyer = await uow.customers.get(BUYER)
    assert buyer is not None
    assert not buyer.banned


async def test_a_dispute_that_is_won_brings_the_money_back_once(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await booked(shop, gone(placed, 499, disputed=True))
    for _ in range(2):
        assert await booked(shop, gone(placed, 0, disputed=True)) is None
    assert await standing(shop) == EARNED
    assert await origins(shop) == [("dispute", "failed", 499)]
    assert (await shop.rows(tables.audit_log))[-1]["action"] == "dispute won"


async def test_an_order_that_was_disputed_stays_closed(shop: Shop) -> None:
    """Whoever wins: what becomes of its buyer is the owner's decision."""
    placed = await shop.sold(await shop.stocked())
    await booked(shop, gone(placed, 499, disputed=True))
    await booked(shop, gone(placed, 0, disputed=True))
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
    assert await standing(shop) == EARNED


async def test_a_dispute_that_nobody_began_is_not_won(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, 0, disputed=True)) is None
    assert await standing(shop) == EARNED


async def test_old_news_of_a_dispute_that_was_won_takes_nothing(shop: Shop) -> None:
    """The same news may come any number of times and in any order."""
    placed = await shop.sold(await shop.stocked())
    await booked(shop, gone(placed, 499, disputed=True))
    await booked(shop, gone(placed, 0, disputed=True))
    assert await booked(shop, gone(placed, 499, disputed=True)) is None
    assert await standing(shop) == EARNED


async def test_a_won_dispute_gives_the_balance_back_what_it_took(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second", rules=ruled(twice=Remedy.CREDIT))
    for cents in (499, 0):
        event = dataclasses.replace(gone(placed, cents, disputed=True), external_id="tx-second")
        await booked(shop, event)
    assert await standing(shop) == {TILL: -998, GOODS: 499, OWED: 499}


async def test_a_won_dispute_over_held_money_is_held_again(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=usd(200))
    await booked(shop, gone(placed, 200, disputed=True))
    await booked(shop, gone(placed, 0, disputed=True))
    assert await standing(shop) == {TILL: -200, HELD: 200}
    assert (await state(shop, placed))[1] is OrderException.UNDER


async def test_a_won_dispute_over_a_top_up_fills_the_balance_again(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    await spends(shop, await shop.stocked())
    await booked(shop, gone(placed, 500, disputed=True))
    assert (await standing(shop))[OWED] == -499
    await booked(shop, gone(placed, 0, disputed=True))
    assert await standing(shop) == {TILL: -500, GOODS: 499, OWED: 1}


async def test_a_dispute_during_a_top_ups_refund_that_fails(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    shop.till.refund_result = RefundResult(done=False)
    await refunds_the_shop(shop, placed)
    await booked(shop, gone(placed, 500, disputed=True))

    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "disputed")

    shop.till.on_refund = refuse
    await refunding.carry_on(shop.uow(), {"till": shop.till}, now=LATER)
    assert await standing(shop) == {}


async def test_no_more_goes_back_than_has_come(shop: Shop) -> None:
    """A provider tells the price, where less was paid: the buyer owes nothing for it."""
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=usd(200))
    assert await booked(shop, gone(placed, PRICE.amount)) == usd(200)
    assert await standing(shop) == {}
    assert await booked(shop, gone(placed, PRICE.amount)) is None


async def test_no_more_goes_back_one_by_one_than_has_come(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    assert await booked(shop, gone(placed, PRICE.amount * 2, refund_id="R1")) == PRICE
    assert await standing(shop) == {}


@pytest.mark.parametrize("cents", [PRICE.amount, 100])
async def test_what_had_gone_back_when_a_payment_was_found_buys_nothing(
    shop: Shop, cents: int
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, returned=usd(cents))
    held = PRICE.amount - cents
    assert await standing(shop) == ({HELD: held, TILL: -held} if held else {})
    order = await shop.order(placed)
    assert order.status is OrderStatus.PENDING
    assert order.exception is (OrderException.UNDER if held else None)
    assert await booked(shop, gone(placed, cents)) is None
