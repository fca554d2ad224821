"""Payments that nobody tells of: the payment service is asked, in time and at the order's end."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from domain import polling
from domain.checkout import Placed, expire_due
from domain.orders import Order, OrderStatus
from domain.payments import Attempt, AttemptStatus, Capability, CloseResult
from storage import tables
from storage.orders import SqlOrders
from tests.chat.shop_chat import ANN, BEN
from tests.faults.test_payment_faults import has_one_effect
from tests.faults.waiting import until
from tests.faults.world import Ordered, Stall, keys, weakened
from tests.shop import Till, payment_of

KEYS: Final = keys(1)
by_epay = pytest.mark.parametrize("stall_on_both", ["epay"], indirect=True)


async def waiting(stall: Stall, by: str = "") -> Ordered:
    """Ann's order has the only key."""
    await stall.stocked(*KEYS)
    return await stall.ordered(ANN, by=by)


def pays_unheard(stall: Stall, ordered: Ordered) -> None:
    """The platform has the money, and its callback does not arrive."""
    stall.service.request(ordered.attempt)


async def has_been_asked(stall: Stall, ordered: Ordered) -> bool:
    return (await stall.attempt(ordered)).poll_count > 0


@by_epay
async def test_f35_a_lost_callback_is_found_by_asking(stall_on_both: Stall) -> None:
    stall = stall_on_both
    ordered = await waiting(stall)
    pays_unheard(stall, ordered)
    await stall.its_turn_comes(ordered)
    await has_one_effect(stall, ordered)
    [payment] = await stall.rows(tables.payments)
    assert payment["source"] == "asked"
    assert await stall.paid(ordered) == stall.service.accepted  # it was late, not lost
    await has_one_effect(stall, ordered)


@by_epay
async def test_f35_control_what_is_not_paid_is_not_found(stall_on_both: Stall) -> None:
    stall = stall_on_both
    ordered = await waiting(stall)
    await stall.its_turn_comes(ordered)
    await until(lambda: has_been_asked(stall, ordered), "the service has been asked")
    assert (await stall.order(ordered)).is_pending
    assert await stall.rows(tables.payments) == []


@by_epay
async def test_f35_paid_just_before_its_end_an_order_is_delivered(stall_on_both: Stall) -> None:
    """And not expired, though nobody has told of the payment."""
    stall = stall_on_both
    ordered = await waiting(stall)
    pays_unheard(stall, ordered)
    await stall.its_time_is_over(ordered)
    await has_one_effect(stall, ordered)
    await stall.check()


@by_epay
async def test_f35_control_an_order_of_which_the_service_says_nothing_expires(
    stall_on_both: Stall,
) -> None:
    stall = stall_on_both
    ordered = await waiting(stall)
    await stall.expires(ordered)
    assert (await stall.order(ordered)).status is OrderStatus.EXPIRED
    await stall.ordered(BEN)  # the key is free


@by_epay
async def test_f35_a_silent_service_is_not_waited_for_for_ever(stall_on_both: Stall) -> None:
    stall = stall_on_both
    ordered = await waiting(stall)
    grace = stall.app.ways.rules.close_grace
    await stall.expires(ordered, grace + timedelta(seconds=1))
    await stall.ordered(BEN)


@dataclass
class Slow(Till):
    """Answers a question when it is told to."""

    capabilities: Capability = Capability.QUERY
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.on_query = self._thinks

    async def _thinks(self, _: Attempt) -> None:
        self.asked.set()
        await self.answers.wait()


async def paid_while_the_shop_would_let_go(stall: Stall) -> None:
    """The service takes its time to say that an overdue order was paid."""
    till = Slow()
    stall.shop.providers[till.code] = till
    ordered = await waiting(stall, till.code)
    await stall.its_time_is_over(ordered)
    async with asyncio.TaskGroup() as group:
        group.create_task(asked(stall, till))
        async with asyncio.timeout(10):
            await till.asked.wait()
        rules, now = stall.app.ways.rules, datetime.now(UTC)
        released = await expire_due(stall.app.new_uow(), rules, now=now)
        till.knows[ordered.attempt] = payment_of(await placed(stall, ordered))
        still_there = (await stall.order(ordered)).is_pending
        till.answers.set()
    assert (released, still_there) == (0, True)
    await has_one_effect(stall, ordered)
    await stall.check()


async def asked(stall: Stall, till: Till) -> None:
    """As the worker does for those that were there when it started."""
    only, rules = {till.code: till}, stall.app.ways.rules
    await polling.poll_due(stall.app.new_uow(), only, rules, now=datetime.now(UTC))


async def placed(stall: Stall, ordered: Ordered) -> Placed:
    return Placed(await stall.order(ordered), await stall.attempt(ordered))


async def test_f35_goods_are_held_until_the_service_has_answered(
    plain_stall_on_both: Stall,
) -> None:
    await paid_while_the_shop_would_let_go(plain_stall_on_both)


class Impatient(SqlOrders):
    """Lets go of what is overdue without the payment service's word."""

    async def lock_overdue(
        self, now: datetime, sure_before: datetime, *, limit: int
    ) -> list[Order]:
        return await super().lock_overdue(now, now, limit=limit)


async def test_f35_control_without_that_word_a_paid_order_expires(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, orders=Impatient)
    with pytest.raises(AssertionError):
        await paid_while_the_shop_would_let_go(unchecked_stall)
    await unchecked_stall.ann.reads("Expired", ever=True)


@dataclass
class LastMoment(Till):
    """Knows of no payment when it is asked; its `paid` come in before it can close them."""

    capabilities: Capability = Capability.QUERY | Capability.CLOSE
    closes: CloseResult = CloseResult.CLOSED
    paid: list[Placed] = field(default_factory=list)

    async def close(self, attempt: Attempt) -> CloseResult:
        result = await super().close(attempt)
        for one in self.paid:
            self.knows[attempt.number] = payment_of(one)
            result = CloseResult.ALREADY_PAID
        return result


async def overdue_at(stall: Stall, till: LastMoment, *, is_paid: bool) -> Ordered:
    stall.shop.providers[till.code] = till
    ordered = await waiting(stall, till.code)
    if is_paid:
        till.paid.append(await placed(stall, ordered))
    await stall.its_time_is_over(ordered)
    await asked(stall, till)
    return ordered


async def test_f35_paid_between_question_and_close_is_found_by_asking_again(
    plain_stall_on_both: Stall,
) -> None:
    stall, till = plain_stall_on_both, LastMoment()
    ordered = await overdue_at(stall, till, is_paid=True)
    await has_one_effect(stall, ordered)
    assert till.closed == [ordered.attempt]


async def test_f35_control_what_is_closed_unpaid_expires_and_is_asked_about_no_more(
    plain_stall_on_both: Stall,
) -> None:
    stall, till = plain_stall_on_both, LastMoment()
    ordered = await overdue_at(stall, till, is_paid=False)
    await stall.ann.reads("Expired", ever=True)
    assert till.closed == [ordered.attempt]
    attempt = await stall.attempt(ordered)
    assert (attempt.status, attempt.poll_at) == (AttemptStatus.CLOSED, None)
    await stall.ordered(BEN)
