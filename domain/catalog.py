"""What is for sale: categories, products and their variants."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from domain.errors import BadField, BadQuantity, BadSku
from domain.money import STARS, Money

_SKU: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
NAME_LENGTH: Final = 64
DESCRIPTION_LENGTH: Final = 700
MAX_QUANTITY: Final = 1000
NO_CATEGORY: Final = 0  # where an id is asked for: the products that are in none

T = TypeVar("T")


def sku(text: str) -> str:
    """A checked SKU. It keeps its case; `game-1` and `GAME-1` are one all the same."""
    if not _SKU.fullmatch(text):
        raise BadSku(text)
    return text


def plain(text: str) -> str:
    """Text for one line without what hides or turns it: controls, zero-width, right-to-left."""
    kept = (" " if c.isspace() else c for c in text)
    visible = "".join(c for c in kept if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"})
    return " ".join(visible.split())


def plain_lines(text: str) -> str:
    """`plain`, line by line."""
    return "\n".join(plain(line) for line in text.strip().splitlines())


def product_name(text: str) -> str:
    name = plain(text)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise BadField("name", f"1 to {NAME_LENGTH} characters")
    return name


@dataclass(frozen=True)
class Category:
    id: int
    name: str


@dataclass
class Variant:
    """One way to buy a product; what stock and orders refer to."""

    id: int
    product_id: int
    sku: str
    name: str
    price: Money
    # The price list: what it costs in other currencies, Telegram Stars among them; minor units.
    prices: dict[str, int] = field(default_factory=dict)

    @property
    def stars(self) -> int | None:
        """The price in Telegram Stars where the owner has set one."""
        return self.prices.get(STARS)

    def listed_price(self, currency: str) -> Money | None:
        """What the list says; None where it says nothing."""
        return Money(self.prices[currency], currency) if currency in self.prices else None


@dataclass
class Product:
    id: int
    name: str
    description: str = ""
    category: Category | None = None
    photo: str | None = None  # Telegram's file_id
    kind: str = "keys"
    least: int = 1
    most: int = 100
    low_stock: int | None = None  # None: the shop's threshold
    active: bool = True
    variants: list[Variant] = field(default_factory=list)

    def check_quantity(self, quantity: int) -> None:
        """Raises `BadQuantity` outside the product's bounds, forged numbers included."""
        if not self.least <= quantity <= self.most:
            raise BadQuantity(quantity, self.least, self.most)

    def clamp(self, quantity: int) -> int:
        return max(self.least, min(quantity, self.most))


def title(product: Product, variant: Variant) -> str:
    """The product's name, with the variant's where there is more than one to tell apart."""
    return f"{product.name} · {variant.name}" if variant.name else product.name


@dataclass(frozen=True)
class Offer:
    """A variant with its product and what is left of it, as a buyer sees it."""

    product: Product
    variant: Variant
    left_count: int

    @property
    def title(self) -> str:
        return title(self.product, self.variant)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A slice of a list; `number` from 0."""

    items: list[T]
    number: int
    more: bool
