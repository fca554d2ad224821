"""Attempts to pay."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.money import Money
from domain.payments import Attempt, AttemptStatus, Checkout, Transfer
from storage.rows import Row
from storage.tables import attempts, orders

COLUMNS: Final = [
    *(column.label(f"attempt_{column.name}") for column in attempts.c),
    orders.c.number.label("attempt_order_number"),
    orders.c.buyer_id.label("attempt_buyer_id"),
]
_SELECT: Final = sa.select(*COLUMNS).join_from(attempts, orders)
_OF_ORDER: Final = _SELECT.where(attempts.c.order_id == sa.bindparam("order_id")).order_by(
    attempts.c.id
)
_BY_NUMBER: Final = _SELECT.where(attempts.c.number == sa.bindparam("number"))
_INSERT: Final = sa.insert(attempts).returning(attempts.c.id)
_UPDATE: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"))
    .values(
        received=sa.bindparam("new_received"),
        status=sa.bindparam("new_status"),
        confirming=sa.bindparam("new_confirming"),
        poll_at=sa.bindparam("new_poll_at"),
    )
)
_OFFER: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"))
    .values(checkout=sa.bindparam("new_checkout"))
)
_due: Final = (
    sa.select(attempts.c.id)
    .where(
        attempts.c.poll_at <= sa.bindparam("now"),
        attempts.c.provider.in_(sa.bindparam("codes", expanding=True)),
    )
    .order_by(attempts.c.poll_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM: Final = (
    sa.update(attempts)
    .where(attempts.c.id.in_(sa.select(_due.c.id)))
    .values(poll_at=sa.bindparam("until"), poll_count=attempts.c.poll_count + 1)
    .returning(attempts.c.id)
)
_WATCHED: Final = attempts.c.status.in_(["open", "closed"])
_SCHEDULE: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"))
    .values(
        poll_at=sa.case((_WATCHED, sa.bindparam("at", type_=attempts.c.poll_at.type))),
        status=sa.case(
            (
                attempts.c.status == "open",
                sa.func.coalesce(
                    sa.bindparam("new_status", type_=attempts.c.status.type), attempts.c.status
                ),
            ),
            else_=attempts.c.status,
        ),
    )
)
_FAIL: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"), attempts.c.status == "open")
    .values(status="failed", poll_at=None)
)
_CLOSE: Final = (
    sa.update(attempts)
    .where(attempts.c.order_id == sa.bindparam("of_order"), attempts.c.status == "open")
    .values(status="closed")
)


def read(row: Row) -> Attempt:
    return Attempt(
        id=row.attempt_id,
        number=row.attempt_number,
        provider=row.attempt_provider,
        account=row.attempt_account,
        live=row.attempt_live,
        amount=Money(row.attempt_amount, row.attempt_currency),
        created_at=row.attempt_created_at,
        order_id=row.attempt_order_id,
        order_number=row.attempt_order_number,
        buyer_id=row.attempt_buyer_id,
        received=row.attempt_received,
        status=AttemptStatus(row.attempt_status),
        from_balance=row.attempt_from_balance,
        checkout=_checkout(row.attempt_checkout) if row.attempt_checkout else None,
        confirming=tuple(row.attempt_confirming) if row.attempt_confirming else None,
        poll_at=row.attempt_poll_at,
        poll_count=row.attempt_poll_count,
    )


def _written(checkout: Checkout) -> dict[str, object]:
    """As JSON has it."""
    written = dataclasses.asdict(checkout)
    if checkout.expires_at is not None:
        written["expires_at"] = checkout.expires_at.isoformat()
    return written


def _checkout(written: dict[str, Any]) -> Checkout:  # JSON of our own
    transfer, ends = written.get("transfer"), written.get("expires_at")
    return Checkout(
        **{
            **written,
            "transfer": Transfer(**transfer) if transfer else None,
            "expires_at": datetime.fromisoformat(ends) if ends else None,
        }
    )


class SqlAttempts:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, attempt: Attempt) -> None:
        values = {
            "order_id": attempt.order_id,
            "number": attempt.number,
            "provider": attempt.provider,
            "account": attempt.account,
            "live": attempt.live,
            "amount": attempt.amount.amount,
            "currency": attempt.amount.currency,
            "created_at": attempt.created_at,
            "received": attempt.received,
            "from_balance": attempt.from_balance,
            "status": attempt.status,
            "poll_at": attempt.poll_at,
            "poll_count": attempt.poll_count,
        }
        attempt.id = (await self._connection.execute(_INSERT, values)).scalar_one()

    async def save(self, attempt: Attempt) -> None:
        await self._connection.execute(
            _UPDATE,
            {
                "row_id": attempt.id,
                "new_received": attempt.received,
                "new_status": attempt.status,
                "new_confirming": attempt.confirming,
                "new_poll_at": attempt.poll_at if attempt.is_watched else None,
            },
        )

    async def offer(self, attempt_id: int, checkout: Checkout) -> None:
        values = {"row_id": attempt_id, "new_checkout": _written(checkout)}
        await self._connection.execute(_OFFER, values)

    async def fail(self, attempt_id: int) -> None:
        await self._connection.execute(_FAIL, {"row_id": attempt_id})

    async def of_order(self, order_id: int) -> list[Attempt]:
        rows = await self._connection.execute(_OF_ORDER, {"order_id": order_id})
        return [read(row) for row in rows]

    async def by_number(self, number: str) -> Attempt | None:
        row = (await self._connection.execute(_BY_NUMBER, {"number": number})).first()
        return read(row) if row is not None else None

    async def claim_due(
        self, providers: Sequence[str], now: datetime, until: datetime, *, limit: int
    ) -> list[Attempt]:
        claimed = await self._connection.scalars(
            _CLAIM, {"codes": list(providers), "now": now, "until": until, "most": limit}
        )
        ids = claimed.all()
        if not ids:
            return []
        rows = await self._connection.execute(_SELECT.where(attempts.c.id.in_(ids)))
        return [read(row) for row in rows]

    async def schedule(
        self, attempt_id: int, at: datetime | None, status: AttemptStatus | None
    ) -> None:
        values = {"row_id": attempt_id, "at": at, "new_status": status}
        await self._connection.execute(_SCHEDULE, values)

    async def since(
        self, provider: str, since: datetime, *, after: int, size: int
    ) -> list[Attempt]:
        statement = (
            _SELECT.where(
                attempts.c.provider == provider,
                attempts.c.created_at >= since,
                attempts.c.id > after,
            )
            .order_by(attempts.c.id)
            .limit(size)
        )
        return [read(row) for row in await self._connection.execute(statement)]

    async def close(self, order_id: int) -> None:
        await self._connection.execute(_CLOSE, {"of_order": order_id})
