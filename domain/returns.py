"""Money that left again without the shop's doing: given back at the provider's desk, disputed."""

from datetime import datetime
from typing import Final

from domain import crediting, fulfilment, refund_outcomes, refunding, refunds
from domain.ledger import HELD, provider_account, transfer
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import Order, OrderException
from domain.payments import Payment, Refund, RefundEvent, RefundOrigin, RefundStatus
from domain.ports import AuditEntry, UnitOfWork
from domain.rules import Rules
from domain.transactions import retried


@retried
async def book(
    uow: UnitOfWork, event: RefundEvent, rules: Rules, *, now: datetime
) -> Money | None:
    """Record what went back beyond what is known, once; None where there is nothing new.

    The shop's own refunds come as news too, and are known by then or under way.
    """
    async with uow:
        payment = await uow.payments.find(event.provider, event.account, event.external_id)
        if payment is None:  # it may come yet, and must not buy anything then
            await uow.payments.foretell(event, now)
            await uow.commit()
            return None
        if payment.amount.currency != event.returned.currency:
            return None
        if payment.order_id is None:
            return await _of_nobody(uow, payment, event, now)
        order = await uow.orders.lock(payment.order_id)
        known = await uow.refunds.of_order(order.id)
        amount = _new(known, payment, event)
        if amount.amount <= 0:
            if event.disputed and not event.returned:
                await _won(uow, order, known, payment, now)
            return None
        done = refunds.new(order, payment, amount, len(known) + 1, "", now)
        done.origin = RefundOrigin.DISPUTE if event.disputed else RefundOrigin.DESK
        done.status, done.due_at = RefundStatus.DONE, None
        done.desk_id = event.refund_id
        await uow.refunds.add(done, now)
        aside = await refunding.set_aside(uow, order, done, now, first=False)
        await refund_outcomes.book(uow, order, done, now)
        await _remember(uow, done, aside, now)
        await refund_outcomes.end(uow, order, [*known, done], now)
        await _tell(uow, order, done, rules, now)
        await uow.commit()
    return amount


def _new(known: list[Refund], payment: Payment, event: RefundEvent) -> Money:
    """What has gone back of the payment in this way that is not known, nor under way.

    Never more than has come: a provider may tell the price where less was paid.
    """
    returned = min(event.returned.amount, payment.amount.amount)
    total = Money(0, payment.amount.currency)
    if event.refund_id:
        ids = {
            name
            for item in known
            if item.status is not RefundStatus.FAILED
            for name in (item.number, item.desk_id)
        }
        return total if event.refund_id in ids else Money(returned, total.currency)
    for item in known:
        same_way = (item.origin is RefundOrigin.DISPUTE) == event.disputed
        through_provider = item.origin is not RefundOrigin.BALANCE
        # A dispute that was won is known all the same, should the news of it come again.
        stands = event.disputed or item.status is not RefundStatus.FAILED
        if item.payment_id == payment.id and same_way and through_provider and stands:
            total += item.amount
    return Money(returned, total.currency) - total


# Stands for an account in what a refund was taken from: the buyer's balance, whatever its money.
CREDIT: Final = "credit"


async def _remember(uow: UnitOfWork, done: Refund, aside: Money, now: datetime) -> None:
    """What came off the balance was held in between only."""
    if aside:
        rest = [(name, n - aside.amount if name == HELD else n) for name, n in done.taken]
        done.taken = ((CREDIT, aside.amount), *((name, n) for name, n in rest if n))
        await uow.refunds.save(done, now)


async def _won(
    uow: UnitOfWork,
    order: Order,
    known: list[Refund],
    payment: Payment,
    now: datetime,
) -> None:
    """A dispute that ends for the shop: the money is here again."""
    lost = [
        item
        for item in known
        if item.payment_id == payment.id
        and item.origin is RefundOrigin.DISPUTE
        and item.status is RefundStatus.DONE
    ]
    for item in lost:
        item.status = RefundStatus.FAILED
        await uow.refunds.save(item, now)
        await _as_before(uow, order, item, now)
        await _audit(uow, order, item, "dispute won", now)
    if lost:
        await uow.commit()


async def _as_before(uow: UnitOfWork, order: Order, item: Refund, now: datetime) -> None:
    """The money is where it was; what was held then waits for a person once more."""
    source = provider_account(item.provider)
    attempt = await uow.attempts.by_number(item.attempt_number)
    for account, amount in item.taken:
        money = Money(amount, item.amount.currency)
        back = (
            crediting.credit(source, order, money, crediting.worth(order, attempt, money))
            if account == CREDIT
            else transfer(source, account, money)
        )
        await uow.payments.post(back, order_id=order.id, payment_id=item.payment_id, now=now)
    if order.exception is None and await fulfilment.is_held(uow, order):
        unpaid = order.can_be_paid
        order.exception = OrderException.UNDER if unpaid else OrderException.OVER
        await uow.orders.save(order)
        facts: dict[str, str | int] = {
            "why": order.exception,
            "provider": item.provider,
            "amount": str(item.amount),
        }
        await uow.outbox.add(Note(Topic.REVIEW, None, order.id, facts), now)


async def _of_nobody(
    uow: UnitOfWork, payment: Payment, event: RefundEvent, now: datetime
) -> Money | None:
    """A payment that belonged to no order goes back: what was held is not held any more.

    Of several refunds that a provider tells of one by one, the largest counts.
    """
    held = await uow.payments.held_of(payment.id)
    gone = event.returned - (payment.amount - held)
    if gone.amount <= 0:
        return None
    postings = transfer(HELD, provider_account(payment.provider), gone)
    await uow.payments.post(postings, order_id=None, payment_id=payment.id, now=now)
    after: dict[str, str | int | None] = {
        "provider": payment.provider,
        "transaction": payment.external_id,
        "amount": str(gone),
    }
    entry = AuditEntry(now, 0, "money returned", payment.attempt_number, after=after)
    await uow.audit.add(entry)
    facts: dict[str, str | int] = {"provider": payment.provider, "amount": str(gone)}
    await uow.outbox.add(Note(Topic.RETURNED, facts=facts), now)
    await uow.commit()
    return gone


async def _tell(uow: UnitOfWork, order: Order, done: Refund, rules: Rules, now: datetime) -> None:
    await _audit(uow, order, done, "money returned", now)
    facts: dict[str, str | int] = {
        "origin": done.origin,
        "provider": done.provider,
        "amount": str(done.amount),
    }
    disputed = done.origin is RefundOrigin.DISPUTE
    if disputed and rules.ban_on_chargeback:
        customer = await uow.customers.get(order.buyer_id)
        if customer is not None and not customer.banned:
            customer.banned = True
            await uow.customers.save(customer)
            facts["banned"] = 1
            await _audit(uow, order, done, "banned for a chargeback", now)
    await uow.outbox.add(Note(Topic.RETURNED, None, order.id, facts), now)


async def _audit(
    uow: UnitOfWork, order: Order, refund: Refund, action: str, now: datetime
) -> None:
    after: dict[str, str | int | None] = {
        "provider": refund.provider,
        "transaction": refund.external_id,
        "amount": str(refund.amount),
    }
    # Nobody of the shop did it: 0 is the program itself.
    await uow.audit.add(AuditEntry(now, 0, action, order.number, after=after))
