"""Attempts to pay."""

import dataclasses
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.money import Money
from domain.payments import Attempt, AttemptStatus, Checkout
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
    )
)
_OFFER: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"))
    .values(checkout=sa.bindparam("new_checkout"))
)
_FAIL: Final = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("row_id"), attempts.c.status == "open")
    .values(status="failed")
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
        checkout=Checkout(**row.attempt_checkout) if row.attempt_checkout else None,
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
            "status": attempt.status,
        }
        attempt.id = (await self._connection.execute(_INSERT, values)).scalar_one()

    async def save(self, attempt: Attempt) -> None:
        await self._connection.execute(
            _UPDATE,
            {
                "row_id": attempt.id,
                "new_received": attempt.received,
                "new_status": attempt.status,
            },
        )

    async def offer(self, attempt_id: int, checkout: Checkout) -> None:
        values = {"row_id": attempt_id, "new_checkout": dataclasses.asdict(checkout)}
        await self._connection.execute(_OFFER, values)

    async def fail(self, attempt_id: int) -> None:
        await self._connection.execute(_FAIL, {"row_id": attempt_id})

    async def of_order(self, order_id: int) -> list[Attempt]:
        rows = await self._connection.execute(_OF_ORDER, {"order_id": order_id})
        return [read(row) for row in rows]

    async def by_number(self, number: str) -> Attempt | None:
        row = (await self._connection.execute(_BY_NUMBER, {"number": number})).first()
        return read(row) if row is not None else None

    async def close(self, order_id: int) -> None:
        await self._connection.execute(_CLOSE, {"of_order": order_id})
