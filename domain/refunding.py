"""Giving money back, through the provider that took it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from domain import ledger
from domain.deciding import left_to_do
from domain.errors import NotRefundable, ProviderRejected
from domain.messages import Note, Topic
from domain.orders import Order, OrderStatus
from domain.payments import (
    Attempt,
    Capability,
    Payment,
    PaymentProvider,
    Refund,
    RefundStatus,
)
from domain.ports import AuditEntry, UnitOfWork
from domain.transactions import retried

# Which of an order's payments are to go back.
Choice = Callable[[Order, Sequence[Attempt], Sequence[Payment], Sequence[Refund]], list[Payment]]


async def refund(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    *,
    actor_id: int,
    now: datetime,
) -> list[Refund]:
    """Give back what an order's payments brought in, through their providers.

    Asked again it goes on where it stopped: a refund's number is its idempotency key. Raises
    `OrderNotFound`, `NotRefundable`, `ProviderUnavailable`, `ProviderRejected`.
    """
    return await _refund(uow, providers, number, reason, everything_of, actor_id, now)


async def refund_surplus(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    *,
    actor_id: int,
    now: datetime,
) -> list[Refund]:
    """Give back the payments that are too many, and nothing of what bought the goods.

    As `refund` else.
    """
    return await _refund(uow, providers, number, reason, surplus_of, actor_id, now)


def everything_of(
    order: Order,
    attempts: Sequence[Attempt],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
) -> list[Payment]:
    """Payments that are still here."""
    returned = {item.payment_id for item in refunds if item.status is not RefundStatus.FAILED}
    return [payment for payment in payments if payment.id not in returned]


def surplus_of(
    order: Order,
    attempts: Sequence[Attempt],
    payments: Sequence[Payment],
    refunds: Sequence[Refund],
) -> list[Payment]:
    """Payments that are still here and that the order did not earn.

    Those that came after it was paid, or in another currency than they were asked for in.
    """
    asked = {attempt.number: attempt.amount.currency for attempt in attempts}
    return [
        payment
        for payment in everything_of(order, attempts, payments, refunds)
        if (order.paid_at is not None and payment.received_at > order.paid_at)
        or asked.get(payment.attempt_number) != payment.amount.currency
    ]


async def _refund(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    choose: Choice,
    actor_id: int,
    now: datetime,
) -> list[Refund]:
    refunds = await _request(uow, providers, number, reason, choose, actor_id, now)
    for item in refunds:
        if item.provider not in providers:  # requested, and its provider switched off since
            raise NotRefundable
        await _give_back(uow, providers[item.provider], item, now)
    return refunds


@retried
async def _request(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    choose: Choice,
    actor_id: int,
    now: datetime,
) -> list[Refund]:
    """One refund a payment, written down before any provider is asked."""
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        known = await uow.refunds.of_order(order.id)
        open_ones = [item for item in known if item.status is RefundStatus.REQUESTED]
        if open_ones:
            return open_ones
        attempts = await uow.attempts.of_order(order.id)
        payments = choose(order, attempts, await uow.payments.of_order(order.id), known)
        if not payments or not all(_refundable(payment, providers) for payment in payments):
            raise NotRefundable
        refunds = [
            _refund_of(payment, order, f"{order.number}R{nth:02}", reason)
            for nth, payment in enumerate(payments, len(known) + 1)
        ]
        for item in refunds:
            await uow.refunds.add(item, now)
        if order.is_paid and choose is everything_of:
            order.begin_refund()
            await uow.orders.save(order)
        after: dict[str, str | int | None] = {"reason": reason, "payments": len(refunds)}
        await uow.audit.add(AuditEntry(now, actor_id, "refund", order.number, after=after))
        await uow.commit()
    return refunds


def _refundable(payment: Payment, providers: Mapping[str, PaymentProvider]) -> bool:
    provider = providers.get(payment.provider)
    return provider is not None and Capability.REFUND in provider.capabilities


def _refund_of(payment: Payment, order: Order, number: str, reason: str) -> Refund:
    return Refund(
        number=number,
        provider=payment.provider,
        external_id=payment.external_id,
        attempt_number=payment.attempt_number,
        buyer_id=order.buyer_id,
        amount=payment.amount,
        reason=reason,
        order_id=order.id,
        payment_id=payment.id,
        status_before=order.status,
    )


async def _give_back(
    uow: UnitOfWork, provider: PaymentProvider, refund: Refund, now: datetime
) -> None:
    try:
        await provider.refund(refund)
    except ProviderRejected:
        await _close(uow, refund, RefundStatus.FAILED, now)
        raise
    await _close(uow, refund, RefundStatus.DONE, now)


@retried
async def _close(uow: UnitOfWork, refund: Refund, status: RefundStatus, now: datetime) -> None:
    """Book the outcome; the order ends when its last refund does."""
    async with uow:
        order = await uow.orders.lock(refund.order_id)
        stored = {item.id: item for item in await uow.refunds.of_order(order.id)}
        if stored[refund.id].status is not RefundStatus.REQUESTED:
            return  # somebody else was quicker
        refund.status = status
        await uow.refunds.save(refund, now)
        if status is RefundStatus.DONE:
            await uow.payments.reverse(refund.payment_id, order_id=order.id, now=now)
            await _count_down(uow, refund)
        stored[refund.id] = refund
        if all(item.status is not RefundStatus.REQUESTED for item in stored.values()):
            await _end(uow, order, refund)
            await uow.orders.save(order)
            await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
        await uow.commit()


async def _count_down(uow: UnitOfWork, refund: Refund) -> None:
    """What went back buys nothing: the attempt has received so much less."""
    attempt = await uow.attempts.by_number(refund.attempt_number)
    payments = {p.id: p for p in await uow.payments.of_order(refund.order_id)}
    if attempt is not None and attempt.counts(payments[refund.payment_id]):
        attempt.received -= refund.amount.amount
        await uow.attempts.save(attempt)


async def _end(uow: UnitOfWork, order: Order, refund: Refund) -> None:
    """The order ends when nothing that it earned is left; else it stands where it stood."""
    balances = await uow.payments.balances(order.id)
    if order.status is OrderStatus.REFUNDING:
        if ledger.GOODS in balances:
            order.end_refund(refund.status_before)
        else:
            order.mark_refunded()
    if ledger.HELD not in balances:
        order.exception = await left_to_do(uow, order)
