"""Orders and their lines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.catalog import Page
from domain.errors import OrderNotFound
from domain.money import Money
from domain.orders import Order, OrderException, OrderLine, OrderStatus
from domain.payments import Attempt
from storage import attempts as attempt_rows
from storage.rows import Row
from storage.tables import attempts, order_lines, orders

_LINE: Final = [column.label(f"line_{column.name}") for column in order_lines.c]
# A top-up has no lines.
_SELECT: Final = sa.select(*orders.c, *_LINE).join_from(orders, order_lines, isouter=True)
_IN_ORDER: Final = order_lines.c.position
_BY_ID: Final = _SELECT.where(orders.c.id == sa.bindparam("order_id")).order_by(_IN_ORDER)
_BY_NUMBER: Final = _SELECT.where(orders.c.number == sa.bindparam("number")).order_by(_IN_ORDER)
_LOCK_BY_ID: Final = _BY_ID.with_for_update(of=orders)
_LOCK_BY_NUMBER: Final = _BY_NUMBER.with_for_update(of=orders)
# Both rows are locked: PostgreSQL reads anew only what a statement has waited for.
_LOCK_WITH_ATTEMPT: Final = (
    sa.select(*orders.c, *_LINE, *attempt_rows.COLUMNS)
    .join_from(attempts, orders)
    .outerjoin(order_lines, order_lines.c.order_id == orders.c.id)
    .where(
        attempts.c.provider == sa.bindparam("provider"),
        attempts.c.number == sa.bindparam("attempt_number"),
    )
    .order_by(_IN_ORDER)
    .with_for_update(of=[orders, attempts])
)
_PENDING: Final = _SELECT.where(
    orders.c.buyer_id == sa.bindparam("buyer_id"),
    sa.or_(
        orders.c.status == sa.literal_column("'pending'"),
        orders.c.request_id == sa.bindparam("request_id"),
    ),
).order_by(orders.c.id, _IN_ORDER)
_INSERT: Final = sa.insert(orders).returning(orders.c.id)
_INSERT_LINES: Final = sa.insert(order_lines)
_UPDATE: Final = (
    sa.update(orders)
    .where(orders.c.id == sa.bindparam("row_id"))
    .values(
        {
            name: sa.bindparam(f"new_{name}")
            for name in (
                "status",
                "exception",
                "from_balance",
                "reserved_until",
                "paid_at",
                "message_id",
            )
        }
    )
)
_OVERDUE: Final = (
    sa.select(orders.c.id)
    .where(
        orders.c.status == sa.literal_column("'pending'"),
        orders.c.reserved_until <= sa.bindparam("now"),
        sa.or_(
            orders.c.reserved_until <= sa.bindparam("sure_before"),
            ~sa.exists().where(
                attempts.c.order_id == orders.c.id,
                attempts.c.status == sa.literal_column("'open'"),
                attempts.c.poll_at.isnot(None),
            ),
        ),
    )
    .order_by(orders.c.reserved_until)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
)


_WAITING: Final = (
    sa.select(orders.c.id)
    .where(
        orders.c.exception == sa.literal_column("'short'"),
        orders.c.status == sa.literal_column("'paid'"),
    )
    .order_by(orders.c.paid_at, orders.c.id)
    .with_for_update(skip_locked=True)
)


class SqlOrders:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, order: Order) -> None:
        values = {
            "number": order.number,
            "buyer_id": order.buyer_id,
            "request_id": order.request_id,
            "kind": order.kind,
            "from_balance": order.from_balance,
            "total": order.total.amount,
            "currency": order.total.currency,
            "created_at": order.created_at,
            "status": order.status,
            "exception": order.exception,
            "reserved_until": order.reserved_until,
            "paid_at": order.paid_at,
            "message_id": order.message_id,
        }
        order.id = (await self._connection.execute(_INSERT, values)).scalar_one()
        lines = [_line_values(order.id, nth, line) for nth, line in enumerate(order.lines)]
        if lines:
            await self._connection.execute(_INSERT_LINES, lines)

    async def save(self, order: Order) -> None:
        await self._connection.execute(
            _UPDATE,
            {
                "row_id": order.id,
                "new_status": order.status,
                "new_exception": order.exception,
                "new_from_balance": order.from_balance,
                "new_reserved_until": order.reserved_until,
                "new_paid_at": order.paid_at,
                "new_message_id": order.message_id,
            },
        )

    async def get(self, order_id: int) -> Order:
        return await self._one(_BY_ID, {"order_id": order_id})

    async def lock(self, order_id: int) -> Order:
        return await self._one(_LOCK_BY_ID, {"order_id": order_id})

    async def by_number(self, number: str, *, lock: bool = False) -> Order:
        return await self._one(_LOCK_BY_NUMBER if lock else _BY_NUMBER, {"number": number})

    async def lock_with_attempt(
        self, provider: str, attempt_number: str
    ) -> tuple[Order, Attempt] | None:
        result = await self._connection.execute(
            _LOCK_WITH_ATTEMPT, {"provider": provider, "attempt_number": attempt_number}
        )
        rows = result.all()
        return (_group(rows)[0], attempt_rows.read(rows[0])) if rows else None

    async def pending_or_requested(self, buyer_id: int, request_id: str) -> list[Order]:
        result = await self._connection.execute(
            _PENDING, {"buyer_id": buyer_id, "request_id": request_id}
        )
        return _group(result.all())

    async def of_buyer(self, buyer_id: int, *, page: int, size: int) -> Page[Order]:
        chosen = sa.select(orders.c.id).where(orders.c.buyer_id == buyer_id)
        return await self._page(chosen, page, size)

    async def newest(
        self, *, status: OrderStatus | None, needs_person: bool, page: int, size: int
    ) -> Page[Order]:
        chosen = sa.select(orders.c.id)
        if status is not None:
            chosen = chosen.where(orders.c.status == status)
        if needs_person:
            chosen = chosen.where(orders.c.exception.isnot(None))
        return await self._page(chosen, page, size)

    async def after(self, order_id: int, *, size: int) -> list[Order]:
        chosen = sa.select(orders.c.id).where(orders.c.id > order_id)
        chosen = chosen.order_by(orders.c.id).limit(size)
        return await self._among(chosen, orders.c.id)

    async def lock_overdue(
        self, now: datetime, sure_before: datetime, *, limit: int
    ) -> list[Order]:
        bounds = {"now": now, "sure_before": sure_before, "most": limit}
        ids = (await self._connection.scalars(_OVERDUE, bounds)).all()
        return await self._among(ids, orders.c.id) if ids else []

    async def lock_waiting(self, variant_id: int | None = None) -> list[Order]:
        chosen = _WAITING
        if variant_id is not None:
            wanting = sa.select(order_lines.c.order_id).where(
                order_lines.c.variant_id == variant_id
            )
            chosen = chosen.where(orders.c.id.in_(wanting))
        ids = (await self._connection.scalars(chosen)).all()
        found = {order.id: order for order in await self._among(ids, orders.c.id)} if ids else {}
        return [found[order_id] for order_id in ids]

    async def _one(self, statement: sa.Select[Any], values: dict[str, object]) -> Order:
        rows = (await self._connection.execute(statement, values)).all()
        if not rows:
            raise OrderNotFound
        return _group(rows)[0]

    async def _page(self, chosen: sa.Select[tuple[int]], page: int, size: int) -> Page[Order]:
        chosen = chosen.order_by(orders.c.id.desc()).limit(size + 1).offset(page * size)
        found = await self._among(chosen, orders.c.id.desc())
        return Page(found[:size], page, more=len(found) > size)

    async def _among(
        self,
        chosen: sa.Select[tuple[int]] | Sequence[int],
        order_by: sa.ColumnElement[int],
    ) -> list[Order]:
        ids = chosen if isinstance(chosen, Sequence) else sa.select(chosen.subquery().c.id)
        statement = _SELECT.where(orders.c.id.in_(ids)).order_by(order_by, _IN_ORDER)
        return _group((await self._connection.execute(statement)).all())


def _line_values(order_id: int, nth: int, line: OrderLine) -> dict[str, object]:
    return {
        "order_id": order_id,
        "position": nth,
        "variant_id": line.variant_id,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "unit_price": line.unit_price.amount,
        "currency": line.unit_price.currency,
        "prices": dict(line.prices),
    }


def _group(rows: Sequence[Row]) -> list[Order]:
    """One order for each run of rows, one row a line."""
    lines: dict[int, list[OrderLine]] = {}
    firsts: dict[int, Row] = {}
    for row in rows:
        firsts.setdefault(row.id, row)
        lines.setdefault(row.id, [])
        if row.line_order_id is not None:
            lines[row.id].append(_line(row))
    return [_order(row, tuple(lines[order_id])) for order_id, row in firsts.items()]


def _line(row: Row) -> OrderLine:
    return OrderLine(
        row.line_variant_id,
        row.line_sku,
        row.line_title,
        row.line_quantity,
        Money(row.line_unit_price, row.line_currency),
        row.line_prices,
    )


def _order(row: Row, lines: tuple[OrderLine, ...]) -> Order:
    return Order(
        id=row.id,
        number=row.number,
        buyer_id=row.buyer_id,
        lines=lines,
        total=Money(row.total, row.currency),
        created_at=row.created_at,
        reserved_until=row.reserved_until,
        request_id=row.request_id,
        kind=row.kind,
        from_balance=row.from_balance,
        status=OrderStatus(row.status),
        exception=OrderException(row.exception) if row.exception else None,
        paid_at=row.paid_at,
        message_id=row.message_id,
    )
