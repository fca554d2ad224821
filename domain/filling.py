"""Paid orders that wait for goods: first come, first served."""

from datetime import datetime

from domain import fulfilment
from domain.ports import UnitOfWork
from domain.transactions import retried


async def fill_waiting(uow: UnitOfWork, now: datetime, *, variant_id: int | None = None) -> int:
    """Inside a transaction: hand new goods to those who wait; how many orders that were.

    Whoever cannot be served whole keeps their place, and nobody behind them is served the same.
    """
    short: set[int] = set()
    filled = 0
    for order in await uow.orders.lock_waiting(variant_id):
        wanted = {line.variant_id for line in order.lines}
        if not short & wanted and await fulfilment.fill(uow, order, now):
            filled += 1
        else:
            short |= wanted
    return filled


@retried
async def fill(uow: UnitOfWork, *, now: datetime) -> int:
    """Goods that others have let go of."""
    async with uow:
        filled = await fill_waiting(uow, now)
        if filled:
            await uow.commit()
    return filled
