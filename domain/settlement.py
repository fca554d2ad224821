"""The only way in which money enters the shop."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain import ledger
from domain.errors import OutOfStock
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import Order, OrderException
from domain.payments import Attempt, AttemptStatus, PaymentEvent
from domain.ports import UnitOfWork
from domain.transactions import retried


class Outcome(StrEnum):
    """What became of a payment. All of them are answered as accepted."""

    PAID = "paid"
    REPEATED = "repeated"
    UNKNOWN = "unknown"  # no such order
    LATE = "late"
    UNDER = "under"
    OVER = "over"
    TWICE = "twice"
    MISMATCH = "mismatch"


_REVIEWED: Final = {
    Outcome.LATE: OrderException.LATE,
    Outcome.UNDER: OrderException.UNDER,
    Outcome.OVER: OrderException.OVER,
    Outcome.TWICE: OrderException.TWICE,
    Outcome.MISMATCH: OrderException.MISMATCH,
}


@dataclass(frozen=True)
class Settlement:
    outcome: Outcome
    order: Order | None = None


@retried
async def settle(
    uow: UnitOfWork, event: PaymentEvent, *, now: datetime, source: str = "callback"
) -> Settlement:
    """Record a payment and do what follows from it, in one transaction, once.

    However often, however late and in whatever order a provider tells of it. `source` is where
    the news came from, for the record.
    """
    async with uow:
        found = await uow.orders.lock_with_attempt(event.provider, event.attempt_number)
        order_id = found[0].id if found else None
        recorded = await uow.payments.record(event, order_id, now, source)
        if recorded is None:
            return Settlement(Outcome.REPEATED, found[0] if found else None)
        if found is None:
            await _unknown(uow, event, recorded.id, now)
            outcome = Outcome.UNKNOWN
        else:
            if recorded.adopted:  # it was held; now it is known what for
                event = replace(event, amount=recorded.amount)
                await uow.payments.reverse(recorded.id, order_id=found[0].id, now=now)
            taken = await _take(uow, *found, event, now)
            await _book(uow, *found, event, taken, recorded.id, now)
            outcome = taken.outcome
        await uow.commit()
    return Settlement(outcome, found[0] if found else None)


async def adopt_orphans(uow: UnitOfWork, *, now: datetime) -> int:
    """Settle payments that came before their order could be seen."""
    async with uow:
        orphans = await uow.payments.orphans()
    for event in orphans:
        await settle(uow, event, now=now, source="adopted")
    return len(orphans)


@dataclass(frozen=True)
class _Taken:
    """What a payment did to its order, and what the order earned by it in all."""

    outcome: Outcome
    earned: Money


async def _take(
    uow: UnitOfWork, order: Order, attempt: Attempt, event: PaymentEvent, now: datetime
) -> _Taken:
    """Change the order as the payment demands; what is odd goes before a person."""
    outcome = _judge(order, attempt, event)
    earned = Money(0, event.amount.currency)
    if outcome in {Outcome.PAID, Outcome.OVER}:
        was_closed = not order.is_pending
        if await _fulfil(uow, order, now):
            earned = attempt.amount
        if was_closed or not earned:
            outcome = Outcome.LATE
        elif attempt.received and order.exception is OrderException.UNDER:
            order.exception = None  # the rest has come
    if outcome in _REVIEWED:
        order.exception = _REVIEWED[outcome]
        await uow.outbox.add(_review(order, event), now)
    await uow.orders.save(order)
    return _Taken(outcome, earned)


def _judge(order: Order, attempt: Attempt, event: PaymentEvent) -> Outcome:
    """What the payment is to the order, before stock is looked at."""
    if not attempt.counts(event):
        return Outcome.MISMATCH
    if not order.can_be_paid:
        return Outcome.TWICE
    if event.amount.amount < attempt.missing:
        return Outcome.UNDER
    return Outcome.OVER if event.amount.amount > attempt.missing else Outcome.PAID


async def _fulfil(uow: UnitOfWork, order: Order, now: datetime) -> bool:
    """Hand the keys to the order: those reserved or, when money comes late, fresh ones."""
    sold = await uow.stock.sell(order.id)
    if sold < order.quantity and not await _reserve_again(uow, order):
        return False
    order.mark_paid(now)
    await uow.outbox.add(Note(Topic.GOODS, order.buyer_id, order.id), now)
    return True


async def _reserve_again(uow: UnitOfWork, order: Order) -> bool:
    """Whether there is stock for an order whose reservation had been given back."""
    try:
        for line in sorted(order.lines, key=lambda line: line.variant_id):
            await uow.stock.reserve(order.id, line.variant_id, line.quantity)
    except OutOfStock:
        await uow.stock.release(order.id)
        return False
    await uow.stock.sell(order.id)
    return True


async def _book(
    uow: UnitOfWork,
    order: Order,
    attempt: Attempt,
    event: PaymentEvent,
    taken: _Taken,
    payment_id: int,
    now: datetime,
) -> None:
    """A fulfilled order earns its price, from what came before too; the rest is owed or held."""
    before = Money(attempt.received, event.amount.currency)
    if taken.earned:
        owed = ledger.customer_account(order.buyer_id)
        postings = ledger.receive(
            event.provider, event.amount, earned=taken.earned - before, excess_to=owed
        ) + ledger.transfer(ledger.HELD, ledger.GOODS, before)
    else:
        postings = ledger.receive(
            event.provider, event.amount, earned=taken.earned, excess_to=ledger.HELD
        )
    await uow.payments.post(postings, order_id=order.id, payment_id=payment_id, now=now)
    if taken.outcome is not Outcome.MISMATCH:
        attempt.received += event.amount.amount
        attempt.status = AttemptStatus.PAID if attempt.missing <= 0 else attempt.status
        await uow.attempts.save(attempt)


def _review(order: Order, event: PaymentEvent) -> Note:
    facts: dict[str, str | int] = {
        "why": str(order.exception),
        "provider": event.provider,
        "amount": str(event.amount),
    }
    return Note(Topic.REVIEW, order_id=order.id, facts=facts)


async def _unknown(uow: UnitOfWork, event: PaymentEvent, payment_id: int, now: datetime) -> None:
    held = ledger.transfer(ledger.provider_account(event.provider), ledger.HELD, event.amount)
    await uow.payments.post(held, order_id=None, payment_id=payment_id, now=now)
    facts: dict[str, str | int] = {
        "provider": event.provider,
        "number": event.attempt_number,
        "transaction": event.external_id,
        "amount": str(event.amount),
    }
    await uow.outbox.add(Note(Topic.PAYMENT, facts=facts), now)
