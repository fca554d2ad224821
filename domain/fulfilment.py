"""From paid to handed over: what a payment, a person or an import sets going."""

from datetime import datetime

from domain import ledger
from domain.ledger import BALANCE, HELD, Share
from domain.messages import Note, Topic
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order, OrderException
from domain.payments import Attempt, Payment
from domain.ports import UnitOfWork


async def fulfil(
    uow: UnitOfWork, order: Order, now: datetime, *, credited: Money | None = None
) -> bool:
    """Make the goods the order's own and put the delivery into the outbox; False for none."""
    if not await kind_of(order).obtain(uow, order):
        return False
    order.mark_paid(now)
    await hand_over(uow, order, now, credited=credited)
    return True


async def wait_for_goods(uow: UnitOfWork, order: Order, now: datetime) -> None:
    """Paid all the same: the next goods are this order's, first come, first served."""
    order.mark_paid(now)
    order.exception = OrderException.SHORT
    await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)


async def fill(uow: UnitOfWork, order: Order, now: datetime) -> bool:
    """The goods that a paid order waits for; False while there are none."""
    if not await kind_of(order).obtain(uow, order):
        return False
    # A further payment may have come meanwhile, which waits for a person.
    order.exception = OrderException.TWICE if await is_held(uow, order) else None
    await hand_over(uow, order, now)
    await uow.orders.save(order)
    return True


async def is_held(uow: UnitOfWork, order: Order) -> bool:
    """Whether money of it waits for somebody to say what it is for."""
    return any(share.account == HELD for share in await uow.payments.shares(order.id))


async def hand_over(
    uow: UnitOfWork, order: Order, now: datetime, *, credited: Money | None = None
) -> None:
    """Goods into the outbox; of a top-up, the word of what was `credited`: by default all."""
    if kind_of(order).has_goods:
        await uow.outbox.add(Note(Topic.GOODS, order.buyer_id, order.id), now)
        return
    order.mark_delivered()
    facts: dict[str, str | int] = {"why": order.kind, "amount": str(credited or order.total)}
    await uow.outbox.add(Note(Topic.BALANCE, order.buyer_id, order.id, facts), now)
    await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)


async def earn_held(
    uow: UnitOfWork, order: Order, attempt: Attempt | None, from_balance: int, now: datetime
) -> None:
    """Money that was held for the order is earned: what this attempt asked for, and so much of
    what the balance had put aside. The balance's rest is the buyer's again.
    """
    payments = {payment.id: payment for payment in await uow.payments.of_order(order.id)}
    owed = ledger.customer_account(order.buyer_id)
    for share in await uow.payments.shares(order.id):
        if share.account != HELD:
            continue
        if share.provider == BALANCE:
            earner = kind_of(order).earner(order, share.amount.currency)
            earned = Money(min(from_balance, share.amount.amount), share.amount.currency)
            from_balance -= earned.amount
            postings = ledger.transfer(HELD, earner, earned)
            postings += ledger.transfer(HELD, owed, share.amount - earned)
        elif _is_of(share, attempt, payments[share.payment_id]):
            earner = kind_of(order).earner(order, share.amount.currency)
            postings = ledger.transfer(HELD, earner, share.amount)
        else:
            continue
        await uow.payments.post(postings, order_id=order.id, payment_id=share.payment_id, now=now)
    order.from_balance = 0


def _is_of(share: Share, attempt: Attempt | None, payment: Payment) -> bool:
    if attempt is None or share.attempt_number != attempt.number:
        return False
    return attempt.counts(payment)


async def give_back_balance(uow: UnitOfWork, order: Order, now: datetime) -> None:
    """What the buyer's balance had put aside for the order is theirs again."""
    if not order.from_balance:
        return
    owed = ledger.customer_account(order.buyer_id)
    for share in await uow.payments.shares(order.id):
        if share.account == HELD and share.provider == BALANCE:
            postings = ledger.transfer(HELD, owed, share.amount)
            await uow.payments.post(
                postings, order_id=order.id, payment_id=share.payment_id, now=now
            )
    order.from_balance = 0


async def release(uow: UnitOfWork, order: Order, now: datetime) -> None:
    """The order is left: its goods and its balance are free, its attempts closed."""
    await kind_of(order).release(uow, order)
    await uow.attempts.close(order.id)
    await give_back_balance(uow, order, now)
    await uow.orders.save(order)
