"""Links that open a product: `/start p_<SKU>`."""

from domain import browsing, catalog
from domain.catalog import Offer
from domain.errors import BadSku, ProductNotFound
from domain.ports import UnitOfWork
from domain.transactions import retried


@retried
async def linked(uow: UnitOfWork, sku: str) -> list[Offer]:
    """As `browsing.look_at`, by SKU. Raises `ProductNotFound`, for what is no SKU too."""
    try:
        checked = catalog.sku(sku)
    except BadSku:
        raise ProductNotFound from None
    async with uow:
        _, variant = await uow.catalog.by_sku(checked)
    return await browsing.look_at(uow, variant.id)
