"""Orders in an admin's hands: looking, resending, confirming, deciding."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain import crediting, fulfilment, ledger
from domain.catalog import Page
from domain.customers import Customer
from domain.errors import OrderClosed, OutOfStock
from domain.ledger import BALANCE, Share
from domain.messages import DeliveryStatus, Note, Topic
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import (
    Attempt,
    Payment,
    PaymentEvent,
    Refund,
    RefundStatus,
)
from domain.ports import AuditEntry, UnitOfWork
from domain.rules import Rules
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
    shares: list[Share] = field(default_factory=list)


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
            await uow.payments.shares(order.id),
        )


@retried
async def resend(uow: UnitOfWork, number: str, *, actor_id: int, now: datetime) -> Order:
    """Hand the goods over once more. Raises `OrderNotFound` and `OrderClosed`."""
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        if not order.is_paid or order.exception is OrderException.SHORT:
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
    rules: Rules,
    *,
    actor_id: int,
    now: datetime,
) -> Settlement:
    """A payment that a person has seen elsewhere, settled on the path of every other.

    Raises `OrderNotFound`, and `OrderClosed` where nothing is to be paid.
    """
    async with uow:
        order = await uow.orders.by_number(number)
        asked = [
            attempt
            for attempt in await uow.attempts.of_order(order.id)
            if attempt.provider != BALANCE and attempt.missing > 0
        ]
    if not order.can_be_paid or not asked:
        raise OrderClosed(order.number, order.status)
    attempt = asked[-1]
    event = PaymentEvent(
        provider=attempt.provider,
        account=attempt.account,
        live=attempt.live,
        external_id=transaction,
        attempt_number=attempt.number,
        amount=Money(attempt.missing, attempt.amount.currency),
    )
    after = {"transaction": transaction, "reason": reason, "amount": str(event.amount)}
    return await settle(
        uow,
        event,
        rules,
        now=now,
        source=f"confirmed by {actor_id}",
        entry=AuditEntry(now, actor_id, "confirm", order.number, after=after),
    )


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
        if not kind_of(order).has_goods:
            await _credit(uow, order, held, now)
        elif await fulfilment.fulfil(uow, order, now):
            await _sell(uow, order, held, now)
        else:
            raise OutOfStock(order.lines[0].variant_id, 0)
        order.exception, order.from_balance = None, 0
        await uow.orders.save(order)
        await uow.audit.add(AuditEntry(now, actor_id, "fulfil", order.number))
        await uow.commit()
    return order


async def _held(uow: UnitOfWork, order: Order) -> list[Share]:
    """Money that waits for a decision, and is not on its way back by a rule."""
    going = {
        refund.payment_id
        for refund in await uow.refunds.of_order(order.id)
        if refund.status is RefundStatus.REQUESTED
    }
    shares = await uow.payments.shares(order.id)
    return [s for s in shares if s.account == ledger.HELD and s.payment_id not in going]


async def _credit(uow: UnitOfWork, order: Order, held: list[Share], now: datetime) -> None:
    """A top-up, of what has come."""
    attempts = {one.number: one for one in await uow.attempts.of_order(order.id)}
    total = Money(0, order.total.currency)
    for share in held:
        worth = crediting.worth(order, attempts.get(share.attempt_number), share.amount)
        postings = crediting.credit(ledger.HELD, order, share.amount, worth)
        await uow.payments.post(postings, order_id=order.id, payment_id=share.payment_id, now=now)
        total += worth if worth.currency == total.currency else Money(0, total.currency)
    await fulfilment.fulfil(uow, order, now, credited=total)


async def _sell(uow: UnitOfWork, order: Order, held: list[Share], now: datetime) -> None:
    """The goods cost what was asked for; what is more than that is the buyer's."""
    attempts = {one.number: one for one in await uow.attempts.of_order(order.id)}
    for share, earned in await _earned(uow, order, held):
        excess = share.amount - earned
        worth = crediting.worth(order, attempts.get(share.attempt_number), excess)
        earner = kind_of(order).earner(order, earned.currency)
        postings = ledger.transfer(ledger.HELD, earner, earned)
        postings += crediting.credit(ledger.HELD, order, excess, worth)
        await uow.payments.post(postings, order_id=order.id, payment_id=share.payment_id, now=now)


async def _earned(uow: UnitOfWork, order: Order, held: list[Share]) -> list[tuple[Share, Money]]:
    """What of each payment the goods cost; money of a kind not asked for is taken whole."""
    payments = {payment.id: payment for payment in await uow.payments.of_order(order.id)}
    asked = {attempt.number: attempt for attempt in await uow.attempts.of_order(order.id)}
    left = {number: attempt.amount.amount for number, attempt in asked.items()}
    found = []
    for share in held:
        attempt, amount = asked.get(share.attempt_number), share.amount.amount
        if attempt is not None and attempt.counts(payments[share.payment_id]):
            amount = min(amount, left[attempt.number])
            left[attempt.number] -= amount
        found.append((share, Money(amount, share.amount.currency)))
    return found
