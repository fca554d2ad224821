"""Telegram's own invoices: what it asks while a buyer pays one, and whose it is."""

from datetime import datetime

from domain.errors import OrderNotFound, PriceChanged
from domain.money import Money
from domain.payments import Attempt, AttemptStatus
from domain.ports import UnitOfWork
from domain.transactions import retried


@retried
async def approve(
    uow: UnitOfWork, attempt_number: str, payer_id: int, amount: Money, *, now: datetime
) -> None:
    """Whether it may be paid now: the last moment to say no.

    Raises `OrderNotFound` (also for somebody else's), `OrderExpired`, `OrderClosed`,
    `PriceChanged`.
    """
    async with uow:
        attempt = await _own_attempt(uow, attempt_number, payer_id)
        order = await uow.orders.lock(attempt.order_id)
        order.check_payable(now)
        if attempt.amount != amount or attempt.status is not AttemptStatus.OPEN:
            raise PriceChanged
        order.hold_for_payment(now)
        await uow.orders.save(order)
        await uow.commit()


@retried
async def may_ship(uow: UnitOfWork, attempt_number: str, payer_id: int, *, now: datetime) -> None:
    """Where the order may go, before it is paid. Raises as `approve`."""
    async with uow:
        attempt = await _own_attempt(uow, attempt_number, payer_id)
        (await uow.orders.get(attempt.order_id)).check_payable(now)


@retried
async def order_number_of(uow: UnitOfWork, attempt_number: str, buyer_id: int) -> str | None:
    """The buyer's own order behind an attempt."""
    async with uow:
        try:
            return (await _own_attempt(uow, attempt_number, buyer_id)).order_number
        except OrderNotFound:
            return None


async def _own_attempt(uow: UnitOfWork, number: str, buyer_id: int) -> Attempt:
    """Raises `OrderNotFound`, for somebody else's too."""
    attempt = await uow.attempts.by_number(number)
    if attempt is None or attempt.buyer_id != buyer_id:
        raise OrderNotFound
    return attempt
