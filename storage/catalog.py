"""Categories, products and variants."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from domain.catalog import NO_CATEGORY, Category, Offer, Page, Product, Variant
from domain.errors import ProductNotFound, SkuTaken
from domain.money import Money
from storage.rows import Row
from storage.tables import card_keys, categories, products, variants

MAX_ID: Final = 2**63 - 1
# Buyers see exact numbers up to here; counting on would cost more than it tells.
MANY: Final = 1_000

_PRODUCT: Final = [column.label(f"of_{column.name}") for column in products.c]
_COLUMNS: Final = [*variants.c, *_PRODUCT, categories.c.name.label("category_name")]
_FROM: Final = variants.join(products).outerjoin(categories)
_ROWS: Final = sa.select(*_COLUMNS).select_from(_FROM)
_ON_SALE: Final = _ROWS.where(variants.c.id == sa.bindparam("variant_id"), products.c.active)


class SqlCatalog:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def categories(self) -> list[Category]:
        used = sa.select(products.c.category_id).where(products.c.active)
        statement = sa.select(categories).where(categories.c.id.in_(used))
        rows = await self._connection.execute(statement.order_by(categories.c.name))
        return [Category(row.id, row.name) for row in rows]

    async def offers(
        self, *, page: int, size: int, category_id: int | None = None, text: str | None = None
    ) -> Page[Offer]:
        first = sa.select(sa.func.min(variants.c.id)).group_by(variants.c.product_id)
        statement = _ROWS.where(variants.c.id.in_(first), products.c.active)
        if category_id == NO_CATEGORY:
            statement = statement.where(products.c.category_id.is_(None))
        elif category_id is not None:
            statement = statement.where(products.c.category_id == category_id)
        if text is not None:
            statement = statement.where(
                products.c.search_text.contains(text.casefold(), autoescape=True)
            )
        statement = statement.order_by(products.c.name, products.c.id)
        statement = statement.limit(size + 1).offset(page * size)
        rows = (await self._connection.execute(statement)).all()
        left = await self._left_of_products([row.product_id for row in rows[:size]])
        shown = [Offer(_product(row), _variant(row), left[row.product_id]) for row in rows[:size]]
        return Page(shown, page, more=len(rows) > size)

    async def offers_of(self, product_id: int) -> list[Offer]:
        statement = _ROWS.where(products.c.id == product_id, products.c.active)
        rows = (await self._connection.execute(statement.order_by(variants.c.id))).all()
        return await self._offers(rows)

    async def offer(self, variant_id: int) -> Offer:
        product, variant = await self.on_sale(variant_id)
        return Offer(product, variant, (await self._left([variant_id]))[variant_id])

    async def on_sale(self, variant_id: int) -> tuple[Product, Variant]:
        if not 0 < variant_id <= MAX_ID:
            raise ProductNotFound
        found = await self._connection.execute(_ON_SALE, {"variant_id": variant_id})
        if (row := found.first()) is None:
            raise ProductNotFound
        return _product(row), _variant(row)

    async def by_sku(self, sku: str, *, lock: bool = False) -> tuple[Product, Variant]:
        statement = _ROWS.where(sa.func.lower(variants.c.sku) == sku.lower())
        if lock:
            statement = statement.with_for_update(of=[products, variants])
        row = (await self._connection.execute(statement)).first()
        if row is None:
            raise ProductNotFound
        product, variant = _product(row), _variant(row)
        product.variants = await self._variants(product.id)
        return product, variant

    async def skus(self) -> list[str]:
        found = await self._connection.scalars(sa.select(variants.c.sku).order_by(variants.c.id))
        return list(found)

    async def add(self, product: Product, variant: Variant) -> None:
        if not product.id:
            insert = sa.insert(products).values(_product_values(product))
            product.id = await self._new_id(insert.returning(products.c.id))
        variant.product_id = product.id
        insert = sa.insert(variants).values(
            product_id=product.id, sku=variant.sku, stock_level="out", **_variant_values(variant)
        )
        try:
            variant.id = await self._new_id(insert.returning(variants.c.id))
        except IntegrityError:
            raise SkuTaken(variant.sku) from None
        product.variants.append(variant)
        await self.save(product)

    async def save(self, product: Product) -> None:
        await self._connection.execute(
            sa.update(products).where(products.c.id == product.id).values(_product_values(product))
        )

    async def save_variant(self, variant: Variant) -> None:
        await self._connection.execute(
            sa.update(variants).where(variants.c.id == variant.id).values(_variant_values(variant))
        )

    async def category_named(self, name: str) -> Category:
        # Compared here: SQLite knows upper and lower case of ASCII only.
        for row in await self._connection.execute(sa.select(categories)):
            if row.name.casefold() == name.casefold():
                return Category(row.id, row.name)
        insert = sa.insert(categories).values(name=name).returning(categories.c.id)
        return Category(await self._new_id(insert), name)

    async def _variants(self, product_id: int) -> list[Variant]:
        statement = sa.select(variants).where(variants.c.product_id == product_id)
        rows = await self._connection.execute(statement.order_by(variants.c.id))
        return [_variant(row) for row in rows]

    async def _offers(self, rows: Sequence[Row]) -> list[Offer]:
        left = await self._left([row.id for row in rows])
        return [Offer(_product(row), _variant(row), left[row.id]) for row in rows]

    async def _left_of_products(self, product_ids: Sequence[int]) -> Counter[int]:
        """What is left of all their variants together."""
        found = await self._connection.execute(
            sa.select(variants.c.id, variants.c.product_id).where(
                variants.c.product_id.in_(product_ids)
            )
        )
        products_of = {row.id: row.product_id for row in found}
        left: Counter[int] = Counter()
        for variant_id, count in (await self._left(list(products_of))).items():
            left[products_of[variant_id]] += count
        return left

    async def _left(self, variant_ids: Sequence[int]) -> dict[int, int]:
        """How many keys are free, counted up to `MANY`."""
        counted = [
            sa.select(
                sa.literal(variant_id).label("id"), sa.func.count().label("left")
            ).select_from(_free(variant_id).subquery())
            for variant_id in variant_ids
        ]
        if not counted:
            return {}
        rows = await self._connection.execute(sa.union_all(*counted))
        return {row.id: row.left for row in rows}

    async def _new_id(self, insert: ReturningInsert[int]) -> int:
        return (await self._connection.execute(insert)).scalar_one()


def _free(variant_id: int) -> sa.Select[int]:
    return (
        sa.select(card_keys.c.id)
        .where(
            card_keys.c.variant_id == variant_id,
            card_keys.c.status == sa.literal_column("'available'"),
        )
        .limit(MANY)
    )


def _product(row: Row) -> Product:
    category = Category(row.of_category_id, row.category_name) if row.of_category_id else None
    return Product(
        id=row.of_id,
        name=row.of_name,
        description=row.of_description,
        category=category,
        photo=row.of_photo,
        kind=row.of_kind,
        least=row.of_least,
        most=row.of_most,
        low_stock=row.of_low_stock,
        active=row.of_active,
    )


def _variant(row: Row) -> Variant:
    price = Money(row.price, row.currency)
    return Variant(row.id, row.product_id, row.sku, row.name, price, dict(row.prices))


def _product_values(product: Product) -> dict[str, object]:
    words = [product.name, product.description, *(v.sku for v in product.variants)]
    return {
        "category_id": product.category.id if product.category else None,
        "name": product.name,
        "description": product.description,
        "photo": product.photo,
        "kind": product.kind,
        "least": product.least,
        "most": product.most,
        "low_stock": product.low_stock,
        "active": product.active,
        "search_text": "\n".join(words).casefold(),
    }


def _variant_values(variant: Variant) -> dict[str, object]:
    return {
        "name": variant.name,
        "price": variant.price.amount,
        "currency": variant.price.currency,
        "prices": variant.prices,
    }
