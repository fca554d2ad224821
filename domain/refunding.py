"""Giving money back: through the provider that took it where that can, else to the balance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from domain import crediting, refund_outcomes, refunds, wallet
from domain.errors import (
    BalanceTooLow,
    DomainError,
    NotRefundable,
    ProviderRejected,
    ProviderUnavailable,
)
from domain.ledger import BALANCE, Share
from domain.messages import Note, Topic
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order
from domain.payments import (
    Attempt,
    Capability,
    Payment,
    PaymentProvider,
    Refund,
    RefundOrigin,
    RefundResult,
    RefundStatus,
)
from domain.ports import AuditEntry, UnitOfWork
from domain.transactions import retried

_PAUSES: Final = (30, 60, 300, 1800, 7200, 21600)  # seconds between asking for one refund
LEASE: Final = timedelta(seconds=60)  # longer than a provider may take to answer


@dataclass(frozen=True)
class Wanted:
    """What of an order is to go back: all of it, so much, or what bought no goods."""

    amount: Money | None = None
    surplus_only: bool = False
    to_balance: bool = False


@dataclass(frozen=True)
class _Books:
    order: Order
    attempts: Sequence[Attempt]
    payments: Sequence[Payment]
    known: Sequence[Refund]
    shares: Sequence[Share]

    @property
    def left(self) -> dict[int, Money]:
        return refunds.returnable(self.shares, self.order, self.known)

    def left_with_credit(self, payment: Payment) -> Money:
        """Also what a rule has put on the buyer's balance."""
        left = self.left.get(payment.id, Money(0, payment.amount.currency))
        if not kind_of(self.order).has_goods:  # a top-up is nothing but credit
            return left
        credited = crediting.credited(self.shares, self.order, payment.id)
        return left + Money(credited, left.currency)


async def refund(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    wanted: Wanted = Wanted(),
    *,
    actor_id: int,
    now: datetime,
) -> list[Refund]:
    """Give back what an order's payments brought in; how each part of it stands.

    Asked again it goes on where it stopped: a refund's number is its idempotency key. Raises
    `OrderNotFound`, `NotRefundable`, `ProviderUnavailable`, `ProviderRejected`.
    """
    ours, asked = await _request(uow, providers, number, reason, wanted, actor_id, now)
    failures: list[ProviderUnavailable | ProviderRejected] = []
    for item in ours:
        try:
            asked.append(await carry_out(uow, providers, item, now=now))
        except (ProviderUnavailable, ProviderRejected) as error:
            failures.append(error)
    for failure in failures:
        raise failure
    return asked


async def carry_on(
    uow: UnitOfWork, providers: Mapping[str, PaymentProvider], *, now: datetime, limit: int = 10
) -> int:
    """Ask again for refunds that are under way; how many are finished now."""
    async with uow:
        due = await uow.refunds.claim_due(now, now + LEASE, limit=limit)
        await uow.commit()
    finished = 0
    for item in due:
        try:
            done = await carry_out(uow, providers, item, now=now)
        except ProviderRejected as error:
            await _tell_refused(uow, item, error, now)
            continue
        except DomainError:  # whatever it is, the others have their turn
            continue
        finished += done.status is RefundStatus.DONE
    return finished


async def carry_out(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    item: Refund,
    *,
    now: datetime,
) -> Refund:
    """Ask the provider, and book what it says. Raises as `refund`.

    What was asked of a provider before is never credited besides: it may have been done.
    """
    provider = providers.get(item.provider)
    if provider is None or not _able(provider, item):
        if item.try_count > 1 and item.origin is RefundOrigin.SHOP and item.provider != BALANCE:
            raise ProviderUnavailable(item.provider, "switched off")
        return await refund_outcomes.close(
            uow, replace(item, origin=RefundOrigin.BALANCE), _DONE, now
        )
    try:
        result = await provider.refund(item)
    except ProviderUnavailable:
        await _put_off(uow, item, now)
        raise
    except ProviderRejected:
        await refund_outcomes.close(uow, item, None, now)
        raise
    if result.done:
        return await refund_outcomes.close(uow, item, result, now)
    await _put_off(uow, item, now)
    return item


_DONE: Final = RefundResult(done=True)


@retried
async def _request(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    wanted: Wanted,
    actor_id: int,
    now: datetime,
) -> tuple[list[Refund], list[Refund]]:
    """A refund for each payment, written down before any provider is asked: those to ask for now,
    and those that somebody else may be asking for.
    """
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        books = await _read(uow, order)
        under_way = [item for item in books.known if item.status is RefundStatus.REQUESTED]
        if under_way:
            ours = await uow.refunds.claim_of_order(order.id, now, now + LEASE)
            await uow.commit()
            return ours, [item for item in under_way if item.id not in {one.id for one in ours}]
        chosen = _chosen(books, wanted)
        if not chosen:
            raise NotRefundable
        requested = [
            refunds.new(order, payment, amount, nth, reason, now)
            for nth, (payment, amount) in enumerate(chosen, len(books.known) + 1)
        ]
        for item in requested:
            if wanted.to_balance or not _able(providers.get(item.provider), item):
                item.origin = RefundOrigin.BALANCE
            item.try_count, item.leased_until = 1, now + LEASE  # it is asked for at once
            await set_aside(uow, order, item, now, first=wanted.amount is not None)
            await uow.refunds.add(item, now)
        if order.is_paid and _is_everything(books, chosen):
            order.begin_refund()
            await uow.orders.save(order)
        after: dict[str, str | int | None] = {
            "reason": reason,
            "amount": ", ".join(str(amount) for _, amount in chosen),
        }
        await uow.audit.add(AuditEntry(now, actor_id, "refund", order.number, after=after))
        await uow.commit()
    return requested, []


async def set_aside(
    uow: UnitOfWork, order: Order, refund: Refund, now: datetime, *, first: bool
) -> Money:
    """What is to go back of the buyer's balance is held meanwhile, so that nobody spends it; how
    much that is.

    Raises `BalanceTooLow` where it was spent before.
    """
    shares = await uow.payments.shares(order.id)
    part = refunds.from_balance(shares, order, refund, first=first)
    if not part:
        return part
    if refund.origin is RefundOrigin.BALANCE:
        raise NotRefundable  # it is there already
    postings, loss = crediting.take_back(shares, order, refund.payment_id, part)
    if refund.origin is RefundOrigin.SHOP:
        await uow.customers.lock(order.buyer_id)  # banned or not: it is their money
        if await wallet.balance(uow, order.buyer_id, loss.currency) < loss:
            raise BalanceTooLow
    await uow.payments.post(postings, order_id=order.id, payment_id=refund.payment_id, now=now)
    return part


async def _read(uow: UnitOfWork, order: Order) -> _Books:
    known = await uow.refunds.of_order(order.id)
    return _Books(
        order,
        await uow.attempts.of_order(order.id),
        await uow.payments.of_order(order.id),
        known,
        await uow.payments.shares(order.id),
    )


def _chosen(books: _Books, wanted: Wanted) -> list[tuple[Payment, Money]]:
    """Which payments give how much. Raises `NotRefundable` for more than there is."""
    able = [p for p in books.payments if p.id in books.left]
    if wanted.surplus_only:
        able = [p for p in able if _is_surplus(books, p)]
    if wanted.amount is None:
        return [(payment, books.left[payment.id]) for payment in able]
    missing, chosen = wanted.amount, list[tuple[Payment, Money]]()
    for payment in reversed(books.payments):
        left = books.left_with_credit(payment)
        if left.currency == missing.currency and missing:
            part = min(left.amount, missing.amount)
            chosen.append((payment, Money(part, left.currency)))
            missing -= Money(part, left.currency)
    if missing:
        raise NotRefundable
    return chosen


def _is_surplus(books: _Books, payment: Payment) -> bool:
    """It came after the order was paid, or in another currency than it was asked for in."""
    asked = {attempt.number: attempt.amount.currency for attempt in books.attempts}
    paid_at = books.order.paid_at
    return (paid_at is not None and payment.received_at > paid_at) or (
        asked.get(payment.attempt_number) != payment.amount.currency
    )


def _is_everything(books: _Books, chosen: Sequence[tuple[Payment, Money]]) -> bool:
    return {payment.id: amount for payment, amount in chosen} == books.left


def _able(provider: PaymentProvider | None, item: Refund) -> bool:
    """Whether the provider can give this back. One that is switched off may be on again soon."""
    if item.origin is RefundOrigin.BALANCE or item.provider == BALANCE:
        return False
    if provider is None:
        return False
    needed = Capability.REFUND
    if item.amount != item.paid:
        needed = Capability.PARTIAL_REFUND
    return needed in provider.capabilities


@retried
async def _put_off(uow: UnitOfWork, item: Refund, now: datetime) -> None:
    pause = _PAUSES[min(item.try_count, len(_PAUSES)) - 1]
    async with uow:
        await uow.refunds.put_off(item.id, now + timedelta(seconds=pause))
        await uow.commit()


@retried
async def _tell_refused(
    uow: UnitOfWork, refund: Refund, error: ProviderRejected, now: datetime
) -> None:
    """Nobody waits for the answer of a refund that is carried on by itself."""
    facts: dict[str, str | int] = {
        "origin": refund.origin,
        "refused": error.code,
        "provider": refund.provider,
        "amount": str(refund.amount),
    }
    async with uow:
        await uow.outbox.add(Note(Topic.RETURNED, None, refund.order_id, facts), now)
        await uow.commit()
