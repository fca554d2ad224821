"""Card keys: reserved, sold, counted. Every statement here is built once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from domain.errors import BatchNotFound, OutOfStock
from domain.stock import LINE_BITS, Batch, Crossing, SealedKey, StockCount, StockLevel
from storage.key_insert import insert_keys
from storage.rows import Row
from storage.tables import card_keys, key_batches, orders, products, variants

_FREE: Final = card_keys.c.status == sa.literal_column("'available'")
_RESERVED: Final = card_keys.c.status == sa.literal_column("'reserved'")


def _claim(*, skip_locked: bool) -> ReturningUpdate[int]:
    """Take the oldest free keys behind a mark; the CTE is evaluated once on both databases."""
    chosen = (
        sa.select(card_keys.c.id)
        .where(
            card_keys.c.variant_id == sa.bindparam("of_variant"),
            _FREE,
            card_keys.c.id > sa.bindparam("mark"),
        )
        .order_by(card_keys.c.id)
        .limit(sa.bindparam("quantity"))
        .with_for_update(skip_locked=skip_locked)
        .cte("chosen")
    )
    return (
        sa.update(card_keys)
        .where(card_keys.c.id.in_(sa.select(chosen.c.id)), _FREE)
        .values(status=sa.literal_column("'reserved'"), order_id=sa.bindparam("for_order"))
        .returning(card_keys.c.id)
    )


_CLAIM: Final = _claim(skip_locked=True)
_CLAIM_WAITING: Final = _claim(skip_locked=False)
_RELEASE: Final = (
    sa.update(card_keys)
    .where(card_keys.c.order_id == sa.bindparam("of_order"), _RESERVED)
    .values(status=sa.literal_column("'available'"), order_id=None)
)
_SELL: Final = (
    sa.update(card_keys)
    .where(card_keys.c.order_id == sa.bindparam("of_order"), _RESERVED)
    .values(status=sa.literal_column("'sold'"))
)
_SEALED: Final = (
    card_keys.c.id,
    card_keys.c.variant_id,
    card_keys.c.fingerprint,
    card_keys.c.sealed,
    card_keys.c.version,
)
_KEYS_OF: Final = (
    sa.select(*_SEALED)
    .where(
        card_keys.c.order_id == sa.bindparam("of_order"),
        card_keys.c.status == sa.literal_column("'sold'"),
    )
    .order_by(card_keys.c.id)
)


# A sold key whose money went back: it may be used all the same, and is worth asking about.
_FLAGGED: Final = sa.case(
    (
        sa.and_(card_keys.c.status == "sold", orders.c.status == "refunded"),
        sa.literal_column("'refunded'"),
    ),
    else_=card_keys.c.status,
).label("status")


class SqlStock:
    def __init__(self, connection: AsyncConnection, marks: dict[int, int]) -> None:
        self._connection = connection
        self._marks = marks

    async def reserve(self, order_id: int, variant_id: int, quantity: int) -> None:
        """First behind the mark, then from the beginning, and before saying sold out once more
        waiting for those whom others hold: their transaction may yet be rolled back.
        """
        mark = self._marks.get(variant_id, 0)
        from_start = [(_CLAIM, 0)] if mark else []
        missing = quantity
        for statement, start in [(_CLAIM, mark), *from_start, (_CLAIM_WAITING, 0)]:
            ids = await self._claim(statement, order_id, variant_id, missing, start)
            missing -= len(ids)
            if ids:
                self._marks[variant_id] = max(ids)
            if not missing:
                return
        raise OutOfStock(variant_id, quantity - missing)

    async def release(self, order_id: int) -> None:
        await self._connection.execute(_RELEASE, {"of_order": order_id})

    async def sell(self, order_id: int) -> int:
        result = await self._connection.execute(_SELL, {"of_order": order_id})
        return result.rowcount

    async def keys_of(self, order_id: int) -> list[SealedKey]:
        rows = await self._connection.execute(_KEYS_OF, {"of_order": order_id})
        return [SealedKey(*row) for row in rows]

    async def counts(self, sku: str | None = None) -> list[StockCount]:
        amount = sa.func.count(card_keys.c.id)
        statement = (
            sa.select(
                variants.c.id,
                variants.c.sku,
                variants.c.name,
                products.c.name.label("product"),
                card_keys.c.status,
                amount.label("amount"),
            )
            .select_from(
                variants.join(products).outerjoin(
                    card_keys, card_keys.c.variant_id == variants.c.id
                )
            )
            .group_by(
                variants.c.id, variants.c.sku, variants.c.name, products.c.name, card_keys.c.status
            )
            .order_by(variants.c.id)
        )
        if sku is not None:
            statement = statement.where(sa.func.lower(variants.c.sku) == sku.lower())
        found: dict[int, StockCount] = {}
        for row in await self._connection.execute(statement):
            known = found.get(row.id) or StockCount(
                row.sku, _title(row.product, row.name), 0, 0, 0, 0
            )
            found[row.id] = _counted(known, row.status, row.amount)
        return list(found.values())

    async def crossings(self, threshold: int) -> list[Crossing]:
        highest = await self._connection.scalar(sa.select(sa.func.max(products.c.low_stock)))
        free = (
            sa.select(card_keys.c.id)
            .where(card_keys.c.variant_id == variants.c.id, _FREE)
            .limit(max(threshold, highest or 0) + 1)
            .correlate(variants)
        )
        left = sa.select(sa.func.count()).select_from(free.subquery()).scalar_subquery()
        statement = (
            sa.select(
                *variants.c,
                products.c.name.label("product"),
                products.c.low_stock,
                left.label("left"),
            )
            .join_from(variants, products)
            .where(products.c.active)
        )
        crossed = []
        for row in await self._connection.execute(statement):
            level = _level(row.left, threshold if row.low_stock is None else row.low_stock)
            if level != row.stock_level:
                title = _title(row.product, row.name)
                before = StockLevel(row.stock_level)
                crossed.append(Crossing(row.id, row.sku, title, before, level, row.left))
        return crossed

    async def cross(self, crossing: Crossing) -> bool:
        result = await self._connection.execute(
            sa.update(variants)
            .where(variants.c.id == crossing.variant_id, variants.c.stock_level == crossing.before)
            .values(stock_level=crossing.level)
        )
        return result.rowcount > 0

    async def add_batch(self, batch: Batch) -> None:
        insert = sa.insert(key_batches).returning(key_batches.c.id)
        values = {
            "variant_id": batch.variant_id,
            "source": batch.source[:255],
            "created_by": batch.created_by,
            "created_at": batch.created_at,
            "imported": 0,
            "duplicates": 0,
            "invalid": 0,
        }
        batch.id = (await self._connection.execute(insert, values)).scalar_one()

    async def add_keys(self, keys: Sequence[SealedKey]) -> int:
        return await insert_keys(self._connection, keys)

    async def finish_batch(self, batch: Batch) -> None:
        await self._connection.execute(
            sa.update(key_batches)
            .where(key_batches.c.id == batch.id)
            .values(
                finished_at=batch.finished_at,
                imported=batch.imported,
                duplicates=batch.duplicates,
                invalid=batch.invalid,
            )
        )

    async def mark_undone(self, batch_id: int, now: datetime) -> None:
        await self._connection.execute(
            sa.update(key_batches).where(key_batches.c.id == batch_id).values(undone_at=now)
        )

    async def batch(self, batch_id: int) -> Batch:
        found = await self._batches(key_batches.c.id == batch_id)
        if not found:
            raise BatchNotFound
        return found[0]

    async def unfinished_batches(self) -> list[Batch]:
        return await self._batches(key_batches.c.finished_at.is_(None))

    async def withdraw_batch(self, batch_id: int) -> int:
        first = batch_id << LINE_BITS
        result = await self._connection.execute(
            sa.update(card_keys)
            .where(card_keys.c.id.between(first, first + (1 << LINE_BITS) - 1), _FREE)
            .values(status="withdrawn")
        )
        return result.rowcount

    async def withdraw(self, variant_id: int, fingerprints: Sequence[bytes]) -> int:
        result = await self._connection.execute(
            sa.update(card_keys)
            .where(
                card_keys.c.fingerprint.in_(fingerprints),
                card_keys.c.variant_id == variant_id,
                _FREE,
            )
            .values(status="withdrawn")
        )
        return result.rowcount

    async def keys_after(
        self, key_id: int, *, variant_id: int | None, size: int
    ) -> list[tuple[SealedKey, str, str, str | None]]:
        statement = (
            sa.select(*_SEALED, variants.c.sku, _FLAGGED, orders.c.number)
            .select_from(
                card_keys.join(variants, variants.c.id == card_keys.c.variant_id).outerjoin(orders)
            )
            .where(card_keys.c.id > key_id)
            .order_by(card_keys.c.id)
            .limit(size)
        )
        if variant_id is not None:
            statement = statement.where(card_keys.c.variant_id == variant_id)
        rows = await self._connection.execute(statement)
        return [(SealedKey(*row[:5]), row.sku, row.status, row.number) for row in rows]

    async def _claim(
        self,
        statement: ReturningUpdate[int],
        order_id: int,
        variant_id: int,
        quantity: int,
        mark: int,
    ) -> Sequence[int]:
        found = await self._connection.scalars(
            statement,
            {
                "of_variant": variant_id,
                "mark": mark,
                "quantity": quantity,
                "for_order": order_id,
            },
        )
        return found.all()

    async def _batches(self, condition: sa.ColumnElement[bool]) -> list[Batch]:
        statement = (
            sa.select(*key_batches.c, variants.c.sku)
            .join_from(key_batches, variants)
            .where(condition)
            .order_by(key_batches.c.id)
            .with_for_update(of=key_batches)
        )
        return [_batch(row) for row in await self._connection.execute(statement)]


def _batch(row: Row) -> Batch:
    return Batch(
        id=row.id,
        variant_id=row.variant_id,
        sku=row.sku,
        source=row.source,
        created_by=row.created_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
        undone_at=row.undone_at,
        imported=row.imported,
        duplicates=row.duplicates,
        invalid=row.invalid,
    )


def _title(product: str, variant: str) -> str:
    return f"{product} · {variant}" if variant else product


def _level(left: int, threshold: int) -> StockLevel:
    if left == 0:
        return StockLevel.OUT
    return StockLevel.LOW if left <= threshold else StockLevel.OK


_COUNTED: Final = ("available", "reserved", "sold", "withdrawn")


def _counted(known: StockCount, status: str | None, amount: int) -> StockCount:
    if status not in _COUNTED:
        return known
    return StockCount(**{**vars(known), status: amount})
