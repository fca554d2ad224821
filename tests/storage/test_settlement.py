"""Money that comes: once or often, too early or late, too little or too much."""

from datetime import timedelta
from typing import Any

import pytest

from domain import checkout
from domain.ledger import GOODS, HELD, Posting, customer_account, provider_account
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import AttemptStatus
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from domain.settlement import Outcome, adopt_orphans
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop

AFTER = NOW + RULES.order_ttl
OWED = customer_account(BUYER)


async def balance(shop: Shop, account: str) -> int:
    rows = await shop.rows(tables.ledger, tables.ledger.c.account == account)
    return sum(row["amount"] for row in rows)


async def topics(shop: Shop) -> list[str]:
    return [row["topic"] for row in await shop.rows(tables.outbox)]


async def test_a_payment_sells_the_keys_and_sends_them(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(), 2)
    settlement = await shop.pays(placed)
    order = await shop.order(placed)
    assert settlement.outcome is Outcome.PAID
    assert (order.status, order.paid_at, order.exception) == (OrderStatus.PAID, NOW, None)
    assert len(await shop.bought(placed)) == 2
    assert await topics(shop) == [Topic.GOODS]
    assert (await shop.attempt(placed)).status is AttemptStatus.PAID
    assert await balance(shop, GOODS) == 2 * PRICE.amount
    assert await balance(shop, provider_account("till")) == -2 * PRICE.amount


async def test_a_repeated_payment_has_no_effect(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed)
    again = await shop.pays(placed, now=NOW + timedelta(days=3))
    assert again.outcome is Outcome.REPEATED
    assert again.order is not None
    assert len(await shop.bought(placed)) == 1
    assert await topics(shop) == [Topic.GOODS]
    assert len(await shop.rows(tables.payments)) == 1


@pytest.mark.parametrize("how", ["expired", "cancelled"])
async def test_late_money_gets_its_goods_while_there_are_some(shop: Shop, how: str) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(), 2)
    await close(shop, placed, how)
    settlement = await shop.pays(placed, now=AFTER + timedelta(days=3))
    order = await shop.order(placed)
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.DELIVER)
    assert (order.status, order.exception) == (OrderStatus.PAID, None)
    assert len(await shop.bought(placed)) == 2
    assert {Topic.SETTLED, Topic.BALANCE} <= set(await topics(shop))


async def close(shop: Shop, placed: checkout.Placed, how: str) -> None:
    if how == "cancelled":
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    else:
        assert await checkout.expire_due(shop.uow(), RULES, now=AFTER)


async def test_late_money_without_stock_is_held_for_a_person(shop: Shop) -> None:
    variant = await shop.stocked(keys=2)
    placed = await shop.places(await shop.buyer(), variant, 2)
    await close(shop, placed, "expired")
    await shop.sold(variant, buyer_id=BUYER + 1)
    settlement = await shop.pays(placed, now=AFTER)
    order = await shop.order(placed)
    assert settlement.outcome is Outcome.LATE
    assert (order.status, order.exception) == (OrderStatus.EXPIRED, OrderException.LATE)
    assert await balance(shop, HELD) == 2 * PRICE.amount
    assert (await shop.stock()).available == 1


async def test_too_little_is_kept_until_the_rest_comes(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    part = await shop.pays(placed, amount=Money(200, "USD"))
    assert part.outcome is Outcome.UNDER
    assert (await shop.order(placed)).exception is OrderException.UNDER
    assert await balance(shop, HELD) == 200
    assert await shop.bought(placed) == []
    rest = await shop.pays(placed, amount=Money(299, "USD"), external_id="tx-rest")
    assert rest.outcome is Outcome.PAID
    assert await balance(shop, HELD) == 0
    assert await balance(shop, GOODS) == PRICE.amount
    assert len(await shop.bought(placed)) == 1


async def test_an_order_paid_in_two_parts_needs_nobody_any_more(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(200, "USD"))
    await shop.pays(placed, amount=Money(299, "USD"), external_id="tx-rest")
    assert (await shop.order(placed)).exception is None


async def test_parts_by_two_methods_stay_before_a_person(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(200, "USD"))
    other = type(shop.till)(code="other")
    whole = await checkout.pay_with(shop.uow(), other, placed.order.number, BUYER, RULES, now=NOW)
    assert (await shop.pays(whole)).outcome is Outcome.PAID
    assert (await shop.order(placed)).exception is OrderException.UNDER
    assert await balance(shop, HELD) == 200


@pytest.mark.parametrize(
    ("remedy", "account", "exception"),
    [(Remedy.CREDIT, OWED, None), (Remedy.ASK, HELD, OrderException.OVER)],
)
async def test_too_much_is_delivered_and_the_excess_follows_its_rule(
    shop: Shop, remedy: Remedy, account: str, exception: OrderException | None
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    rules = Rules(remedies=Remedies(over=remedy))
    settlement = await shop.pays(placed, amount=Money(600, "USD"), rules=rules)
    order = await shop.order(placed)
    assert (settlement.outcome, settlement.remedy) == (Outcome.OVER, remedy)
    assert (order.status, order.exception) == (OrderStatus.PAID, exception)
    assert await balance(shop, account) == 101
    assert await balance(shop, GOODS) == PRICE.amount


async def test_a_second_payment_is_kept_and_sells_nothing_more(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    settlement = await shop.pays(placed, external_id="tx-second")
    assert settlement.outcome is Outcome.TWICE
    assert (await shop.order(placed)).exception is OrderException.TWICE
    assert len(await shop.bought(placed)) == 1
    assert await balance(shop, HELD) == PRICE.amount


async def test_money_that_was_short_and_comes_twice_is_credited(shop: Shop) -> None:
    """Held once for want of goods; when they are back, a second payment takes them."""
    variant = await shop.stocked(keys=1)
    placed = await shop.places(await shop.buyer(), variant)
    await close(shop, placed, "expired")
    await shop.sold(variant, buyer_id=BUYER + 1)
    await shop.pays(placed, amount=Money(600, "USD"), now=AFTER)
    await shop.imported("GAME", "GAME-KEY-LATE")
    await shop.pays(
        placed, amount=Money(50, "USD"), external_id="tx-second", now=AFTER, rules=Rules()
    )
    assert (await shop.order(placed)).status is OrderStatus.PAID
    assert await balance(shop, OWED) == 600 + 50 - PRICE.amount
    assert await balance(shop, HELD) == 0


@pytest.mark.parametrize(
    "change", [{"amount": Money(499, "EUR")}, {"account": "till-2"}, {"live": False}]
)
async def test_money_of_another_kind_goes_before_a_person(
    shop: Shop, change: dict[str, Any]
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    settlement = await shop.pays(placed, **change)
    order = await shop.order(placed)
    assert settlement.outcome is Outcome.MISMATCH
    assert (order.status, order.exception) == (OrderStatus.PENDING, OrderException.MISMATCH)
    assert (await shop.attempt(placed)).received == 0
    assert await balance(shop, HELD) == 499
    assert (await shop.pays(placed, external_id="tx-right")).outcome is Outcome.PAID


async def test_money_for_no_order_is_kept_and_told_of(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    for outcome in (Outcome.UNKNOWN, Outcome.REPEATED):
        settlement = await shop.pays(placed, attempt_number="UNHEARD-OF")
        assert (settlement.outcome, settlement.order) == (outcome, None)
    assert await balance(shop, HELD) == PRICE.amount
    (note,) = await shop.rows(tables.outbox)
    assert (note["topic"], note["chat_id"]) == (Topic.PAYMENT, None)
    assert await adopt_orphans(shop.uow(), RULES, now=NOW) == 0


async def test_money_that_came_before_its_order_is_adopted(shop: Shop) -> None:
    """A callback can overtake the commit: the payment finds its order afterwards."""
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    assert placed.attempt is not None
    await shop.executes(tables.attempts.update().values(number="NOT-YET"))
    assert (await shop.pays(placed)).outcome is Outcome.UNKNOWN
    await shop.executes(tables.attempts.update().values(number=placed.attempt.number))
    assert await adopt_orphans(shop.uow(), RULES, now=NOW) == 1
    assert await adopt_orphans(shop.uow(), RULES, now=NOW) == 0
    assert (await shop.order(placed)).status is OrderStatus.PAID
    assert len(await shop.bought(placed)) == 1
    assert await balance(shop, GOODS) == PRICE.amount
    assert await balance(shop, HELD) == 0
    assert await balance(shop, provider_account("till")) == -PRICE.amount


async def test_a_message_about_adopted_money_is_a_repetition(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    assert placed.attempt is not None
    await shop.executes(tables.attempts.update().values(number="NOT-YET"))
    await shop.pays(placed)
    await shop.executes(tables.attempts.update().values(number=placed.attempt.number))
    assert (await shop.pays(placed)).outcome is Outcome.PAID
    assert (await shop.pays(placed)).outcome is Outcome.REPEATED


async def test_postings_must_balance(shop: Shop) -> None:
    await shop.sold(await shop.stocked())
    async with shop.uow() as uow:
        with pytest.raises(ValueError, match="zero"):
            await uow.payments.post(
                [Posting("a", Money(1, "USD"))], order_id=None, payment_id=1, now=NOW
            )
        with pytest.raises(ValueError, match="zero"):
            await uow.payments.post(
                [Posting("a", Money(1, "USD")), Posting("b", Money(-1, "JPY"))],
                order_id=None,
                payment_id=1,
                now=NOW,
            )


async def test_held_money_counts_as_what_came_when_a_person_names_its_order(shop: Shop) -> None:
    """Whoever confirms it names the order, not the amount."""
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    stray = await shop.pays(placed, attempt_number="NOSUCH99", amount=Money(100, "USD"))
    assert stray.outcome is Outcome.UNKNOWN
    assert (await shop.pays(placed)).outcome is Outcome.UNDER
    assert await balance(shop, HELD) == 100
    assert await balance(shop, provider_account("till")) == -100
    assert await shop.bought(placed) == []
