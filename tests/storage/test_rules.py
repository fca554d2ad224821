"""What the owner's rules do about money that does not fit: books, order, notes, outcome."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from domain import checkout
from domain.checkout import Placed
from domain.ledger import GOODS, HELD
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.remedies import Remedies, Remedy
from domain.settlement import Outcome, Settlement
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop, Till
from tests.storage.money import EARNED, OWED, TILL, notes, ruled, standing, state, usd

AFTER = NOW + RULES.order_ttl
PENDING, PAID, EXPIRED = OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.EXPIRED
Books = dict[str, int]


@dataclass(frozen=True)
class Misfit:
    """A payment that does not fit, by the rule's name."""

    rule: str
    outcome: Outcome
    status: OrderStatus
    amount: int  # what does not fit of it
    earned: int = 0
    changes: dict[str, Any] = field(default_factory=dict)  # of the payment


UNDER = Misfit("under", Outcome.UNDER, PENDING, 200, changes={"amount": usd(200)})
OVER = Misfit("over", Outcome.OVER, PAID, 101, earned=499, changes={"amount": usd(600)})
TWICE = Misfit("twice", Outcome.TWICE, PAID, 499, earned=499, changes={"external_id": "tx-2"})
MISMATCH = Misfit("mismatch", Outcome.MISMATCH, PENDING, 499, changes={"account": "till-2"})
SOLD_OUT = Misfit("sold_out", Outcome.LATE, EXPIRED, 499)
ALL = [UNDER, OVER, TWICE, MISMATCH, SOLD_OUT]


async def happens(
    shop: Shop, misfit: Misfit, remedy: Remedy, message: int | None = None
) -> tuple[Placed, Settlement]:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=1))
    if message is not None:
        await checkout.remember_message(shop.uow(), placed.order.number, message)
    if misfit is TWICE:
        await shop.pays(placed)
    if misfit is SOLD_OUT:
        await checkout.expire_due(shop.uow(), RULES, now=AFTER)
        await shop.executes(tables.card_keys.update().values(status="withdrawn"))
    await shop.executes(tables.outbox.delete())
    rules = ruled(**{misfit.rule: remedy})
    return placed, await shop.pays(placed, rules=rules, now=AFTER, **misfit.changes)


def books(misfit: Misfit, account: str) -> Books:
    earned = {GOODS: misfit.earned} if misfit.earned else {}
    return {TILL: -misfit.earned - misfit.amount, account: misfit.amount, **earned}


async def goods_are_due(shop: Shop, misfit: Misfit) -> None:
    """A note of the delivery is due where this very payment has bought the goods."""
    due = len(await notes(shop, Topic.GOODS))
    assert due == (1 if misfit is OVER else 0)
    if misfit is TWICE:  # taken away with the notes of before
        await shop.executes(tables.orders.update().values(status="delivered"))


@pytest.mark.parametrize("misfit", ALL, ids=lambda each: each.rule)
async def test_what_is_asked_is_held_before_a_person(shop: Shop, misfit: Misfit) -> None:
    placed, settlement = await happens(shop, misfit, Remedy.ASK)
    assert (settlement.outcome, settlement.remedy) == (misfit.outcome, Remedy.ASK)
    assert await state(shop, placed) == (misfit.status, OrderException(misfit.outcome))
    assert await standing(shop) == books(misfit, HELD)
    (note,) = await notes(shop, Topic.REVIEW)
    assert (note["chat_id"], note["order_id"]) == (None, placed.order.id)
    assert note["facts"] == {
        "why": misfit.outcome,
        "remedy": "ask",
        "provider": "till",
        "amount": str(usd(misfit.amount)),
    }
    assert await notes(shop, Topic.BALANCE) == []
    assert await notes(shop, Topic.ORDER) == []
    await goods_are_due(shop, misfit)


@pytest.mark.parametrize("misfit", ALL, ids=lambda each: each.rule)
async def test_a_buyer_sees_that_their_order_is_looked_at(shop: Shop, misfit: Misfit) -> None:
    await happens(shop, misfit, Remedy.ASK, message=5)
    (note,) = await notes(shop, Topic.ORDER)
    assert note["chat_id"] == BUYER
    await goods_are_due(shop, misfit)


@pytest.mark.parametrize("misfit", ALL, ids=lambda each: each.rule)
@pytest.mark.parametrize("remedy", [Remedy.CREDIT, Remedy.REFUND])
async def test_what_a_rule_does_is_told_to_both_sides(
    shop: Shop, misfit: Misfit, remedy: Remedy
) -> None:
    placed, settlement = await happens(shop, misfit, remedy, message=5)
    assert (settlement.outcome, settlement.remedy) == (misfit.outcome, remedy)
    assert await state(shop, placed) == (misfit.status, None)
    account = OWED if remedy is Remedy.CREDIT else HELD
    assert await standing(shop) == books(misfit, account)
    facts = {
        "why": misfit.outcome,
        "remedy": remedy,
        "provider": "till",
        "amount": str(usd(misfit.amount)),
    }
    (admins,) = await notes(shop, Topic.SETTLED)
    (buyer,) = await notes(shop, Topic.BALANCE)
    assert (admins["chat_id"], admins["facts"]) == (None, facts)
    assert (buyer["chat_id"], buyer["facts"]) == (BUYER, facts)
    assert await notes(shop, Topic.REVIEW) == []
    refunds = [(row["amount"], row["reason"]) for row in await shop.rows(tables.refunds)]
    back = [(misfit.amount, misfit.outcome)] if remedy is Remedy.REFUND else []
    assert refunds == back
    await goods_are_due(shop, misfit)


async def test_late_money_that_is_asked_about_buys_nothing(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=1))
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    settlement = await shop.pays(placed, now=AFTER, rules=ruled(late=Remedy.ASK))
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.ASK)
    assert await state(shop, placed) == (EXPIRED, OrderException.LATE)
    assert await standing(shop) == {TILL: -499, HELD: 499}
    assert (await shop.stock()).available == 1


async def test_late_money_that_delivers_is_told_to_both_sides(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=1))
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    settlement = await shop.pays(placed, now=AFTER, rules=ruled(late=Remedy.DELIVER))
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.DELIVER)
    assert await standing(shop) == EARNED
    for topic in (Topic.SETTLED, Topic.BALANCE):
        (note,) = await notes(shop, topic)
        assert note["facts"]["remedy"] == Remedy.DELIVER
    assert len(await notes(shop, Topic.GOODS)) == 1


async def test_late_money_that_is_too_much_follows_both_rules(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=1))
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    rules = ruled(late=Remedy.DELIVER, over=Remedy.CREDIT)
    settlement = await shop.pays(placed, amount=usd(600), now=AFTER, rules=rules)
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.DELIVER)
    assert await standing(shop) == {TILL: -600, GOODS: 499, OWED: 101}
    assert await state(shop, placed) == (PAID, None)


async def test_the_rules_that_nobody_has_set(shop: Shop) -> None:
    assert Remedies() == Remedies(
        late=Remedy.DELIVER,
        sold_out=Remedy.CREDIT,
        under=Remedy.ASK,
        over=Remedy.CREDIT,
        twice=Remedy.CREDIT,
        mismatch=Remedy.ASK,
        unknown=Remedy.ASK,
        undeliverable=Remedy.ASK,
    )


@pytest.mark.parametrize("remedy", [Remedy.ASK, Remedy.WAIT])
async def test_money_of_no_order_is_held_and_told_of_by_its_rule(
    shop: Shop, remedy: Remedy
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    rules = ruled(unknown=remedy)
    settlement = await shop.pays(placed, attempt_number="UNHEARD-OF", rules=rules)
    assert (settlement.outcome, settlement.remedy) == (Outcome.UNKNOWN, None)
    assert await standing(shop) == {TILL: -499, HELD: 499}
    found = await notes(shop, Topic.PAYMENT)
    assert len(found) == (1 if remedy is Remedy.ASK else 0)
    if found:
        assert found[0]["facts"]["transaction"] == f"tx-{placed.order.number}01"
    else:  # its day's report is another test's
        await shop.executes(tables.ledger.delete())
        await shop.executes(tables.payments.delete())


# --- One thing after another -----------------------------------------------------------------


async def test_parts_by_two_methods_are_not_forgotten_when_one_is_whole(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    other = await checkout.pay_with(
        shop.uow(), Till(code="other"), placed.order.number, BUYER, RULES, now=NOW
    )
    await shop.pays(placed, amount=usd(200))
    await shop.pays(other, amount=usd(100))
    await shop.pays(other, amount=usd(399), external_id="tx-rest")
    assert (await standing(shop))[HELD] == 200
    assert await state(shop, placed) == (PAID, OrderException.UNDER)


async def test_money_of_another_kind_is_not_earned_by_the_part_beside_it(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(499, "EUR"), external_id="tx-euro")
    await shop.pays(placed, amount=usd(200))
    await shop.pays(placed, amount=usd(299), external_id="tx-rest")
    found = await standing(shop)
    assert (found[GOODS], found["held EUR"]) == (499, 499)
    assert (await state(shop, placed))[1] is not None


async def test_an_order_paid_twice_over_has_each_excess_dealt_with(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    rules = ruled(twice=Remedy.REFUND)
    for nth in range(3):
        later = NOW + timedelta(minutes=nth)
        await shop.pays(placed, external_id=f"tx-more-{nth}", rules=rules, now=later)
    numbers = [row["number"][-3:] for row in await shop.rows(tables.refunds)]
    assert numbers == ["R01", "R02", "R03"]
    assert (await standing(shop))[HELD] == 3 * PRICE.amount
