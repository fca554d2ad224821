"""What a person decides about an order that is before one: counted once, whoever comes first."""

from datetime import datetime

from domain.messages import DeliveryStatus, Note, Topic
from domain.orders import Order, OrderException
from domain.ports import AuditEntry, UnitOfWork
from domain.transactions import retried


@retried
async def dismiss(
    uow: UnitOfWork, number: str, why: OrderException, *, actor_id: int, now: datetime
) -> bool:
    """A person has seen to it. False when it is not before one for this reason any more.

    Raises `OrderNotFound`.
    """
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        if order.exception is not why:
            return False
        await _take_off(uow, order, "settled by hand", actor_id, now)
        await uow.commit()
    return True


@retried
async def resend(uow: UnitOfWork, number: str, *, actor_id: int, now: datetime) -> bool:
    """Try once more to hand over goods that did not arrive; should they fail again, the order
    comes back before a person. False when it is not before one for that.

    Raises `OrderNotFound`.
    """
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        if order.exception is not OrderException.UNDELIVERABLE or not order.is_paid:
            return False
        await _take_off(uow, order, "resend", actor_id, now)
        if not await uow.outbox.requeue(order_id=order.id, now=now):
            await uow.outbox.add(Note(Topic.GOODS, order.buyer_id, order.id), now)
        await uow.commit()
    return True


async def _take_off(
    uow: UnitOfWork, order: Order, action: str, actor_id: int, now: datetime
) -> None:
    before = {"exception": order.exception}
    seen_to = order.exception is OrderException.UNDELIVERABLE
    order.exception = None if seen_to else await left_to_do(uow, order)
    await uow.orders.save(order)
    await uow.audit.add(AuditEntry(now, actor_id, action, order.number, before))


async def left_to_do(uow: UnitOfWork, order: Order) -> OrderException | None:
    """What keeps an order before a person once its money is in order: goods that were given up."""
    if order.is_paid and await uow.outbox.hand_over(order.id) is DeliveryStatus.FAILED:
        return OrderException.UNDELIVERABLE
    return None
