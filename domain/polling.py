"""Asking providers about attempts: in case a callback is lost, and before goods are let go."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from domain import news
from domain.errors import NotPaidYet, OrderNotFound, ProviderRejected, ProviderUnavailable
from domain.orders import Order
from domain.payments import (
    Attempt,
    AttemptStatus,
    Capability,
    CloseResult,
    Confirming,
    News,
    PaymentProvider,
)
from domain.ports import UnitOfWork
from domain.rules import Rules
from domain.settlement import Outcome, Settlement
from domain.transactions import retried

# Seconds after each question until the next; the last goes on until the attempt's tail ends.
PAUSES: Final = (30, 60, 120, 300, 600, 1800)
LEASE: Final = timedelta(minutes=10)  # longer than all that is claimed at once may take

Providers = Mapping[str, PaymentProvider]


async def poll_due(
    uow: UnitOfWork, providers: Providers, rules: Rules, *, now: datetime, limit: int = 10
) -> list[Settlement]:
    """Ask these providers about the attempts whose turn it is; what became of payments found."""
    async with uow:
        due = await uow.attempts.claim_due(list(providers), now, now + LEASE, limit=limit)
        await uow.commit()
    found = [await _ask(uow, providers, attempt, rules, now) for attempt in due]
    return [settlement for settlement in found if settlement is not None]


async def ask_now(
    uow: UnitOfWork,
    providers: Providers,
    number: str,
    buyer_id: int,
    rules: Rules,
    *,
    now: datetime,
) -> Settlement | None:
    """The buyer says that they have paid: every method that was tried is asked at once.

    Raises `OrderNotFound`, `NotPaidYet` where none knows of a payment, and `ProviderUnavailable`
    or `ProviderRejected` where one could not be asked.
    """
    order, attempts = await _own(uow, number, buyer_id)
    if not order.can_be_paid:
        return None
    failure: ProviderUnavailable | ProviderRejected | None = None
    for attempt in reversed(attempts):
        provider = providers.get(attempt.provider)
        if provider is None or Capability.QUERY not in provider.capabilities:
            continue
        try:
            _, settlement = await _look(uow, providers, provider, attempt, rules, now)
        except (ProviderUnavailable, ProviderRejected) as error:
            failure = error
            continue
        if settlement is not None and settlement.outcome is not Outcome.REPEATED:
            return settlement
    if failure is not None:
        raise failure
    raise NotPaidYet


async def leave(
    uow: UnitOfWork,
    providers: Providers,
    number: str,
    buyer_id: int,
    rules: Rules,
    *,
    now: datetime,
) -> None:
    """Before a buyer's order is cancelled: what they may have paid meanwhile is not lost."""
    order, attempts = await _own(uow, number, buyer_id)
    for attempt in attempts:
        if order.is_pending and attempt.status is AttemptStatus.OPEN:
            await _ask(uow, providers, attempt, rules, now, leaving=True)


@retried
async def _own(uow: UnitOfWork, number: str, buyer_id: int) -> tuple[Order, list[Attempt]]:
    async with uow:
        order = await uow.orders.by_number(number)
        if order.buyer_id != buyer_id:
            raise OrderNotFound
        return order, await uow.attempts.of_order(order.id)


async def _ask(
    uow: UnitOfWork,
    providers: Providers,
    attempt: Attempt,
    rules: Rules,
    now: datetime,
    *,
    leaving: bool = False,
) -> Settlement | None:
    """One attempt's turn; a provider that cannot be asked is asked again later."""
    provider = providers.get(attempt.provider)
    if provider is None:  # switched off since
        return None
    order = await _order_of(uow, attempt)
    over = leaving or not order.is_pending or now >= order.reserved_until
    turn = _turn(attempt, order, provider, now)
    try:
        told, settlement = await _look(uow, providers, provider, attempt, rules, now)
        left = over or attempt.status is not AttemptStatus.OPEN
        if left and settlement is None and not isinstance(told, Confirming):
            closed = await provider.close(attempt) is CloseResult.CLOSED
            told, settlement = await _look(uow, providers, provider, attempt, rules, now)
            turn = None if closed and settlement is None else turn
        if isinstance(told, Confirming):  # money is on its way
            over, turn = False, turn or now + timedelta(seconds=PAUSES[-1])
    except (ProviderUnavailable, ProviderRejected):
        waits = over and attempt.status is AttemptStatus.OPEN  # the order, for a word on it
        soon = now + rules.close_grace / 5
        await _schedule(uow, attempt, min(turn or soon, soon) if waits else turn, None)
        return None
    await _schedule(uow, attempt, turn, AttemptStatus.CLOSED if over else None)
    return settlement


async def _look(
    uow: UnitOfWork,
    providers: Providers,
    provider: PaymentProvider,
    attempt: Attempt,
    rules: Rules,
    now: datetime,
) -> tuple[News | None, Settlement | None]:
    """What the provider says of the attempt, and what became of a payment."""
    told = await provider.query(attempt)
    if told is None:
        return None, None
    return told, await news.take(uow, providers, told, rules, now=now, source="asked")


@retried
async def _order_of(uow: UnitOfWork, attempt: Attempt) -> Order:
    async with uow:
        return await uow.orders.get(attempt.order_id)


def _turn(
    attempt: Attempt, order: Order, provider: PaymentProvider, now: datetime
) -> datetime | None:
    """When to ask next: ever more rarely, but at the order's end; None after the tail."""
    pause = timedelta(seconds=PAUSES[min(attempt.poll_count, len(PAUSES) - 1)])
    if order.is_pending and now < order.reserved_until:
        return min(now + pause, order.reserved_until)
    return now + pause if now < order.reserved_until + provider.tail else None


@retried
async def _schedule(
    uow: UnitOfWork, attempt: Attempt, at: datetime | None, status: AttemptStatus | None
) -> None:
    """Under the order's lock: a payment that came meanwhile has the last word."""
    async with uow:
        await uow.orders.lock(attempt.order_id)
        await uow.attempts.schedule(attempt.id, at, status)
        await uow.commit()
