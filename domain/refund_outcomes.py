"""What a refund's outcome means for its order, the ledger and the buyer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain import crediting, fulfilment, refunds
from domain.deciding import left_to_do
from domain.ledger import HELD
from domain.messages import Note, Topic
from domain.order_kinds import kind_of
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Attempt, Refund, RefundOrigin, RefundResult, RefundStatus
from domain.ports import UnitOfWork
from domain.transactions import retried


@retried
async def close(
    uow: UnitOfWork, item: Refund, result: RefundResult | None, now: datetime
) -> Refund:
    """Book the outcome, None for a refusal; the order ends when its last refund does."""
    async with uow:
        order = await uow.orders.lock(item.order_id)
        known = {stored.id: stored for stored in await uow.refunds.of_order(order.id)}
        if known[item.id].status is not RefundStatus.REQUESTED:
            return known[item.id]  # somebody else was quicker
        closed = replace(
            item,
            status=RefundStatus.DONE if result else RefundStatus.FAILED,
            claim=result.claim if result else None,
            due_at=None,
        )
        await uow.refunds.save(closed, now)
        known[item.id] = closed
        if result is not None:
            await book(uow, order, closed, now)
        else:
            await _refused(uow, order, closed, now)
        await end(uow, order, list(known.values()), now)
        await uow.commit()
    return closed


async def _refused(uow: UnitOfWork, order: Order, refund: Refund, now: datetime) -> None:
    """The money is still here, and a person has to say what becomes of it; that of a top-up which
    was paid is on the balance again.
    """
    if not kind_of(order).has_goods and not order.can_be_paid:
        held = await uow.payments.held_of(refund.payment_id)
        back = min(held, refund.amount)  # a dispute may have taken it meanwhile
        worth = crediting.worth(order, await _attempt(uow, refund), back)
        postings = crediting.credit(HELD, order, back, worth)
        await uow.payments.post(postings, order_id=order.id, payment_id=refund.payment_id, now=now)
        told: dict[str, str | int] = {"amount": str(worth)}
        if back:
            await uow.outbox.add(Note(Topic.BALANCE, order.buyer_id, order.id, told), now)
    elif order.exception is None and await fulfilment.is_held(uow, order):
        by_rule = refund.reason in set(OrderException)
        order.exception = OrderException(refund.reason) if by_rule else OrderException.OVER
        await uow.orders.save(order)
        facts: dict[str, str | int] = {
            "why": order.exception,
            "provider": refund.provider,
            "amount": str(refund.amount),
        }
        await uow.outbox.add(Note(Topic.REVIEW, None, order.id, facts), now)


async def _attempt(uow: UnitOfWork, refund: Refund) -> Attempt | None:
    return await uow.attempts.by_number(refund.attempt_number)


async def book(uow: UnitOfWork, order: Order, done: Refund, now: datetime) -> None:
    """Money has gone back: the ledger says so, and it buys nothing any more."""
    shares, attempt = await uow.payments.shares(order.id), await _attempt(uow, done)
    worth = crediting.worth(order, attempt, done.amount)
    taken = refunds.taken_from(shares, order, done)
    done.taken = tuple((account, part.amount) for account, part in taken if part)
    await uow.refunds.save(done, now)
    postings = refunds.postings(taken, order, done, worth)
    await uow.payments.post(postings, order_id=order.id, payment_id=done.payment_id, now=now)
    if done.origin is RefundOrigin.BALANCE:
        facts: dict[str, str | int] = {"amount": str(worth)}
        await uow.outbox.add(Note(Topic.BALANCE, order.buyer_id, order.id, facts), now)
    payments = {payment.id: payment for payment in await uow.payments.of_order(order.id)}
    if attempt is not None and attempt.counts(payments[done.payment_id]):
        attempt.received = max(0, attempt.received - done.amount.amount)
        await uow.attempts.save(attempt)


async def end(uow: UnitOfWork, order: Order, known: Sequence[Refund], now: datetime) -> None:
    """The order ends when nothing that it earned is left; else it stands where it stood."""
    if any(item.status is RefundStatus.REQUESTED for item in known):
        return
    shares = await uow.payments.shares(order.id)
    earned = any(refunds.is_earned(share, order) for share in shares)
    if order.status is OrderStatus.REFUNDING:
        if earned:
            before = [item.status_before for item in known]
            order.end_refund([s for s in before if s is not OrderStatus.REFUNDING][-1])
        else:
            order.mark_refunded()
    elif order.is_paid and not earned:
        order.begin_refund()
        order.mark_refunded()
    waits = order.exception is OrderException.SHORT and order.is_paid
    if not waits and not await fulfilment.is_held(uow, order):
        order.exception = await left_to_do(uow, order)
    await uow.orders.save(order)
    await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
