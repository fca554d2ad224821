"""Refunds in parts, under way, refused, impossible, and those that a rule has begun."""

from datetime import datetime, timedelta

import pytest

from domain import checkout, refunding, returns
from domain.checkout import Placed
from domain.errors import NotRefundable, ProviderRejected, ProviderUnavailable
from domain.ledger import GOODS, HELD
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import (
    Capability,
    PaymentProvider,
    Refund,
    RefundEvent,
    RefundOrigin,
    RefundResult,
    RefundStatus,
)
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
    held_for,
    notes,
    ruled,
    standing,
    state,
    to_admins,
    usd,
)

LATER = NOW + timedelta(hours=1)
PENDING = RefundResult(done=False)
AWAY = ProviderUnavailable("till", "no answer")
NO = ProviderRejected("till", "too late")


async def give_back(
    shop: Shop, placed: Placed, wanted: Wanted = ALL, *, now: datetime = NOW
) -> list[Refund]:
    return await refunding.refund(
        shop.uow(),
        {"till": shop.till},
        placed.order.number,
        "by wish",
        wanted,
        actor_id=ADMIN,
        now=now,
    )


async def goes_on(
    shop: Shop, now: datetime = LATER, providers: dict[str, PaymentProvider] | None = None
) -> int:
    found = {"till": shop.till} if providers is None else providers
    return await refunding.carry_on(shop.uow(), found, now=now)


def answers(shop: Shop, *errors: Exception | None) -> None:
    """The till meets each refund with the next of these, and gives back what follows."""
    left = list(errors)

    async def fail(_: Refund) -> None:
        if left and (error := left.pop(0)) is not None:
            raise error

    shop.till.on_refund = fail


async def refunds(shop: Shop) -> list[tuple[str, int, str]]:
    return [
        (row["status"], row["amount"], row["origin"]) for row in await shop.rows(tables.refunds)
    ]


# --- Parts -----------------------------------------------------------------------------------


async def test_a_part_goes_back_and_the_order_keeps_its_goods(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    (done,) = await give_back(shop, placed, Wanted(usd(200)))
    assert (done.amount, done.paid, done.status) == (usd(200), PRICE, RefundStatus.DONE)
    assert await standing(shop) == {TILL: -299, GOODS: 299}
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    assert len(await shop.bought(placed)) == 1


async def test_the_last_part_ends_the_order(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await give_back(shop, placed, Wanted(usd(200)))
    await give_back(shop, placed, Wanted(usd(299)))
    assert await standing(shop) == {}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    assert [item.number[-3:] for item in shop.till.refunded] == ["R01", "R02"]
    with pytest.raises(NotRefundable):
        await give_back(shop, placed, Wanted(usd(1)))


async def test_what_is_left_of_parts_goes_back_at_once(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await give_back(shop, placed, Wanted(usd(200)))
    (rest,) = await give_back(shop, placed)
    assert rest.amount == usd(299)
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)


@pytest.mark.parametrize("amount", [usd(500), Money(100, "EUR")], ids=["more", "currency"])
async def test_no_more_goes_back_than_there_is(shop: Shop, amount: Money) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(NotRefundable):
        await give_back(shop, placed, Wanted(amount))
    assert await refunds(shop) == []
    assert shop.till.refunded == []
    assert await standing(shop) == EARNED


async def test_a_part_is_taken_from_the_newest_payments_first(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    given = await give_back(shop, placed, Wanted(usd(600)))
    assert [(item.external_id, item.amount) for item in given] == [
        ("tx-second", PRICE),
        (f"tx-{placed.order.number}01", usd(101)),
    ]
    assert await standing(shop) == {TILL: -398, GOODS: 398}
    assert await state(shop, placed) == (OrderStatus.PAID, None)


async def test_a_part_by_wish_goes_to_the_balance(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    (done,) = await give_back(shop, placed, Wanted(usd(100), to_balance=True))
    assert done.origin is RefundOrigin.BALANCE
    assert await standing(shop) == {TILL: -499, GOODS: 399, OWED: 100}
    assert shop.till.refunded == []


async def test_money_of_another_kind_that_went_back_leaves_the_held_part_as_it_was(
    shop: Shop,
) -> None:
    """The euros never counted: two of five dollars are still here."""
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=usd(200))
    await shop.pays(placed, amount=Money(499, "EUR"), external_id="tx-euro")
    await give_back(shop, placed, Wanted(surplus_only=True))
    rest = await shop.pays(placed, amount=usd(299), external_id="tx-rest")
    assert rest.outcome is Outcome.PAID
    assert await standing(shop) == EARNED


# --- Under way -------------------------------------------------------------------------------


async def test_asking_again_asks_for_the_same_refund(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    (first,) = await give_back(shop, placed, Wanted(usd(200)))
    (again,) = await give_back(shop, placed, Wanted(usd(200)))
    assert first.number == again.number
    assert {item.number for item in shop.till.refunded} == {first.number}
    assert await refunds(shop) == [("requested", 200, "shop")]
    assert await standing(shop) == EARNED


async def test_a_pending_refund_is_asked_for_until_it_is_done(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    assert await goes_on(shop, NOW + timedelta(seconds=29)) == 0
    assert len(shop.till.refunded) == 1
    assert await goes_on(shop, NOW + timedelta(seconds=30)) == 0
    assert await state(shop, placed) == (OrderStatus.REFUNDING, None)
    shop.till.refund_result = RefundResult(done=True, claim="https://till.example/claim")
    assert await goes_on(shop) == 1
    assert await goes_on(shop, LATER + timedelta(days=1)) == 0
    assert len(shop.till.refunded) == 3
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    (row,) = await shop.rows(tables.refunds)
    assert (row["claim"], row["due_at"]) == ("https://till.example/claim", None)


async def test_a_pending_refund_is_asked_for_ever_more_rarely(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    now, pauses = NOW, []
    for _ in range(7):
        (row,) = await shop.rows(tables.refunds)
        pauses.append((row["due_at"] - now).total_seconds())
        now = row["due_at"]
        await goes_on(shop, now)
    assert pauses == [30, 60, 300, 1800, 7200, 21600, 21600]


async def test_a_refund_that_another_worker_asks_for_is_left_to_it(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    inside: list[int] = []

    async def another_worker(_: Refund) -> None:
        inside.append(await goes_on(shop))

    shop.till.on_refund = another_worker
    await goes_on(shop)
    assert inside == [0]
    assert len(shop.till.refunded) == 2


async def test_an_unanswered_refund_is_asked_for_by_itself(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    answers(shop, AWAY, AWAY)
    with pytest.raises(ProviderUnavailable):
        await give_back(shop, placed)
    assert await goes_on(shop) == 0
    assert await goes_on(shop, LATER + timedelta(hours=1)) == 1
    assert await standing(shop) == {}


async def test_one_refund_without_an_answer_does_not_keep_others_waiting(shop: Shop) -> None:
    variant = await shop.stocked()
    first, second = await shop.sold(variant), await shop.sold(variant, buyer_id=BUYER + 1)
    shop.till.refund_result = PENDING
    for placed in (first, second):
        await give_back(shop, placed)
    shop.till.refund_result = RefundResult(done=True)
    answers(shop, AWAY)
    assert await goes_on(shop) == 1
    assert await state(shop, second) == (OrderStatus.REFUNDED, None)


async def test_both_parts_of_a_refund_are_tried_though_the_first_fails(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    answers(shop, AWAY)
    with pytest.raises(ProviderUnavailable):
        await give_back(shop, placed)
    assert len(shop.till.refunded) == 2
    assert await goes_on(shop) == 1
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)
    assert await standing(shop) == {}


# --- Refused ---------------------------------------------------------------------------------


async def test_held_money_that_cannot_go_back_goes_before_a_person_again(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    rules = ruled(twice=Remedy.REFUND)
    await shop.pays(placed, external_id="tx-second", rules=rules)
    answers(shop, NO)
    assert await goes_on(shop) == 0
    assert await state(shop, placed) == (OrderStatus.PAID, OrderException.TWICE)
    (note,) = await notes(shop, Topic.REVIEW)
    assert note["facts"] == {"why": "twice", "provider": "till", "amount": "4.99 USD"}
    assert await held_for(shop) == 499
    await give_back(shop, placed, Wanted(PRICE))
    assert await state(shop, placed) == (OrderStatus.PAID, None)


async def test_a_refusal_after_a_while_is_told_to_the_admins(shop: Shop) -> None:
    """Whoever asked for the refund was told that it is under way: nobody else would hear."""
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    answers(shop, NO)
    assert await goes_on(shop) == 0
    assert (await state(shop, placed))[0] is OrderStatus.PAID
    assert await to_admins(shop) != []


async def test_a_refused_part_leaves_the_order_as_it_was(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    answers(shop, NO)
    with pytest.raises(ProviderRejected):
        await give_back(shop, placed, Wanted(usd(200)))
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    assert await standing(shop) == EARNED
    assert await refunds(shop) == [("failed", 200, "shop")]


# --- Providers that cannot -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("able", "whole", "origin"),
    [
        (Capability.QUERY, True, RefundOrigin.BALANCE),
        (Capability.REFUND, True, RefundOrigin.SHOP),
        (Capability.REFUND, False, RefundOrigin.BALANCE),
        (Capability.PARTIAL_REFUND | Capability.REFUND, False, RefundOrigin.SHOP),
    ],
)
async def test_what_a_provider_cannot_give_back_goes_to_the_balance(
    shop: Shop, able: Capability, whole: bool, origin: RefundOrigin
) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.capabilities = able
    amount = PRICE if whole else usd(200)
    (done,) = await give_back(shop, placed, Wanted(amount))
    assert (done.origin, done.status) == (origin, RefundStatus.DONE)
    to_balance = origin is RefundOrigin.BALANCE
    assert (await standing(shop)).get(OWED, 0) == (amount.amount if to_balance else 0)
    assert len(shop.till.refunded) == (0 if to_balance else 1)


async def test_a_provider_that_was_never_asked_and_is_off_leaves_it_to_the_balance(
    shop: Shop,
) -> None:
    placed = await shop.sold(await shop.stocked())
    number = placed.order.number
    await refunding.refund(shop.uow(), {}, number, "", actor_id=ADMIN, now=NOW)
    assert await standing(shop) == {TILL: -499, OWED: 499}
    assert await state(shop, placed) == (OrderStatus.REFUNDED, None)


async def test_what_was_asked_of_a_provider_is_not_credited_besides(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    shop.till.capabilities = Capability.QUERY
    assert await goes_on(shop) == 0
    assert await goes_on(shop, LATER + timedelta(days=1), {}) == 0
    assert await standing(shop) == EARNED
    assert await state(shop, placed) == (OrderStatus.REFUNDING, None)


# --- By rule ---------------------------------------------------------------------------------

LATE, UNDER, OVER, TWICE, MISMATCH = (
    OrderException.LATE,
    OrderException.UNDER,
    OrderException.OVER,
    OrderException.TWICE,
    OrderException.MISMATCH,
)


async def misfit(shop: Shop, why: OrderException) -> tuple[Placed, dict[str, int]]:
    """Money that does not fit, sent back by rule; what the books hold without it."""
    rules = ruled(
        sold_out=Remedy.REFUND,
        under=Remedy.REFUND,
        over=Remedy.REFUND,
        twice=Remedy.REFUND,
        mismatch=Remedy.REFUND,
    )
    variant = await shop.stocked(keys=1)
    placed = await shop.places(await shop.buyer(), variant)
    if why is LATE:
        await loses_its_goods(shop, placed)
        await shop.pays(placed, rules=rules)
        return placed, {}
    if why is UNDER:
        await shop.pays(placed, amount=usd(200), rules=rules)
        return placed, {}
    if why is MISMATCH:
        await shop.pays(placed, live=False, rules=rules)
        return placed, {}
    if why is TWICE:
        await shop.pays(placed)
        await shop.pays(placed, external_id="tx-second", rules=rules)
    else:
        await shop.pays(placed, amount=usd(600), rules=rules)
    return placed, EARNED


async def loses_its_goods(shop: Shop, placed: Placed) -> None:
    """The order is cancelled and its key withdrawn."""
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    await shop.executes(tables.card_keys.update().values(status="withdrawn"))


EVERY = [LATE, UNDER, OVER, TWICE, MISMATCH]


@pytest.mark.parametrize("why", EVERY)
async def test_a_rule_sends_money_back_through_its_provider(
    shop: Shop, why: OrderException
) -> None:
    placed, books = await misfit(shop, why)
    before = await shop.order(placed)
    assert before.exception is None
    assert await goes_on(shop) == 1
    assert await standing(shop) == books
    assert (await shop.order(placed)).status is before.status
    (item,) = shop.till.refunded
    assert (item.reason, item.number) == (why, f"{placed.order.number}R01")


@pytest.mark.parametrize("why", EVERY)
@pytest.mark.parametrize("how", ["cannot", "switched off"])
async def test_where_it_cannot_a_rule_credits_the_balance(
    shop: Shop, why: OrderException, how: str
) -> None:
    placed, books = await misfit(shop, why)
    held = await held_for(shop)
    shop.till.capabilities = Capability.QUERY
    assert await goes_on(shop, providers={} if how == "switched off" else None) == 1
    found = await standing(shop)
    assert (found.get(OWED), found.get(HELD), found.get(GOODS)) == (held, None, books.get(GOODS))
    assert (await shop.order(placed)).exception is None
    assert await refunds(shop) == [("done", held, "balance")]


@pytest.mark.parametrize("why", EVERY)
async def test_what_a_rule_could_not_send_back_goes_before_a_person(
    shop: Shop, why: OrderException
) -> None:
    placed, _ = await misfit(shop, why)
    held = await held_for(shop)
    answers(shop, NO)
    assert await goes_on(shop) == 0
    assert (await shop.order(placed)).exception is why
    assert await held_for(shop) == held
    assert len(await notes(shop, Topic.REVIEW)) == 1


# --- What comes between ----------------------------------------------------------------------


async def refunding_with(shop: Shop) -> Placed:
    """A sold order whose whole refund is under way."""
    placed = await shop.sold(await shop.stocked())
    shop.till.refund_result = PENDING
    await give_back(shop, placed)
    return placed


async def test_a_second_payment_sent_back_during_a_refund_that_fails(shop: Shop) -> None:
    """The order stands where it stood before the refund, though the last one began later."""
    placed = await refunding_with(shop)
    rules = ruled(twice=Remedy.REFUND)
    await shop.pays(placed, external_id="tx-second", rules=rules)
    answers(shop, NO)  # to the first; the second is done
    shop.till.refund_result = RefundResult(done=True)
    await goes_on(shop)
    assert await standing(shop) == EARNED
    assert (await state(shop, placed))[0] is OrderStatus.PAID


async def test_a_part_given_back_at_the_desk_during_a_refund_that_fails(shop: Shop) -> None:
    placed = await refunding_with(shop)
    tx = f"tx-{placed.order.number}01"
    news = RefundEvent("till", "till-1", tx, usd(200), refund_id="desk-1")
    await returns.book(shop.uow(), news, RULES, now=NOW)
    answers(shop, NO)
    await goes_on(shop)
    assert await standing(shop) == {TILL: -299, GOODS: 299}
    assert (await state(shop, placed))[0] is OrderStatus.PAID


async def test_a_refund_done_after_a_dispute_is_booked_as_owed(shop: Shop) -> None:
    """Both the bank and the shop have given it back: the buyer owes it now."""
    placed = await refunding_with(shop)
    tx = f"tx-{placed.order.number}01"
    news = RefundEvent("till", "till-1", tx, PRICE, disputed=True)
    await returns.book(shop.uow(), news, RULES, now=NOW)
    shop.till.refund_result = RefundResult(done=True)
    assert await goes_on(shop) == 1
    assert await standing(shop) == {TILL: 499, OWED: -499}


async def test_a_refund_that_cannot_be_booked_does_not_keep_others_waiting(shop: Shop) -> None:
    variant = await shop.stocked("OTHER")
    first = await refunding_with(shop)
    tx = f"tx-{first.order.number}01"
    news = RefundEvent("till", "till-1", tx, PRICE, disputed=True)
    await returns.book(shop.uow(), news, RULES, now=NOW)
    second = await shop.sold(variant, buyer_id=BUYER + 1)
    await give_back(shop, second)
    shop.till.refund_result = RefundResult(done=True)
    await goes_on(shop)
    assert (await state(shop, second))[0] is OrderStatus.REFUNDED
