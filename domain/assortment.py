"""What the shop has in its range, on sale or not, for those who tend it."""

from typing import Final

from domain.catalog import Page, Product, Variant
from domain.errors import ProductNotFound, SkuTaken
from domain.ports import UnitOfWork
from domain.transactions import retried

PAGE_SIZE: Final = 12


@retried
async def skus(uow: UnitOfWork, *, page: int = 0) -> Page[str]:
    """Every SKU, oldest first."""
    async with uow:
        known = await uow.catalog.skus()
    first = max(page, 0) * PAGE_SIZE
    last = first + PAGE_SIZE
    return Page(known[first:last], max(page, 0), more=len(known) > last)


@retried
async def look_up(uow: UnitOfWork, sku: str) -> tuple[Product, Variant]:
    """Raises `ProductNotFound`."""
    async with uow:
        return await uow.catalog.by_sku(sku)


async def require_free(uow: UnitOfWork, sku: str) -> None:
    """Raises `SkuTaken`, before more is asked about a product that cannot be added."""
    async with uow:
        try:
            _, variant = await uow.catalog.by_sku(sku)
        except ProductNotFound:
            return
    raise SkuTaken(variant.sku)
