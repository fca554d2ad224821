"""Looking at what is for sale, and at what an order would cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain import wallet
from domain.catalog import NO_CATEGORY, Category, Offer, Page
from domain.errors import OutOfStock
from domain.money import Money
from domain.orders import Bill, OrderLine
from domain.payments import PaymentProvider
from domain.ports import UnitOfWork
from domain.pricing import Quote, Rates, quotes
from domain.transactions import retried

PAGE_SIZE: Final = 8


@dataclass(frozen=True)
class Shelf:
    """A page of the catalogue; `categories` is filled where one has to be chosen first."""

    categories: list[Category]
    offers: Page[Offer]
    category_id: int | None = None


@retried
async def browse(uow: UnitOfWork, *, category_id: int | None = None, page: int = 0) -> Shelf:
    """A category's products; without one, the categories where there are several, beside the
    products that are in none.
    """
    async with uow:
        categories = await uow.catalog.categories() if category_id is None else []
        if len(categories) > 1:
            category_id = NO_CATEGORY
        else:
            categories = []
        offers = await uow.catalog.offers(
            page=max(page, 0), size=PAGE_SIZE, category_id=category_id
        )
        return Shelf(categories, offers, category_id)


@retried
async def search(uow: UnitOfWork, text: str, *, page: int = 0) -> Page[Offer]:
    """Products whose name, SKU or description holds the text, in any case."""
    words = " ".join(text.split())
    if not words.isprintable():  # no name holds such signs, and not every database takes them
        return Page([], 0, more=False)
    async with uow:
        return await uow.catalog.offers(page=max(page, 0), size=PAGE_SIZE, text=words)


@retried
async def look_at(uow: UnitOfWork, variant_id: int) -> list[Offer]:
    """A product's variants that are for sale, the asked-for one first.

    Raises `ProductNotFound`.
    """
    async with uow:
        offer = await uow.catalog.offer(variant_id)
        others = await uow.catalog.offers_of(offer.product.id)
    return [offer, *(o for o in others if o.variant.id != variant_id)]


@dataclass(frozen=True)
class Preview:
    """What an order would be, what each method would ask for it, and what the buyer's balance
    holds in its currency.
    """

    offer: Offer
    line: OrderLine
    quotes: list[Quote]
    balance: Money

    @property
    def bill(self) -> Bill:
        return Bill([self.line], self.line.total)


@retried
async def preview(
    uow: UnitOfWork,
    providers: Sequence[PaymentProvider],
    rates: Rates,
    *,
    buyer_id: int,
    variant_id: int,
    quantity: int,
) -> Preview:
    """Raises `ProductNotFound`, `BadQuantity`, `OutOfStock`."""
    async with uow:
        offer = await uow.catalog.offer(variant_id)
        line = OrderLine.of(offer.variant, offer.title, quantity)
        held = await wallet.balance(uow, buyer_id, line.unit_price.currency)
    offer.product.check_quantity(quantity)
    if offer.left_count < quantity:
        raise OutOfStock(variant_id, offer.left_count)
    return Preview(offer, line, quotes(providers, Bill([line], line.total), rates), held)
