"""Payments that arrived, and the ledger."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from domain.ledger import Posting
from domain.money import Money
from domain.payments import Payment, PaymentEvent, Recorded
from storage.rows import Row
from storage.tables import attempts, ledger, payments


def _record(insert: Any) -> ReturningInsert[int, bool, int, str]:  # either dialect's insert()
    """One statement: new, or one without an order that gets it now; no row when known."""
    statement = insert(payments)
    found: ReturningInsert[int, bool, int, str] = statement.on_conflict_do_update(
        index_elements=["provider", "account", "external_id"],
        set_={
            "order_id": statement.excluded.order_id,
            "attempt_number": statement.excluded.attempt_number,
            "adopted": True,
        },
        where=sa.and_(payments.c.order_id.is_(None), statement.excluded.order_id.isnot(None)),
    ).returning(payments.c.id, payments.c.adopted, payments.c.amount, payments.c.currency)
    return found


_RECORD: Final = {
    "sqlite": _record(sqlite.insert),
    "postgresql": _record(postgresql.insert),
}
_POST: Final = sa.insert(ledger)
_OF_ORDER: Final = (
    sa.select(payments)
    .where(payments.c.order_id == sa.bindparam("of_order"))
    .order_by(payments.c.id)
)


class SqlPayments:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(
        self, event: PaymentEvent, order_id: int | None, now: datetime, source: str
    ) -> Recorded | None:
        values = {
            "order_id": order_id,
            "provider": event.provider,
            "account": event.account,
            "live": event.live,
            "external_id": event.external_id,
            "attempt_number": event.attempt_number,
            "amount": event.amount.amount,
            "currency": event.amount.currency,
            "source": source[:40],
            "received_at": now,
            "adopted": False,
        }
        statement = _RECORD[self._connection.dialect.name]
        row = (await self._connection.execute(statement, values)).first()
        if row is None:
            return None
        return Recorded(row.id, row.adopted, Money(row.amount, row.currency))

    async def of_order(self, order_id: int) -> list[Payment]:
        rows = await self._connection.execute(_OF_ORDER, {"of_order": order_id})
        return [_payment(row) for row in rows]

    async def orphans(self) -> list[PaymentEvent]:
        statement = (
            sa.select(payments)
            .join(
                attempts,
                sa.and_(
                    attempts.c.provider == payments.c.provider,
                    attempts.c.number == payments.c.attempt_number,
                ),
            )
            .where(payments.c.order_id.is_(None))
        )
        return [
            PaymentEvent(
                row.provider,
                row.account,
                row.live,
                row.external_id,
                row.attempt_number,
                Money(row.amount, row.currency),
            )
            for row in await self._connection.execute(statement)
        ]

    async def post(
        self, postings: Sequence[Posting], *, order_id: int | None, payment_id: int, now: datetime
    ) -> None:
        sums = Counter[str]()
        for posting in postings:
            sums[posting.amount.currency] += posting.amount.amount
        if any(sums.values()):
            msg = "postings do not sum to zero"
            raise ValueError(msg)
        if postings:
            rows = [_row(posting, order_id, payment_id, now) for posting in postings]
            await self._connection.execute(_POST, rows)

    async def balances(self, order_id: int) -> dict[str, int]:
        total = sa.func.sum(ledger.c.amount)
        rows = await self._connection.execute(
            sa.select(ledger.c.account, total)
            .where(ledger.c.order_id == order_id)
            .group_by(ledger.c.account, ledger.c.currency)
            .having(total != 0)
        )
        return {account: int(amount) for account, amount in rows}

    async def reverse(self, payment_id: int, *, order_id: int, now: datetime) -> None:
        booked = await self._connection.execute(
            sa.select(
                ledger.c.account, ledger.c.currency, sa.func.sum(ledger.c.amount).label("amount")
            )
            .where(ledger.c.payment_id == payment_id)
            .group_by(ledger.c.account, ledger.c.currency)
        )
        opposite = [
            Posting(row.account, Money(-int(row.amount), row.currency))
            for row in booked
            if row.amount
        ]
        await self.post(opposite, order_id=order_id, payment_id=payment_id, now=now)


def _row(
    posting: Posting, order_id: int | None, payment_id: int, now: datetime
) -> dict[str, object]:
    return {
        "payment_id": payment_id,
        "order_id": order_id,
        "account": posting.account,
        "amount": posting.amount.amount,
        "currency": posting.amount.currency,
        "at": now,
    }


def _payment(row: Row) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        provider=row.provider,
        account=row.account,
        live=row.live,
        external_id=row.external_id,
        attempt_number=row.attempt_number,
        amount=Money(row.amount, row.currency),
        received_at=row.received_at,
    )
