"""A buyer's own orders."""

from typing import Final

from domain.catalog import Page
from domain.orders import Order
from domain.ports import UnitOfWork
from domain.transactions import retried

PAGE_SIZE: Final = 8


@retried
async def own_orders(uow: UnitOfWork, buyer_id: int, *, page: int = 0) -> Page[Order]:
    """Newest first."""
    async with uow:
        return await uow.orders.of_buyer(buyer_id, page=max(page, 0), size=PAGE_SIZE)
