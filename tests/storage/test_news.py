"""What providers tell besides payments: agreed, on its way, over, gone back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import checkout, news
from domain.checkout import Placed
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.messages import Topic
from domain.money import Money
from domain.orders import PAYMENT_GRACE, OrderStatus
from domain.payments import (
    Approval,
    Attempt,
    AttemptStatus,
    Confirming,
    Ended,
    Event,
    PaymentProvider,
    RefundEvent,
)
from domain.settlement import Outcome, Settlement
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop, Till, payment_of
from tests.storage.money import EARNED, notes, standing, usd
from tests.storage.tills import CapturingTill

END = NOW + RULES.order_ttl
LAST_MOMENT = END - timedelta(seconds=1)


@pytest.fixture
def till() -> CapturingTill:
    return CapturingTill()


@pytest.fixture
async def placed(shop: Shop, till: CapturingTill) -> Placed:
    placed = await shop.places(await shop.buyer(), await shop.stocked(), provider=till)
    till.captures[number_of(placed)] = payment_of(placed)
    return placed


def number_of(placed: Placed) -> str:
    assert placed.attempt is not None
    return placed.attempt.number


def agreed(placed: Placed, **changes: Any) -> Approval:
    return Approval(
        **{
            "provider": "till",
            "account": "till-1",
            "live": True,
            "attempt_number": number_of(placed),
            "amount": PRICE,
            **changes,
        }
    )


async def hears(
    shop: Shop, event: Event, till: PaymentProvider | None = None, now: datetime = NOW
) -> Settlement | None:
    providers = {} if till is None else {till.code: till}
    return await news.take(shop.uow(), providers, event, RULES, now=now)


# --- Agreed ----------------------------------------------------------------------------------


async def test_agreed_money_is_captured_once(
    shop: Shop, till: CapturingTill, placed: Placed
) -> None:
    found = await hears(shop, agreed(placed), till)
    assert found is not None
    assert found.outcome is Outcome.PAID
    assert await hears(shop, agreed(placed), till) is None
    assert till.captured == [number_of(placed)]
    assert await standing(shop) == EARNED


async def test_a_capture_of_the_last_moment_keeps_its_goods(
    shop: Shop, till: CapturingTill, placed: Placed
) -> None:
    till.captures.clear()
    assert await hears(shop, agreed(placed), till, LAST_MOMENT) is None
    assert (await shop.order(placed)).reserved_until == LAST_MOMENT + PAYMENT_GRACE
    assert await checkout.expire_due(shop.uow(), RULES, now=END) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": usd(1)},
        {"amount": Money(499, "EUR")},
        {"account": "till-2"},
        {"live": False},
        {"attempt_number": "UNHEARD-OF"},
        {"provider": "other"},
    ],
    ids=str,
)
async def test_nothing_else_than_was_asked_for_is_captured(
    shop: Shop, till: CapturingTill, placed: Placed, changes: dict[str, Any]
) -> None:
    assert await hears(shop, agreed(placed, **changes), till) is None
    assert till.captured == []
    assert (await shop.order(placed)).reserved_until == END


@pytest.mark.parametrize("how", ["expired", "cancelled", "overdue", "ended"])
async def test_an_order_that_cannot_take_it_costs_nobody_anything(
    shop: Shop, till: CapturingTill, placed: Placed, how: str
) -> None:
    if how == "expired":
        await checkout.expire_due(shop.uow(), RULES, now=END)
    elif how == "cancelled":
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    elif how == "ended":
        await hears(shop, Ended("till", number_of(placed)))
    now = END if how == "overdue" else NOW
    assert await hears(shop, agreed(placed), till, now) is None
    assert till.captured == []


async def test_a_paid_order_is_not_captured_by_a_second_method(
    shop: Shop, till: CapturingTill, placed: Placed
) -> None:
    other = await checkout.pay_with(
        shop.uow(), Till(code="other"), placed.order.number, BUYER, RULES, now=NOW
    )
    await shop.pays(other)
    assert await hears(shop, agreed(placed), till) is None
    assert till.captured == []


async def test_a_capture_that_is_refused_changes_nothing(
    shop: Shop, till: CapturingTill, placed: Placed
) -> None:
    """The news of it was understood: there is nothing to send again."""
    till.refuses = ProviderRejected("till", "UNPROCESSABLE_ENTITY")
    assert await hears(shop, agreed(placed), till) is None
    assert till.captured == [number_of(placed)]
    assert (await shop.order(placed)).status is OrderStatus.PENDING


@pytest.mark.parametrize("answer", ["nothing", "still agreed"])
async def test_a_capture_without_an_outcome_changes_nothing(
    shop: Shop, till: CapturingTill, placed: Placed, answer: str
) -> None:
    till.captures.clear()
    if answer == "still agreed":
        till.captures[number_of(placed)] = agreed(placed)
    assert await hears(shop, agreed(placed), till) is None
    assert till.captured == [number_of(placed)]
    assert await standing(shop) == {}


async def test_a_capture_that_takes_time_holds_the_goods(
    shop: Shop, till: CapturingTill, placed: Placed
) -> None:
    till.captures[number_of(placed)] = Confirming("till", number_of(placed), 0, 1)
    assert await hears(shop, agreed(placed), till) is None
    assert (await shop.order(placed)).reserved_until == NOW + RULES.confirming_hold


async def test_a_provider_that_does_not_capture_is_told_nothing(
    shop: Shop, placed: Placed
) -> None:
    assert await hears(shop, agreed(placed), Till()) is None
    assert await hears(shop, agreed(placed)) is None


async def test_a_capture_of_unknown_outcome_is_not_swallowed(shop: Shop, placed: Placed) -> None:
    class Away(CapturingTill):
        async def capture(self, attempt: Attempt) -> None:
            raise ProviderUnavailable("till", "no answer")

    with pytest.raises(ProviderUnavailable):
        await hears(shop, agreed(placed), Away())
    assert (await shop.order(placed)).is_pending


# --- On its way ------------------------------------------------------------------------------


async def test_money_on_its_way_holds_the_goods(shop: Shop, placed: Placed) -> None:
    assert await hears(shop, Confirming("till", number_of(placed), 1, 3)) is None
    assert (await shop.attempt(placed)).confirming == (1, 3)
    assert (await shop.order(placed)).reserved_until == NOW + RULES.confirming_hold
    assert await checkout.expire_due(shop.uow(), RULES, now=END) == 0
    (note,) = await notes(shop, Topic.ORDER)
    assert note["chat_id"] == BUYER
    await shop.pays(placed, now=END)
    assert len(await shop.bought(placed)) == 1


async def test_confirmations_never_go_back(shop: Shop, placed: Placed) -> None:
    for seen in (0, 2, 1, 2, 0):
        await hears(shop, Confirming("till", number_of(placed), seen, 3))
    assert (await shop.attempt(placed)).confirming == (2, 3)
    assert len(await notes(shop, Topic.ORDER)) == 2


async def test_goods_are_not_held_for_ever(shop: Shop, placed: Placed) -> None:
    await hears(shop, Confirming("till", number_of(placed), 1, 3))
    held = NOW + RULES.confirming_hold
    assert await checkout.expire_due(shop.uow(), RULES, now=held) == 1


async def test_money_on_its_way_opens_no_closed_order(shop: Shop, placed: Placed) -> None:
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    await hears(shop, Confirming("till", number_of(placed), 1, 3))
    order = await shop.order(placed)
    assert (order.status, order.reserved_until) == (OrderStatus.CANCELLED, END)
    assert (await shop.attempt(placed)).confirming == (1, 3)


async def test_confirmations_of_what_is_paid_are_no_news(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed)
    await hears(shop, Confirming("till", number_of(placed), 3, 3))
    assert (await shop.attempt(placed)).confirming is None
    assert await notes(shop, Topic.ORDER) == []


async def test_news_of_unknown_attempts_changes_nothing(shop: Shop, placed: Placed) -> None:
    for event in (Confirming("till", "UNHEARD-OF", 1, 3), Ended("till", "UNHEARD-OF")):
        assert await hears(shop, event) is None
    assert await shop.rows(tables.outbox) == []
    assert (await shop.attempt(placed)).status is AttemptStatus.OPEN


# --- Over ------------------------------------------------------------------------------------


async def test_an_attempt_that_is_over_leaves_the_order_open(shop: Shop, placed: Placed) -> None:
    await hears(shop, Ended("till", number_of(placed)))
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.FAILED, None)
    assert (await shop.order(placed)).is_pending
    assert len(await notes(shop, Topic.ORDER)) == 1
    again = await checkout.pay_with(shop.uow(), Till(), placed.order.number, BUYER, RULES, now=NOW)
    assert number_of(again) != number_of(placed)
    assert (await shop.pays(again)).outcome is Outcome.PAID


async def test_what_is_paid_stays_paid(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed)
    await hears(shop, Ended("till", number_of(placed)))
    assert (await shop.attempt(placed)).status is AttemptStatus.PAID
    assert await standing(shop) == EARNED


async def test_an_attempt_ends_quietly_once_another_has_paid(shop: Shop, placed: Placed) -> None:
    other = await checkout.pay_with(
        shop.uow(), Till(code="other"), placed.order.number, BUYER, RULES, now=NOW
    )
    await shop.pays(other)
    await hears(shop, Ended("till", number_of(placed)))
    async with shop.uow() as uow:
        first, second = await uow.attempts.of_order(placed.order.id)
    assert (first.status, second.status) == (AttemptStatus.FAILED, AttemptStatus.PAID)
    assert await notes(shop, Topic.ORDER) == []


async def test_money_for_what_is_over_is_taken_all_the_same(shop: Shop, placed: Placed) -> None:
    """News in the wrong order."""
    await hears(shop, Ended("till", number_of(placed)))
    assert (await shop.pays(placed)).outcome is Outcome.PAID
    assert (await shop.attempt(placed)).status is AttemptStatus.PAID


async def test_a_part_that_came_keeps_its_attempt_open(shop: Shop, placed: Placed) -> None:
    await shop.pays(placed, amount=usd(200))
    await hears(shop, Ended("till", number_of(placed)))
    assert (await shop.attempt(placed)).status is AttemptStatus.OPEN


async def test_the_end_of_a_closed_attempt_is_noted_once(shop: Shop, placed: Placed) -> None:
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    for _ in range(2):
        await hears(shop, Ended("till", number_of(placed)))
    attempt = await shop.attempt(placed)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.CLOSED, None)
    assert await notes(shop, Topic.ORDER) == []


# --- Gone back -------------------------------------------------------------------------------


async def test_money_that_went_back_is_booked(shop: Shop, placed: Placed) -> None:
    assert await hears(shop, payment_of(placed)) is not None
    event = RefundEvent("till", "till-1", f"tx-{number_of(placed)}", PRICE)
    assert await hears(shop, event) is None
    assert await standing(shop) == {}
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
