"""What providers tell, by a callback or when asked: each kind of news has one way in."""

from collections.abc import Mapping
from datetime import datetime

from domain import returns
from domain.errors import OrderClosed, OrderExpired, ProviderRejected
from domain.messages import Note, Topic
from domain.payments import (
    Approval,
    Attempt,
    AttemptStatus,
    CapturingProvider,
    Confirming,
    Ended,
    Event,
    PaymentEvent,
    PaymentProvider,
    RefundEvent,
)
from domain.ports import UnitOfWork
from domain.rules import Rules
from domain.settlement import Settlement, settle
from domain.transactions import retried


async def take(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    event: Event,
    rules: Rules,
    *,
    now: datetime,
    source: str = "callback",
) -> Settlement | None:
    """What became of a payment; None for all other news, which is taken note of.

    Raises `ProviderUnavailable` where the provider has to be asked.
    """
    match event:
        case PaymentEvent():
            return await settle(uow, event, rules, now=now, source=source)
        case RefundEvent():
            await returns.book(uow, event, rules, now=now)
        case Approval():
            return await _capture(uow, providers, event, rules, now, source)
        case Confirming():
            await _confirming(uow, event, rules, now)
        case _:
            await _ended(uow, event, now)
    return None


async def _capture(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    approval: Approval,
    rules: Rules,
    now: datetime,
    source: str,
) -> Settlement | None:
    """The last look before the money moves: an order that cannot take it costs nobody anything."""
    provider = providers.get(approval.provider)
    attempt = await _may_capture(uow, approval, now)
    if attempt is None or not isinstance(provider, CapturingProvider):
        return None
    try:
        captured = await provider.capture(attempt)
    except ProviderRejected:  # the buyer's money stays where it is
        return None
    if captured is None or isinstance(captured, Approval):
        return None
    return await take(uow, providers, captured, rules, now=now, source=source)


@retried
async def _may_capture(uow: UnitOfWork, approval: Approval, now: datetime) -> Attempt | None:
    async with uow:
        found = await uow.orders.lock_with_attempt(approval.provider, approval.attempt_number)
        if found is None:
            return None
        order, attempt = found
        try:
            order.check_payable(now)
        except (OrderExpired, OrderClosed):
            return None
        same = (attempt.account, attempt.live, attempt.amount)
        if same != (approval.account, approval.live, approval.amount):
            return None
        if attempt.status is not AttemptStatus.OPEN:
            return None
        order.hold_for_payment(now)
        await uow.orders.save(order)
        await uow.commit()
    return attempt


@retried
async def _confirming(uow: UnitOfWork, news: Confirming, rules: Rules, now: datetime) -> None:
    """Hold the goods for money that is on its way, and let the buyer see it come."""
    async with uow:
        found = await uow.orders.lock_with_attempt(news.provider, news.attempt_number)
        if found is None:
            return
        order, attempt = found
        seen = (news.seen, news.needed)
        if attempt.status is AttemptStatus.PAID or (attempt.confirming or (-1, 0)) >= seen:
            return
        attempt.confirming = seen
        if order.is_pending:
            order.hold_for_confirmation(now + rules.confirming_hold)
            await uow.orders.save(order)
        await uow.attempts.save(attempt)
        await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
        await uow.commit()


@retried
async def _ended(uow: UnitOfWork, news: Ended, now: datetime) -> None:
    """The method is over; the order may be paid by another. What is paid stays paid."""
    async with uow:
        found = await uow.orders.lock_with_attempt(news.provider, news.attempt_number)
        if found is None:
            return
        order, attempt = found
        if attempt.status is AttemptStatus.PAID or attempt.received:
            return
        attempt.poll_at = None
        if attempt.status is AttemptStatus.OPEN:
            attempt.status = AttemptStatus.FAILED
            if order.is_pending:
                await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
        await uow.attempts.save(attempt)
        await uow.commit()
