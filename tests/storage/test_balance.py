"""Customers' balances: filled by top-ups, spent on orders, given back."""

import asyncio
import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from domain import checkout, refunding, reviewing, spending, wallet
from domain.checkout import Placed
from domain.customers import Customer
from domain.errors import (
    BalanceTooLow,
    Banned,
    NotRefundable,
    OrderClosed,
    OrderExpired,
    OrderNotFound,
    ProviderRejected,
    TooManyPending,
    TopUpOutOfBounds,
)
from domain.ledger import BALANCE, GOODS, HELD
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import (
    AttemptStatus,
    Capability,
    PaymentEvent,
    Refund,
    RefundResult,
    RefundStatus,
)
from domain.pricing import Rates
from domain.refunding import Wanted
from domain.remedies import Remedy
from domain.rules import Rules
from domain.settlement import Outcome
from storage import tables
from storage.customers import SqlCustomers
from storage.unit_of_work import SqlUnitOfWork
from tests.invariants import check
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop, Till, opened
from tests.storage.money import (
    ALL,
    EARNED,
    OWED,
    TILL,
    asks_for_top_up,
    notes,
    pays_the_rest,
    ruled,
    spends,
    standing,
    state,
    tops_up,
    usd,
    wish,
)

AFTER = NOW + RULES.order_ttl
LATER = AFTER + timedelta(hours=1)
MANY = Rules(remedies=RULES.remedies, max_pending=50)


async def give_back(
    shop: Shop, placed: Placed, wanted: Wanted = ALL, till: Till | None = None
) -> list[Refund]:
    return await refunding.refund(
        shop.uow(),
        {"till": till or shop.till},
        placed.order.number,
        "by wish",
        wanted,
        actor_id=ADMIN,
        now=LATER,
    )


async def ban(shop: Shop) -> None:
    buyer = await shop.buyer()
    async with shop.uow() as uow:
        await uow.customers.save(dataclasses.replace(buyer, banned=True))
        await uow.commit()


# --- Top-ups ---------------------------------------------------------------------------------


async def test_a_paid_top_up_is_the_buyers_balance(shop: Shop) -> None:
    placed = await tops_up(shop, 1000)
    assert await state(shop, placed) == (OrderStatus.DELIVERED, None)
    assert await standing(shop) == {TILL: -1000, OWED: 1000}
    assert await wallet.balances(shop.uow(), BUYER) == [usd(1000)]
    (note,) = await notes(shop, Topic.BALANCE)
    assert (note["chat_id"], note["facts"]) == (BUYER, {"why": "topup", "amount": "10.00 USD"})
    assert len(await notes(shop, Topic.ORDER)) == 1
    assert await notes(shop, Topic.GOODS) == []
    assert shop.till.created[0].title == checkout.TOP_UP_TITLE


async def test_a_top_up_paid_in_another_currency_can_be_spent(shop: Shop) -> None:
    """What was asked for is what the balance gets, whatever money the method takes."""
    stars = Till(currencies=("XTR",))
    rules = dataclasses.replace(RULES, rates=Rates("USD", {"XTR": Decimal(50)}))
    placed = await asks_for_top_up(shop, 1000, till=stars, rules=rules)
    assert placed.attempt is not None
    assert placed.attempt.amount == Money(500, "XTR")
    await shop.pays(placed, rules=rules)
    assert await wallet.balances(shop.uow(), BUYER) == [usd(1000)]


async def test_a_top_up_in_another_currency_goes_back_in_it(shop: Shop) -> None:
    """And what the balance got for it goes off the balance: a part, then the rest."""
    stars = Till(currencies=("XTR",))
    rules = dataclasses.replace(RULES, rates=Rates("USD", {"XTR": Decimal(50)}))
    placed = await asks_for_top_up(shop, 1000, till=stars, rules=rules)
    await shop.pays(placed, rules=rules)
    part = Wanted(amount=Money(101, "XTR"))
    await give_back(shop, placed, part, stars)
    assert await wallet.balances(shop.uow(), BUYER) == [usd(798)]
    await give_back(shop, placed, ALL, stars)
    assert await wallet.balances(shop.uow(), BUYER) == []
    assert [item.amount for item in stars.refunded] == [Money(101, "XTR"), Money(399, "XTR")]
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)


async def test_a_top_up_in_another_currency_that_was_spent_stays(shop: Shop) -> None:
    stars = Till(currencies=("XTR",))
    rules = dataclasses.replace(RULES, rates=Rates("USD", {"XTR": Decimal(50)}))
    placed = await asks_for_top_up(shop, 1000, till=stars, rules=rules)
    await shop.pays(placed, rules=rules)
    await spends(shop, await shop.stocked())
    with pytest.raises(BalanceTooLow):
        await give_back(shop, placed, ALL, stars)
    assert stars.refunded == []


async def test_a_refused_refund_of_a_top_up_in_another_currency_is_credited_again(
    shop: Shop,
) -> None:
    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "no")

    stars = Till(currencies=("XTR",), on_refund=refuse)
    rules = dataclasses.replace(RULES, rates=Rates("USD", {"XTR": Decimal(50)}))
    placed = await asks_for_top_up(shop, 1000, till=stars, rules=rules)
    await shop.pays(placed, rules=rules)
    with pytest.raises(ProviderRejected):
        await give_back(shop, placed, ALL, stars)
    assert await wallet.balances(shop.uow(), BUYER) == [usd(1000)]
    assert await state(shop, placed) == (OrderStatus.DELIVERED, None)


async def test_credited_stars_are_worth_what_their_order_asked(shop: Shop) -> None:
    """A second payment in Stars is the buyer's in the shop's money, and goes back in Stars."""
    stars = Till(currencies=("XTR",))
    rules = dataclasses.replace(
        ruled(twice=Remedy.CREDIT), rates=Rates("USD", {"XTR": Decimal(50)})
    )
    variant = await shop.stocked()
    placed = await shop.places(await shop.buyer(), variant, provider=stars, rules=rules)
    await shop.pays(placed, rules=rules)
    await shop.pays(placed, external_id="tx-second", rules=rules)
    assert await wallet.balances(shop.uow(), BUYER) == [PRICE]
    await give_back(shop, placed, Wanted(amount=Money(250, "XTR")), stars)
    assert await wallet.balances(shop.uow(), BUYER) == []
    assert [item.external_id for item in stars.refunded] == ["tx-second"]
    assert (await shop.order(placed)).status is OrderStatus.PAID


@pytest.mark.parametrize(
    "amount", [usd(99), usd(100_001), Money(1000, "EUR")], ids=["less", "more", "currency"]
)
async def test_a_top_up_keeps_within_its_bounds(shop: Shop, amount: Money) -> None:
    await shop.buyer()
    with pytest.raises(TopUpOutOfBounds):
        await spending.top_up(shop.uow(), BUYER, amount, RULES, now=NOW)
    assert await shop.rows(tables.orders) == []


async def test_unpaid_top_ups_count_as_pending_orders(shop: Shop) -> None:
    for _ in range(RULES.max_pending):
        await asks_for_top_up(shop, 100)
    with pytest.raises(TooManyPending):
        await asks_for_top_up(shop, 100)


async def test_a_top_up_is_not_paid_from_the_balance(shop: Shop) -> None:
    await tops_up(shop, 1000)
    placed = await asks_for_top_up(shop, 500)
    with pytest.raises(BalanceTooLow):
        await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)


@pytest.mark.parametrize("how", ["cancelled", "expired"])
async def test_money_for_a_top_up_is_never_too_late(shop: Shop, how: str) -> None:
    placed = await asks_for_top_up(shop, 500)
    if how == "cancelled":
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    else:
        assert await checkout.expire_due(shop.uow(), RULES, now=AFTER) == 1
    settlement = await shop.pays(placed, now=LATER)
    assert (settlement.outcome, settlement.remedy) == (Outcome.PAID, None)
    assert await state(shop, placed) == (OrderStatus.DELIVERED, None)
    assert (await standing(shop))[OWED] == 500


async def test_a_top_up_in_two_parts_is_credited_when_it_is_whole(shop: Shop) -> None:
    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed, amount=usd(200))
    assert await standing(shop) == {TILL: -200, HELD: 200}
    await shop.pays(placed, amount=usd(300), external_id="tx-rest")
    assert await standing(shop) == {TILL: -500, OWED: 500}
    assert await state(shop, placed) == (OrderStatus.DELIVERED, None)


async def test_a_short_top_up_let_pass_by_hand_tells_what_was_credited(shop: Shop) -> None:
    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed, amount=usd(200))
    await reviewing.fulfil(shop.uow(), placed.order.number, actor_id=ADMIN, now=NOW)
    assert await standing(shop) == {TILL: -200, OWED: 200}
    (note,) = await notes(shop, Topic.BALANCE)
    assert note["facts"]["amount"] == "2.00 USD"


# --- Spending --------------------------------------------------------------------------------


async def test_an_order_paid_whole_from_the_balance_is_handed_over(shop: Shop) -> None:
    await tops_up(shop, 1000)
    placed = await spends(shop, await shop.stocked())
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    assert await standing(shop) == {TILL: -1000, OWED: 501, GOODS: 499}
    assert len(await shop.bought(placed)) == 1
    assert len(await notes(shop, Topic.GOODS)) == 1
    assert placed.attempt is not None
    assert (placed.attempt.provider, placed.attempt.status) == (BALANCE, AttemptStatus.PAID)


async def test_pressing_twice_spends_once(shop: Shop) -> None:
    await tops_up(shop, 1000)
    request = wish(await shop.stocked())
    first = await spending.buy_from_balance(shop.uow(), request, RULES, now=NOW)
    again = await spending.buy_from_balance(shop.uow(), request, RULES, now=NOW)
    assert again.order.number == first.order.number
    assert (await standing(shop))[OWED] == 501


async def test_nothing_in_the_balance_reserves_nothing(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.buyer()
    with pytest.raises(BalanceTooLow):
        await spends(shop, variant)
    assert (await shop.stock()).reserved == 0
    assert await shop.rows(tables.orders) == []


async def test_money_of_another_currency_is_not_spent(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(900, "EUR"), rules=ruled(mismatch=Remedy.CREDIT))
    assert await wallet.balances(shop.uow(), BUYER) == [Money(900, "EUR")]
    with pytest.raises(BalanceTooLow):
        await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)


async def in_part(shop: Shop, cents: int = 200, quantity: int = 1) -> Placed:
    """An order to which the balance has given all that it held."""
    await tops_up(shop, cents)
    return await spends(shop, await shop.stocked(keys=1), quantity)


async def test_the_rest_of_a_price_is_paid_by_another_method(shop: Shop) -> None:
    placed = await in_part(shop)
    assert await state(shop, placed) == (OrderStatus.PENDING, None)
    assert await standing(shop) == {TILL: -200, HELD: 200}
    rest = await pays_the_rest(shop, placed.order)
    assert rest.attempt is not None
    assert (rest.attempt.amount, rest.attempt.from_balance) == (usd(299), 200)
    assert (await shop.pays(rest)).outcome is Outcome.PAID
    assert await standing(shop) == {TILL: -499, GOODS: 499}
    assert (await shop.order(placed)).from_balance == 0


async def test_the_balance_can_give_more_after_a_second_top_up(shop: Shop) -> None:
    placed = await in_part(shop)
    await tops_up(shop, 500)
    await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    assert await standing(shop) == {TILL: -700, GOODS: 499, OWED: 201}


async def test_too_much_for_the_rest_follows_its_rule(shop: Shop) -> None:
    rest = await pays_the_rest(shop, (await in_part(shop)).order)
    settlement = await shop.pays(rest, amount=usd(400), rules=Rules())
    assert settlement.outcome is Outcome.OVER
    assert await standing(shop) == {TILL: -600, GOODS: 499, OWED: 101}


async def test_an_attempt_for_all_of_it_gives_the_balances_part_back(shop: Shop) -> None:
    """The buyer pays the link that they had before they used their balance."""
    variant = await shop.stocked()
    placed = await shop.places(await shop.buyer(), variant)
    await tops_up(shop, 200)
    await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)
    async with shop.uow() as uow:
        first, *_ = await uow.attempts.of_order(placed.order.id)
    assert first.status is AttemptStatus.CLOSED
    assert (await shop.pays(placed)).outcome is Outcome.PAID
    assert await standing(shop) == {TILL: -699, GOODS: 499, OWED: 200}


async def test_only_ones_own_open_order_is_paid_from_the_balance(shop: Shop) -> None:
    await tops_up(shop, 1000)
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    number = placed.order.number
    with pytest.raises(OrderNotFound):
        await spending.pay_from_balance(shop.uow(), number, BUYER + 1, now=NOW)
    with pytest.raises(OrderExpired):
        await spending.pay_from_balance(shop.uow(), number, BUYER, now=AFTER)
    await shop.pays(placed)
    with pytest.raises(OrderClosed):
        await spending.pay_from_balance(shop.uow(), number, BUYER, now=NOW)
    assert (await standing(shop))[OWED] == 1000


async def test_who_is_banned_spends_nothing(shop: Shop) -> None:
    await tops_up(shop, 1000)
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await ban(shop)
    with pytest.raises(Banned):
        await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)


async def test_a_number_given_twice_spends_nothing(shop: Shop) -> None:
    """It cannot happen; if it did, the balance would pay without being charged."""
    await tops_up(shop, 1000)
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    taken = f"{placed.order.number}02"
    event = PaymentEvent(
        BALANCE,
        wallet.ACCOUNT,
        live=True,
        external_id=taken,
        attempt_number=taken,
        amount=PRICE,
    )
    async with shop.uow() as uow:
        await uow.payments.record(event, placed.order.id, NOW, "test")
        await uow.commit()
    with pytest.raises(RuntimeError):
        await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)
    assert (await shop.order(placed)).is_pending


# --- Back again ------------------------------------------------------------------------------


async def left(shop: Shop, placed: Placed, how: str) -> None:
    if how == "cancelled":
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    else:
        assert await checkout.expire_due(shop.uow(), RULES, now=AFTER) == 1


@pytest.mark.parametrize("how", ["cancelled", "expired"])
async def test_a_left_order_gives_the_balance_back(shop: Shop, how: str) -> None:
    placed = await in_part(shop)
    await left(shop, placed, how)
    assert await standing(shop) == {TILL: -200, OWED: 200}
    assert (await shop.order(placed)).from_balance == 0
    assert (await shop.stock()).available == 1


async def late(shop: Shop, how: str = "expired") -> Placed:
    """An order left with the balance given back, and the attempt for its rest."""
    rest = await pays_the_rest(shop, (await in_part(shop)).order)
    await left(shop, rest, how)
    return rest


@pytest.mark.parametrize("how", ["cancelled", "expired"])
async def test_late_money_takes_the_balance_again(shop: Shop, how: str) -> None:
    rest = await late(shop, how)
    settlement = await shop.pays(rest, now=LATER)
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, Remedy.DELIVER)
    assert await standing(shop) == {TILL: -499, GOODS: 499}
    assert len(await shop.bought(rest)) == 1


@pytest.mark.parametrize(
    ("remedy", "done", "books", "exception"),
    [
        (Remedy.CREDIT, Remedy.CREDIT, {OWED: 299}, None),
        (Remedy.ASK, Remedy.ASK, {HELD: 299}, OrderException.LATE),
        (Remedy.WAIT, Remedy.ASK, {HELD: 299}, OrderException.LATE),
    ],
)
async def test_late_money_without_the_balance_follows_its_rule(
    shop: Shop,
    remedy: Remedy,
    done: Remedy,
    books: dict[str, int],
    exception: OrderException | None,
) -> None:
    rest = await late(shop)
    await spends(shop, await shop.stocked("OTHER", price=usd(200)))
    settlement = await shop.pays(rest, now=LATER, rules=ruled(sold_out=remedy))
    assert (settlement.outcome, settlement.remedy) == (Outcome.LATE, done)
    assert await standing(shop) == {TILL: -499, GOODS: 200, **books}
    assert await state(shop, rest) == (OrderStatus.EXPIRED, exception)
    assert (await shop.stock()).available == 1


async def test_late_money_of_somebody_banned_takes_no_balance(shop: Shop) -> None:
    rest = await late(shop)
    await ban(shop)
    settlement = await shop.pays(rest, now=LATER, rules=ruled(sold_out=Remedy.CREDIT))
    assert settlement.remedy is Remedy.CREDIT
    assert await standing(shop) == {TILL: -499, OWED: 499}


@pytest.mark.parametrize(
    ("remedy", "books", "expected"),
    [
        (Remedy.WAIT, {GOODS: 499}, (OrderStatus.PAID, OrderException.SHORT)),
        (Remedy.CREDIT, {OWED: 499}, (OrderStatus.EXPIRED, None)),
        (Remedy.ASK, {OWED: 200, HELD: 299}, (OrderStatus.EXPIRED, OrderException.LATE)),
    ],
)
async def test_late_money_without_goods_leaves_no_balance_behind(
    shop: Shop,
    remedy: Remedy,
    books: dict[str, int],
    expected: tuple[OrderStatus, OrderException | None],
) -> None:
    rest = await late(shop)
    await shop.imported("GAME", "GAME-KEY-OTHER")
    variant_id = rest.order.lines[0].variant_id
    await shop.executes(
        tables.card_keys.update()
        .where(tables.card_keys.c.variant_id == variant_id)
        .values(status="withdrawn")
    )
    await shop.pays(rest, now=LATER, rules=ruled(sold_out=remedy))
    assert await standing(shop) == {TILL: -499, **books}
    assert await state(shop, rest) == expected
    assert (await shop.order(rest)).from_balance == 0


async def test_money_for_another_merchant_is_not_earned_with_the_balances_part(
    shop: Shop,
) -> None:
    """Test money held before a person stays there, though it came by the same attempt."""
    rest = await pays_the_rest(shop, (await in_part(shop)).order)
    await shop.pays(rest, live=False, external_id="tx-test-mode")
    await shop.pays(rest)
    assert await standing(shop) == {TILL: -200 - 299 - 299, GOODS: 499, HELD: 299}
    assert await state(shop, rest) == (OrderStatus.PAID, OrderException.MISMATCH)


# --- Refunds ---------------------------------------------------------------------------------


async def test_a_refund_of_a_balance_payment_goes_to_the_balance(shop: Shop) -> None:
    await tops_up(shop, 1000)
    placed = await spends(shop, await shop.stocked())
    (done,) = await give_back(shop, placed)
    assert done.status is RefundStatus.DONE
    assert await standing(shop) == {TILL: -1000, OWED: 1000}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    assert shop.till.refunded == []


async def test_each_part_of_a_price_goes_back_where_it_came_from(shop: Shop) -> None:
    rest = await pays_the_rest(shop, (await in_part(shop)).order)
    await shop.pays(rest)
    assert len(await give_back(shop, rest)) == 2
    assert await standing(shop) == {TILL: -200, OWED: 200}
    assert [item.amount for item in shop.till.refunded] == [usd(299)]
    assert await state(shop, rest) == (OrderStatus.REFUNDED, None)


async def test_a_top_up_goes_back_the_way_it_came(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    await give_back(shop, placed)
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)


async def test_a_top_up_on_its_way_back_cannot_be_spent(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    variant = await shop.stocked()
    shop.till.refund_result = RefundResult(done=False)
    await give_back(shop, placed)
    assert await standing(shop) == {TILL: -500, HELD: 500}
    with pytest.raises(BalanceTooLow):
        await spends(shop, variant)
    shop.till.refund_result = RefundResult(done=True)
    assert await refunding.carry_on(shop.uow(), {"till": shop.till}, now=LATER + timedelta(1)) == 1
    assert await standing(shop) == {}


async def test_a_refused_refund_of_a_top_up_is_the_buyers_again(shop: Shop) -> None:
    placed = await tops_up(shop, 500)

    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "no")

    with pytest.raises(ProviderRejected):
        await give_back(shop, placed, till=Till(on_refund=refuse))
    assert await standing(shop) == {TILL: -500, OWED: 500}
    assert await state(shop, placed) == (OrderStatus.DELIVERED, None)


async def test_what_is_spent_of_a_top_up_does_not_go_back(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    await spends(shop, await shop.stocked())
    with pytest.raises(BalanceTooLow):
        await give_back(shop, placed)
    with pytest.raises(BalanceTooLow):
        await give_back(shop, placed, Wanted(usd(2)))
    assert await shop.rows(tables.refunds) == []
    await give_back(shop, placed, Wanted(usd(1)))
    assert await standing(shop) == {TILL: -499, GOODS: 499}


async def test_a_top_up_is_not_refunded_to_the_balance_that_it_is(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    with pytest.raises(NotRefundable):
        await give_back(shop, placed, Wanted(to_balance=True))
    with pytest.raises(NotRefundable):
        await give_back(shop, placed, till=Till(capabilities=Capability.QUERY))
    assert await standing(shop) == {TILL: -500, OWED: 500}


async def test_a_banned_buyers_top_up_can_be_given_back(shop: Shop) -> None:
    placed = await tops_up(shop, 500)
    await ban(shop)
    await give_back(shop, placed)
    assert await standing(shop) == {}


async def test_held_money_of_a_top_up_goes_back_without_a_balance(shop: Shop) -> None:
    """It never was on the balance: there is nothing to set aside there."""
    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed, amount=usd(200))
    await give_back(shop, placed)
    assert await standing(shop) == {}


async def test_held_money_of_a_top_up_is_not_taken_from_the_balance(shop: Shop) -> None:
    await tops_up(shop, 500)
    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed, amount=usd(200))
    await give_back(shop, placed)
    assert await standing(shop) == {TILL: -500, OWED: 500}


async def test_a_top_ups_money_that_a_rule_could_not_send_back_goes_before_a_person(
    shop: Shop,
) -> None:
    async def refuse(_: Refund) -> None:
        raise ProviderRejected("till", "no")

    placed = await asks_for_top_up(shop, 500)
    await shop.pays(placed, amount=usd(200), rules=ruled(under=Remedy.REFUND))
    assert await refunding.carry_on(shop.uow(), {"till": Till(on_refund=refuse)}, now=LATER) == 0
    assert await standing(shop) == {TILL: -200, HELD: 200}
    assert await state(shop, placed) == (OrderStatus.PENDING, OrderException.UNDER)


# --- Many at once ----------------------------------------------------------------------------


async def rush(shop: Shop) -> list[Placed | BaseException]:
    """Ten orders at once, and money for two."""
    variant = await shop.stocked(keys=10)
    await tops_up(shop, 2 * PRICE.amount)
    return await asyncio.gather(
        *(spends(shop, variant, rules=MANY) for _ in range(10)), return_exceptions=True
    )


async def test_a_balance_is_spent_once(shop: Shop) -> None:
    results = await rush(shop)
    paid = [r for r in results if isinstance(r, Placed)]
    assert len(paid) == 2
    assert sum(isinstance(r, BalanceTooLow) for r in results) == 8
    assert OWED not in await standing(shop)


async def test_orders_that_wait_do_not_spend_the_same_balance(shop: Shop) -> None:
    variant = await shop.stocked(keys=5)
    await tops_up(shop, PRICE.amount)
    buyer = await shop.buyer()
    placed = [await shop.places(buyer, variant, rules=MANY) for _ in range(5)]
    results = await asyncio.gather(
        *(
            spending.pay_from_balance(shop.uow(), each.order.number, BUYER, now=NOW)
            for each in placed
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(r, Placed) for r in results) == 1
    assert await standing(shop) == EARNED


class Careless(SqlCustomers):
    async def lock(self, customer_id: int) -> Customer | None:
        """`wallet.hold` that holds nothing."""
        return await self.get(customer_id)


class CarelessUnitOfWork(SqlUnitOfWork):
    def _open_repositories(self, connection: AsyncConnection) -> None:
        super()._open_repositories(connection)
        self.customers = Careless(connection, frozenset())


class CarelessShop(Shop):
    def uow(self) -> SqlUnitOfWork:
        return CarelessUnitOfWork(self.database)


async def test_without_the_hold_a_balance_is_spent_again(postgresql_url: str) -> None:
    """The control of the tests above."""
    async with opened(postgresql_url) as careful:
        shop = CarelessShop(careful.database, careful.vault, careful.till)
        results = await rush(shop)
        assert sum(isinstance(r, Placed) for r in results) > 2
        with pytest.raises(AssertionError, match="I3"):
            await check(shop.database, shop.vault)
