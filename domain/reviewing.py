"""Orders in an admin's hands: looking, resending, confirming, deciding."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain import ledger
from domain.catalog import Page
from domain.customers import Customer
from domain.errors import (
    OrderClosed,
)
from domain.messages import DeliveryStatus, Note, Topic
from domain.money import Money
from domain.orders import Order, OrderStatus
from domain.payments import (
    Attempt,
    Payment,
    PaymentEvent,
    Refund,
    RefundStatus,
)
from domain.ports import AuditEntry, UnitOfWork
from domain.settlement import Settlement, settle
from domain.transactions import retried

PAGE_SIZE: Final = 10


@dataclass(frozen=True)
class File:
    """All that the shop knows of an order."""

    order: Order
    buyer: Customer | None
    attempts: list[Attempt]
    payments: list[Payment]
    refunds: list[Refund]


@retried
async def sales(
    uow: UnitOfWork,
    *,
    status: OrderStatus | None = None,
    needs_person: bool = False,
    page: int = 0,
) -> Page[Order]:
    """Orders, newest first."""
    async with uow:
        return await uow.orders.newest(
            status=status, needs_person=needs_person, page=max(page, 0), size=PAGE_SIZE
        )


@retried
async def open_file(uow: UnitOfWork, number: str) -> File:
    """Raises `OrderNotFound`."""
    async with uow:
        order = await uow.orders.by_number(number)
        return File(
            order,
            await uow.customers.get(order.buyer_id),
            await uow.attempts.of_order(order.id),
            await uow.payments.of_order(order.id),
            await uow.refunds.of_order(order.id),
        )


@retried
async def resend(uow: UnitOfWork, number: str, *, actor_id: int, now: datetime) -> Order:
    """Hand the goods over once more. Raises `OrderNotFound` and `OrderClosed`."""
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        if not order.is_paid:
            raise OrderClosed(order.number, order.status)
        await uow.outbox.requeue(order_id=order.id, now=now)
        if await uow.outbox.hand_over(order.id) is not DeliveryStatus.PENDING:
            await uow.outbox.add(Note(Topic.GOODS, order.buyer_id, order.id), now)
        await uow.audit.add(AuditEntry(now, actor_id, "resend", order.number))
        await uow.commit()
    return order


async def confirm(
    uow: UnitOfWork,
    number: str,
    transaction: str,
    reason: str,
    *,
    actor_id: int,
    now: datetime,
) -> Settlement:
    """A payment that a person has seen elsewhere, settled on the path of every other.

    Raises `OrderNotFound`, and `OrderClosed` where nothing is to be paid.
    """
    async with uow:
        order = await uow.orders.by_number(number)
        attempts = await uow.attempts.of_order(order.id)
        if not order.can_be_paid or not attempts or attempts[-1].missing <= 0:
            raise OrderClosed(order.number, order.status)
        attempt = attempts[-1]
    event = PaymentEvent(
        provider=attempt.provider,
        account=attempt.account,
        live=attempt.live,
        external_id=transaction,
        attempt_number=attempt.number,
        amount=Money(attempt.missing, attempt.amount.currency),
    )
    settlement = await settle(uow, event, now=now, source=f"confirmed by {actor_id}")
    async with uow:
        after = {"transaction": transaction, "reason": reason, "outcome": settlement.outcome}
        await uow.audit.add(AuditEntry(now, actor_id, "confirm", order.number, after=after))
        await uow.commit()
    return settlement


@retried
async def fulfil(uow: UnitOfWork, number: str, *, actor_id: int, now: datetime) -> Order:
    """Hand out goods for money that is held: late, short of the price, or for another order.

    Raises `OrderNotFound`, `OrderClosed` and `OutOfStock`.
    """
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        held = await _held(uow, order)
        if not order.can_be_paid or not held:
            raise OrderClosed(order.number, order.status)
        if await uow.stock.sell(order.id) < order.quantity:
            for line in sorted(order.lines, key=lambda line: line.variant_id):
                await uow.stock.reserve(order.id, line.variant_id, line.quantity)
            await uow.stock.sell(order.id)
        order.mark_paid(now)
        order.exception = None
        await uow.orders.save(order)
        for payment, earned in _earned(held, await uow.attempts.of_order(order.id)):
            excess = payment.amount - earned
            owed = ledger.customer_account(order.buyer_id)
            postings = ledger.transfer(ledger.HELD, ledger.GOODS, earned)
            postings += ledger.transfer(ledger.HELD, owed, excess)
            await uow.payments.post(postings, order_id=order.id, payment_id=payment.id, now=now)
        await uow.outbox.add(Note(Topic.GOODS, order.buyer_id, order.id), now)
        await uow.audit.add(AuditEntry(now, actor_id, "fulfil", order.number))
        await uow.commit()
    return order


async def _held(uow: UnitOfWork, order: Order) -> list[Payment]:
    """Payments of the order that were neither earned by it nor given back."""
    returned = {
        item.payment_id
        for item in await uow.refunds.of_order(order.id)
        if item.status is not RefundStatus.FAILED
    }
    return [p for p in await uow.payments.of_order(order.id) if p.id not in returned]


def _earned(held: list[Payment], attempts: list[Attempt]) -> list[tuple[Payment, Money]]:
    """What of each payment the goods cost; money of a kind not asked for is taken whole."""
    asked = {attempt.number: attempt for attempt in attempts}
    left = {attempt.number: attempt.amount.amount for attempt in attempts}
    found = []
    for payment in held:
        attempt, amount = asked.get(payment.attempt_number), payment.amount.amount
        if attempt is not None and attempt.counts(payment):
            amount = min(amount, left[attempt.number])
            left[attempt.number] -= amount
        found.append((payment, Money(amount, payment.amount.currency)))
    return found
