"""The catalogue in its owner's hands."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from domain.catalog import (
    DESCRIPTION_LENGTH,
    MAX_QUANTITY,
    Product,
    Variant,
    plain,
    plain_lines,
    product_name,
)
from domain.catalog import (
    sku as checked_sku,
)
from domain.errors import BadAmount, BadField, NoSuchKind, UnknownCurrency
from domain.kinds import KINDS
from domain.money import CURRENCIES, STARS, Money, minor_digits
from domain.ports import AuditEntry, UnitOfWork
from domain.stock import StockCount
from domain.transactions import retried

PHOTO_LENGTH: Final = 200  # of Telegram's file_id
PRICES_RULE: Final = "such as 35 CNY, 4.50 EUR"
MAX_STARS: Final = 100_000  # Telegram's limit for one invoice
_YES: Final = frozenset({"on", "yes", "true", "1"})
_NO: Final = frozenset({"off", "no", "false", "0"})


def read_price(text: str, currency: str) -> tuple[Money, str]:
    """A price and the text behind it: `4.99 CNY Name`; `currency` where none is named.

    Raises `BadAmount`.
    """
    number, _, rest = text.strip().partition(" ")
    named, _, after = rest.strip().partition(" ")
    # In capitals alone: "4.99 Top Game" is no price in Tongan paʻanga.
    if named in CURRENCIES and named != STARS:
        currency, rest = named, after
    # More decimals than the currency has may well be a separator of thousands.
    whole, _, decimals = number.replace(",", ".").partition(".")
    price = Money.parse(f"{whole}.{decimals}" if decimals else number, currency)
    if not price or len(decimals) > minor_digits(currency):
        raise BadAmount(number, currency)
    return price, rest.strip()


def price_list(variant: Variant) -> str:
    """What it costs in other currencies, Stars aside: `35.00 CNY, 4.50 EUR`."""
    listed = (Money(n, currency) for currency, n in variant.prices.items() if currency != STARS)
    return ", ".join(sorted(map(str, listed)))


@retried
async def new_product(
    uow: UnitOfWork, *, sku: str, price: Money, name: str, actor_id: int, now: datetime
) -> tuple[Product, Variant]:
    """A product with one variant. Raises `BadSku`, `SkuTaken`, `BadField`."""
    product = Product(0, product_name(name))
    async with uow:
        return await _add(uow, product, sku, price, "", actor_id, now)


@retried
async def new_variant(
    uow: UnitOfWork,
    *,
    of_sku: str,
    sku: str,
    price: Money,
    name: str,
    actor_id: int,
    now: datetime,
) -> tuple[Product, Variant]:
    """Another variant of the product that has `of_sku`. Raises `ProductNotFound` besides."""
    async with uow:
        product, _ = await uow.catalog.by_sku(of_sku, lock=True)
        return await _add(uow, product, sku, price, product_name(name), actor_id, now)


async def _add(
    uow: UnitOfWork,
    product: Product,
    sku: str,
    price: Money,
    name: str,
    actor_id: int,
    now: datetime,
) -> tuple[Product, Variant]:
    variant = Variant(0, product.id, checked_sku(sku), name, price)
    if price.amount <= 0:
        raise BadAmount(str(price.decimal), price.currency)
    await uow.catalog.add(product, variant)
    after = {"name": product.name, "variant": name, "price": str(price)}
    await uow.audit.add(AuditEntry(now, actor_id, "new product", variant.sku, after=after))
    await uow.commit()
    return product, variant


@retried
async def set_product(
    uow: UnitOfWork,
    *,
    sku: str,
    field: str,
    value: str,
    currency: str,
    actor_id: int,
    now: datetime,
) -> tuple[Product, Variant]:
    """Change one field of what `sku` names. Raises `ProductNotFound`, `BadField`, `BadAmount`.

    Open orders keep what they were placed with.
    """
    field = field.lower()
    if field not in FIELDS:
        raise BadField(field, ", ".join(FIELDS))
    async with uow:
        product, variant = await uow.catalog.by_sku(sku, lock=True)
        before = FIELDS[field](product, variant)
        if field == "category":
            name = plain(value)
            product.category = (
                await uow.catalog.category_named(product_name(name))
                if name not in {"", "-"}
                else None
            )
        elif field == "price":
            variant.price, rest = read_price(value, currency)
            if rest:
                raise BadAmount(value, currency)
        else:
            _SETTERS[field](product, variant, value)
        await uow.catalog.save(product)
        await uow.catalog.save_variant(variant)
        after = FIELDS[field](product, variant)
        await uow.audit.add(
            AuditEntry(now, actor_id, "set product", variant.sku, {field: before}, {field: after})
        )
        await uow.commit()
    return product, variant


@retried
async def stock(uow: UnitOfWork, sku: str | None = None) -> list[StockCount]:
    """Raises `ProductNotFound` for a SKU that does not exist."""
    async with uow:
        if sku is not None:
            await uow.catalog.by_sku(sku)
        return await uow.stock.counts(sku)


def _number(field: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise BadField(field, f"{least} to {most}")
    return int(value)


def _set_name(product: Product, variant: Variant, value: str) -> None:
    product.name = product_name(value)


def _set_stars(product: Product, variant: Variant, value: str) -> None:
    variant.prices.pop(STARS, None)
    if value != "-":
        variant.prices[STARS] = _number("stars", value, 1, MAX_STARS)


def _set_prices(product: Product, variant: Variant, value: str) -> None:
    """`35 CNY, 4.50 EUR`: the whole list but for Stars, which have a field of their own."""
    listed = {STARS: variant.prices[STARS]} if STARS in variant.prices else {}
    for entry in value.split(",") if value.strip() != "-" else []:
        try:
            price, rest = read_price(entry, "")
        except (BadAmount, UnknownCurrency):
            raise BadField("prices", PRICES_RULE) from None
        if rest or price.currency == variant.price.currency:
            raise BadField("prices", PRICES_RULE)
        listed[price.currency] = price.amount
    variant.prices = listed


def _set_description(product: Product, variant: Variant, value: str) -> None:
    text = "" if value.strip() == "-" else plain_lines(value)
    if len(text) > DESCRIPTION_LENGTH:
        raise BadField("description", f"up to {DESCRIPTION_LENGTH} characters")
    product.description = text


def _set_photo(product: Product, variant: Variant, value: str) -> None:
    if len(value.strip()) > PHOTO_LENGTH:
        raise BadField("photo", "a photo sent to this chat")
    product.photo = value.strip() if value.strip() not in {"", "-"} else None


def _set_least(product: Product, variant: Variant, value: str) -> None:
    product.least = _number("min", value, 1, product.most)


def _set_most(product: Product, variant: Variant, value: str) -> None:
    product.most = _number("max", value, product.least, MAX_QUANTITY)


def _set_kind(product: Product, variant: Variant, value: str) -> None:
    if value.lower() not in KINDS:
        raise NoSuchKind(value, list(KINDS))
    product.kind = value.lower()


def _set_low_stock(product: Product, variant: Variant, value: str) -> None:
    product.low_stock = None if value == "-" else _number("low_stock", value, 0, 1_000_000)


def _set_active(product: Product, variant: Variant, value: str) -> None:
    if value.lower() not in _YES | _NO:
        raise BadField("active", "on or off")
    product.active = value.lower() in _YES


_Setter = Callable[[Product, Variant, str], None]
_SETTERS: Final[Mapping[str, _Setter]] = {
    "name": _set_name,
    "stars": _set_stars,
    "prices": _set_prices,
    "description": _set_description,
    "photo": _set_photo,
    "min": _set_least,
    "max": _set_most,
    "kind": _set_kind,
    "low_stock": _set_low_stock,
    "active": _set_active,
}
_Getter = Callable[[Product, Variant], str | int | None]
FIELDS: Final[Mapping[str, _Getter]] = {
    "name": lambda product, _: product.name,
    "price": lambda _, variant: str(variant.price),
    "stars": lambda _, variant: variant.stars,
    "prices": lambda _, variant: price_list(variant) or None,
    "description": lambda product, _: product.description,
    "category": lambda product, _: product.category.name if product.category else None,
    "photo": lambda product, _: product.photo,
    "min": lambda product, _: product.least,
    "max": lambda product, _: product.most,
    "kind": lambda product, _: product.kind,
    "low_stock": lambda product, _: product.low_stock,
    "active": lambda product, _: "on" if product.active else "off",
}
