"""A shop's past, written by the database itself: keys, buyers and orders by the thousand.

Orders have the numbers from `FIRST` on, and whatever belongs to one is told by its number: the
ids of its buyer, its attempt and its key are the same.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.payments import PaymentEvent
from storage.tables import (
    attempts,
    card_keys,
    customers,
    order_lines,
    orders,
    products,
    variants,
)
from tests.shop import NOW, PRICE, RULES, Till

FIRST: Final = 10_000_000
KEYS_FROM: Final = 1 << 24  # where the ids of imported keys begin
_SEALED_BYTES: Final = 52  # of a key of 24 characters


def _numbers(first: int, count: int) -> sa.CTE:
    one = sa.select(sa.literal(first, sa.BigInteger).label("n")).cte("numbers", recursive=True)
    return one.union_all(sa.select(one.c.n + 1).where(one.c.n < first + count - 1))


async def _fill(
    connection: AsyncConnection,
    table: sa.Table,
    source: sa.FromClause,
    **values: sa.ColumnElement[object] | object,
) -> None:
    row = [
        value if isinstance(value, sa.ColumnElement) else sa.literal(value, table.c[name].type)
        for name, value in values.items()
    ]
    select = sa.select(*row).select_from(source)
    await connection.execute(sa.insert(table).from_select(list(values), select))


async def add_products(connection: AsyncConnection, count: int) -> None:
    """Products 1 to `count`, each with the variant of the same id."""
    rows = _numbers(1, count)
    name = sa.literal("P") + sa.cast(rows.c.n, sa.String)
    await _fill(
        connection,
        products,
        rows,
        id=rows.c.n,
        name=name,
        description="",
        kind="keys",
        least=1,
        most=100,
        active=True,
        search_text=name,
    )
    await _fill(
        connection,
        variants,
        rows,
        id=rows.c.n,
        product_id=rows.c.n,
        sku=name,
        name="",
        price=PRICE.amount,
        currency=PRICE.currency,
        stock_level="ok",
    )


async def add_keys(
    connection: AsyncConnection,
    count: int,
    *,
    products: int = 1,
    first_id: int = KEYS_FROM,
    sold: int = 0,
    sold_to: int | None = None,
) -> None:
    """Keys spread over the products; the first `sold` of them belong to the order `sold_to`."""
    rows = _numbers(first_id, count)
    gone = rows.c.n < first_id + sold
    await _fill(
        connection,
        card_keys,
        rows,
        id=rows.c.n,
        variant_id=rows.c.n % products + 1,
        status=sa.case((gone, "sold"), else_="available"),
        order_id=sa.case((gone, sold_to), else_=None) if sold else sa.null(),
        **_sealed(connection, rows.c.n),
    )


async def add_buyers(connection: AsyncConnection, count: int) -> None:
    rows = _numbers(FIRST, count)
    await _fill(
        connection,
        customers,
        rows,
        id=rows.c.n,
        name="Buyer",
        blocked=False,
        banned=False,
        created_at=NOW,
    )


async def add_orders(
    connection: AsyncConnection, count: int, *, products: int, till: Till
) -> None:
    """Pending orders for one key each, which is reserved."""
    rows = _numbers(FIRST, count)
    variant = rows.c.n % products + 1
    await _add_bare_orders(connection, rows)
    await _add_lines(connection, rows, variant)
    await _add_attempts(connection, rows, till)
    await _add_reserved_keys(connection, rows, variant)


async def _add_bare_orders(connection: AsyncConnection, rows: sa.CTE) -> None:
    text = sa.cast(rows.c.n, sa.String)
    await _fill(
        connection,
        orders,
        rows,
        id=rows.c.n,
        number=sa.literal("B") + text,
        buyer_id=rows.c.n,
        request_id=text,
        status="pending",
        total=PRICE.amount,
        currency=PRICE.currency,
        created_at=NOW,
        reserved_until=NOW + RULES.order_ttl,
    )


async def _add_lines(
    connection: AsyncConnection, rows: sa.CTE, variant: sa.ColumnElement[int]
) -> None:
    await _fill(
        connection,
        order_lines,
        rows,
        order_id=rows.c.n,
        position=0,
        variant_id=variant,
        sku="P",
        title="P",
        quantity=1,
        unit_price=PRICE.amount,
        currency=PRICE.currency,
    )


async def _add_attempts(connection: AsyncConnection, rows: sa.CTE, till: Till) -> None:
    await _fill(
        connection,
        attempts,
        rows,
        id=rows.c.n,
        order_id=rows.c.n,
        number=sa.literal("B") + sa.cast(rows.c.n, sa.String) + sa.literal("01"),
        provider=till.code,
        account=till.account,
        live=till.live,
        amount=PRICE.amount,
        currency=PRICE.currency,
        received=0,
        status="open",
        created_at=NOW,
    )


async def _add_reserved_keys(
    connection: AsyncConnection, rows: sa.CTE, variant: sa.ColumnElement[int]
) -> None:
    await _fill(
        connection,
        card_keys,
        rows,
        id=rows.c.n,
        variant_id=variant,
        status="reserved",
        order_id=rows.c.n,
        **_sealed(connection, rows.c.n),
    )


def attempt_number(nth: int) -> str:
    return f"B{FIRST + nth}01"


def payment(till: Till, nth: int) -> PaymentEvent:
    """What the provider says of the nth order."""
    number = attempt_number(nth)
    return PaymentEvent(till.code, till.account, till.live, f"tx-{number}", number, PRICE)


async def settled_down(engine: AsyncEngine) -> None:
    """After the seeding: PostgreSQL knows its tables, and has written them out."""
    if engine.dialect.name != "postgresql":
        return
    async with engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.exec_driver_sql("VACUUM ANALYZE")


def _sealed(connection: AsyncConnection, number: sa.ColumnElement[int]) -> dict[str, object]:
    """What is in a key's row beside its state; nobody opens it."""
    fingerprint = (
        sa.func.randomblob(16)
        if connection.dialect.name == "sqlite"
        else sa.func.decode(sa.func.md5(sa.cast(number, sa.String)), "hex")
    )
    return {"fingerprint": fingerprint, "sealed": bytes(_SEALED_BYTES), "version": 1}
