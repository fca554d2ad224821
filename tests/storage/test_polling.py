"""Providers that are asked: because a callback may be lost, and before goods are let go."""

import asyncio
from datetime import datetime, timedelta

import pytest

from domain import checkout, polling, spending
from domain.checkout import Placed
from domain.errors import (
    NotPaidYet,
    OrderClosed,
    OrderNotFound,
    PaymentUnderWay,
    ProviderRejected,
    ProviderUnavailable,
)
from domain.ledger import HELD
from domain.orders import OrderStatus
from domain.payments import (
    Approval,
    Attempt,
    AttemptStatus,
    Capability,
    CloseResult,
    Confirming,
    Ended,
    PaymentProvider,
)
from domain.settlement import Outcome, Settlement
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop, Till, payment_of
from tests.storage.money import EARNED, TILL, standing, usd
from tests.storage.tills import ASKING, CapturingTill, WritingTill, away

END = NOW + RULES.order_ttl
SOON = NOW + checkout.FIRST_POLL


@pytest.fixture
def till() -> WritingTill:
    return WritingTill(capabilities=ASKING, closes=CloseResult.CLOSED)


@pytest.fixture
async def placed(shop: Shop, till: WritingTill) -> Placed:
    return await shop.places(await shop.buyer(), await shop.stocked(), provider=till)


def number_of(placed: Placed) -> str:
    assert placed.attempt is not None
    return placed.attempt.number


def finds(till: Till, placed: Placed) -> None:
    """The provider knows that it was paid, and nobody was told."""
    till.knows[number_of(placed)] = payment_of(placed)


async def polls(shop: Shop, till: PaymentProvider | None, now: datetime) -> list[Settlement]:
    providers = {} if till is None else {till.code: till}
    return await polling.poll_due(shop.uow(), providers, RULES, now=now)


async def turn(shop: Shop, placed: Placed) -> datetime | None:
    return (await shop.attempt(placed)).poll_at


async def expires(shop: Shop, now: datetime) -> int:
    return await checkout.expire_due(shop.uow(), RULES, now=now)


# --- Lost callbacks --------------------------------------------------------------------------


async def test_a_payment_whose_callback_was_lost_is_found(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    finds(till, placed)
    assert await polls(shop, till, SOON - timedelta(seconds=1)) == []
    (found,) = await polls(shop, till, SOON)
    assert found.outcome is Outcome.PAID
    assert len(await shop.bought(placed)) == 1
    assert await standing(shop) == EARNED
    (row,) = await shop.rows(tables.payments)
    assert row["source"] == "asked"
    assert await turn(shop, placed) is None
    assert await polls(shop, till, END) == []


async def test_the_callback_of_a_payment_that_was_found_is_a_repetition(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    finds(till, placed)
    await polls(shop, till, SOON)
    assert (await shop.pays(placed)).outcome is Outcome.REPEATED


async def test_a_provider_is_asked_ever_more_rarely_until_the_tail_ends(
    shop: Shop, placed: Placed
) -> None:
    """30 s, 1, 2, 5, 10 min, at the order's end, and every half hour behind it."""
    till = Till(capabilities=Capability.QUERY)
    asked, now = [], await turn(shop, placed)
    while now is not None:
        asked.append(now - NOW)
        await polls(shop, till, now)
        if now >= END:
            await expires(shop, now)
        now = await turn(shop, placed)
    minutes = [each.total_seconds() / 60 for each in asked]
    assert minutes == [0.5, 1.5, 3.5, 8.5, 15, 45, 75, 105, 135]
    assert (await shop.order(placed)).status is OrderStatus.EXPIRED


async def test_late_money_is_found_in_the_tail(shop: Shop, placed: Placed) -> None:
    till = Till(capabilities=Capability.QUERY)
    await polls(shop, till, END)
    assert await expires(shop, END) == 1
    finds(till, placed)
    (found,) = await polls(shop, till, END + timedelta(hours=1))
    assert found.outcome is Outcome.LATE
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_an_attempt_that_cannot_be_asked_about_has_no_turn(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    assert await turn(shop, placed) is None


async def test_two_workers_ask_once(shop: Shop, till: WritingTill, placed: Placed) -> None:
    await asyncio.gather(*(polls(shop, till, SOON) for _ in range(5)))
    assert till.steps == ["query"]


async def test_a_turn_of_another_worker_is_left_to_it(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    inside: list[list[Settlement]] = []

    async def another(_: Attempt) -> None:
        inside.append(await polls(shop, till, SOON + timedelta(seconds=59)))

    till.on_query = another
    await polls(shop, till, SOON)
    assert (inside, till.steps) == ([[]], ["query"])


async def test_a_worker_that_died_leaves_its_turn_to_the_next(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    async def die(_: Attempt) -> None:
        raise KeyboardInterrupt

    till.on_query = die
    with pytest.raises(KeyboardInterrupt):
        await polls(shop, till, SOON)
    finds(till, placed)
    till.on_query = Till().on_query
    assert len(await polls(shop, till, SOON + polling.LEASE)) == 1


async def test_a_payment_during_the_question_has_the_last_word(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    async def pay(_: Attempt) -> None:
        await shop.pays(placed)

    till.on_query = pay
    await polls(shop, till, SOON)
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.PAID, None)


async def test_a_part_that_is_known_is_no_news(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    part = payment_of(placed)
    till.knows[number_of(placed)] = type(part)(
        part.provider, part.account, part.live, part.external_id, part.attempt_number, usd(200)
    )
    assert [s.outcome for s in await polls(shop, till, SOON)] == [Outcome.UNDER]
    later = SOON + timedelta(minutes=1)
    assert [s.outcome for s in await polls(shop, till, later)] == [Outcome.REPEATED]
    assert await standing(shop) == {TILL: -200, HELD: 200}


# --- Before goods are let go -----------------------------------------------------------------


async def test_an_order_is_let_go_after_query_close_and_query(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    assert await expires(shop, END) == 0
    await polls(shop, till, END)
    assert till.steps == ["query", "close", "query"]
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.CLOSED, None)
    assert await expires(shop, END) == 1
    assert (await shop.stock()).available == 3


async def test_money_that_came_while_it_was_closed_is_found(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    till.after_close[number_of(placed)] = payment_of(placed)
    till.closes = CloseResult.ALREADY_PAID
    (found,) = await polls(shop, till, END)
    assert found.outcome is Outcome.PAID
    assert await expires(shop, END) == 0
    assert await standing(shop) == EARNED


@pytest.mark.parametrize("able", [Capability.QUERY, Capability.QUERY | Capability.CLOSE])
async def test_what_may_still_be_paid_is_watched_after_it_is_let_go(
    shop: Shop, till: WritingTill, placed: Placed, able: Capability
) -> None:
    till.capabilities, till.closes = able, CloseResult.MAYBE_PAYABLE
    await polls(shop, till, END)
    assert till.steps == ["query", "close", "query"]
    assert await expires(shop, END) == 1
    assert await turn(shop, placed) == END + timedelta(minutes=1)


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("till", "?"), ProviderRejected("till", "?")]
)
async def test_a_provider_that_is_away_holds_an_order_only_for_a_while(
    shop: Shop, till: WritingTill, placed: Placed, error: Exception
) -> None:
    async def fail(_: Attempt) -> None:
        raise error

    till.on_query = fail
    await polls(shop, till, END)
    grace = END + RULES.close_grace
    assert (await shop.attempt(placed)).status is AttemptStatus.OPEN
    assert await expires(shop, grace - timedelta(seconds=1)) == 0
    assert await expires(shop, grace) == 1
    attempt = await shop.attempt(placed)
    assert attempt.status is AttemptStatus.CLOSED
    assert attempt.poll_at is not None


async def test_a_provider_that_was_away_is_asked_again_before_the_goods_go(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    """The order waits for it: to be asked only half an hour later would be no use."""
    now = await turn(shop, placed)
    while now is not None and now < END:
        await polls(shop, till, now)
        now = await turn(shop, placed)
    till.on_query = away
    await polls(shop, till, END)
    again = await turn(shop, placed)
    assert again is not None
    assert again < END + RULES.close_grace


async def test_a_provider_switched_off_holds_an_order_only_for_a_while(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    assert await polls(shop, None, END) == []
    assert await expires(shop, END) == 0
    assert await expires(shop, END + RULES.close_grace) == 1
    finds(till, placed)
    (found,) = await polls(shop, till, END + timedelta(hours=1))
    assert found.outcome is Outcome.LATE


async def test_a_provider_switched_off_is_not_asked_by_a_leaving_buyer(
    shop: Shop, placed: Placed
) -> None:
    await polling.leave(shop.uow(), {}, placed.order.number, BUYER, RULES, now=NOW)
    assert (await shop.attempt(placed)).status is AttemptStatus.OPEN


async def test_money_on_its_way_at_the_end_is_not_closed(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    """The goods are held for it, and its provider still has to say when it is final."""
    till.knows[number_of(placed)] = Confirming("till", number_of(placed), 0, 3)
    await polls(shop, till, END)
    assert (await shop.order(placed)).reserved_until == END + RULES.confirming_hold
    assert till.closed == []
    attempt = await shop.attempt(placed)
    assert attempt.status is AttemptStatus.OPEN
    assert attempt.poll_at is not None
    finds(till, placed)
    (found,) = await polls(shop, till, attempt.poll_at)
    assert found.outcome is Outcome.PAID


async def test_an_attempt_that_has_ended_is_not_asked_about_again(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    till.knows[number_of(placed)] = Ended("till", number_of(placed))
    assert await polls(shop, till, SOON) == []
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.FAILED, None)
    assert (await shop.order(placed)).is_pending


async def test_an_attempt_closed_by_the_balance_is_closed_at_its_provider(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    """Else the buyer could still pay all of it."""
    order = await spending.top_up(shop.uow(), BUYER, usd(200), RULES, now=NOW)
    topped = await checkout.pay_with(shop.uow(), shop.till, order.number, BUYER, RULES, now=NOW)
    await shop.pays(topped)
    await spending.pay_from_balance(shop.uow(), placed.order.number, BUYER, now=NOW)
    await polls(shop, till, SOON)
    assert till.closed == [number_of(placed)]


async def test_what_was_paid_by_another_method_is_closed_at_the_first(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    """Else the buyer could pay twice."""
    await shop.pays(await by_two(shop, placed, Till(code="other")))
    await polls(shop, till, SOON)
    assert till.steps == ["query", "close", "query"]


# --- The buyer asks --------------------------------------------------------------------------


async def asks(
    shop: Shop, placed: Placed, *tills: PaymentProvider, buyer_id: int = BUYER
) -> Settlement | None:
    return await polling.ask_now(
        shop.uow(),
        {each.code: each for each in tills},
        placed.order.number,
        buyer_id,
        RULES,
        now=SOON,
    )


async def test_who_says_that_they_have_paid_is_believed_by_the_provider(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    with pytest.raises(NotPaidYet):
        await asks(shop, placed, till)
    finds(till, placed)
    found = await asks(shop, placed, till)
    assert found is not None
    assert found.outcome is Outcome.PAID
    assert await asks(shop, placed, till) is None


async def test_a_known_part_is_not_paid_yet(shop: Shop, till: WritingTill, placed: Placed) -> None:
    await shop.pays(placed, amount=usd(200))
    finds(till, placed)
    with pytest.raises(NotPaidYet):
        await asks(shop, placed, till)


async def test_a_provider_that_cannot_be_asked_is_not_a_no(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    till.on_query = away
    with pytest.raises(ProviderUnavailable):
        await asks(shop, placed, till)


async def by_two(shop: Shop, placed: Placed, other: Till) -> Placed:
    return await checkout.pay_with(shop.uow(), other, placed.order.number, BUYER, RULES, now=NOW)


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("other", "?"), ProviderRejected("other", "?")]
)
async def test_one_methods_failure_does_not_hide_anothers_payment(
    shop: Shop, till: WritingTill, placed: Placed, error: Exception
) -> None:
    async def fail(_: Attempt) -> None:
        raise error

    other = Till(code="other", capabilities=ASKING, on_query=fail)
    await by_two(shop, placed, other)
    finds(till, placed)
    found = await asks(shop, placed, till, other)
    assert found is not None
    assert found.outcome is Outcome.PAID


async def test_methods_that_cannot_be_asked_know_nothing(shop: Shop, placed: Placed) -> None:
    with pytest.raises(NotPaidYet):
        await asks(shop, placed)
    with pytest.raises(NotPaidYet):
        await asks(shop, placed, Till())


async def test_only_ones_own_order_is_asked_about(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    with pytest.raises(OrderNotFound):
        await asks(shop, placed, till, buyer_id=BUYER + 1)
    with pytest.raises(OrderNotFound):
        await polling.leave(
            shop.uow(), {"till": till}, placed.order.number, BUYER + 1, RULES, now=NOW
        )
    assert till.steps == []


async def test_agreed_money_is_captured_when_the_buyer_asks(shop: Shop) -> None:
    till = CapturingTill(capabilities=ASKING)
    placed = await shop.places(await shop.buyer(), await shop.stocked(), provider=till)
    number = number_of(placed)
    till.knows[number] = Approval("till", "till-1", live=True, attempt_number=number, amount=PRICE)
    till.captures[number] = payment_of(placed)
    found = await asks(shop, placed, till)
    assert found is not None
    assert (found.outcome, till.captured) == (Outcome.PAID, [number])


# --- The buyer leaves ------------------------------------------------------------------------


async def leaves(shop: Shop, placed: Placed, till: PaymentProvider) -> None:
    await polling.leave(shop.uow(), {till.code: till}, placed.order.number, BUYER, RULES, now=NOW)
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)


async def test_what_was_paid_a_moment_ago_is_found_before_an_order_is_left(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    finds(till, placed)
    with pytest.raises(OrderClosed):
        await leaves(shop, placed, till)
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_an_order_that_is_left_is_closed_at_its_provider(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    await leaves(shop, placed, till)
    assert till.steps == ["query", "close", "query"]
    assert (await shop.order(placed)).status is OrderStatus.CANCELLED
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.CLOSED, None)


async def test_an_order_is_left_though_its_provider_is_away(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    till.on_query = away
    await leaves(shop, placed, till)
    finds(till, placed)
    till.on_query = Till().on_query
    assert (await shop.order(placed)).status is OrderStatus.CANCELLED
    (found,) = await polls(shop, till, END)
    assert found.outcome is Outcome.LATE
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_an_order_whose_money_is_on_its_way_is_not_left(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    till.knows[number_of(placed)] = Confirming("till", number_of(placed), 1, 3)
    with pytest.raises(PaymentUnderWay):
        await leaves(shop, placed, till)
    assert till.closed == []
    assert (await shop.order(placed)).is_pending
    assert await turn(shop, placed) is not None


async def test_money_seen_while_an_order_is_closed_is_watched(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    """It came between the first question and the second."""
    till.after_close[number_of(placed)] = Confirming("till", number_of(placed), 0, 3)
    await polls(shop, till, END)
    assert await turn(shop, placed) is not None
    assert (await shop.order(placed)).reserved_until == END + RULES.confirming_hold


async def test_a_closed_order_is_left_as_it_is(
    shop: Shop, till: WritingTill, placed: Placed
) -> None:
    await leaves(shop, placed, till)
    await leaves(shop, placed, till)
    assert till.closed == [number_of(placed)]
