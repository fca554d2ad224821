"""Payments that arrived, and the ledger."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningInsert

from domain.ledger import HELD, Posting, Share, customer_of
from domain.money import Money
from domain.payments import Payment, PaymentEvent, Recorded, RefundEvent
from storage.rows import Row
from storage.tables import attempts, early_returns, ledger, payments


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

_INSERT: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_FORETOLD: Final = sa.select(early_returns.c.amount).where(
    *(
        early_returns.c[name] == sa.bindparam(name)
        for name in ("provider", "account", "external_id", "currency")
    )
)
_standing: Final = sa.func.sum(ledger.c.amount).label("standing")
_SHARES: Final = (
    sa.select(
        ledger.c.payment_id,
        payments.c.provider,
        payments.c.attempt_number,
        payments.c.currency.label("paid_in"),
        ledger.c.account,
        ledger.c.currency,
        _standing,
    )
    .join_from(ledger, payments, payments.c.id == ledger.c.payment_id)
    .where(
        ledger.c.order_id == sa.bindparam("of_order"), ~ledger.c.account.startswith("provider:")
    )
    .group_by(
        ledger.c.payment_id,
        payments.c.provider,
        payments.c.attempt_number,
        payments.c.currency,
        ledger.c.account,
        ledger.c.currency,
    )
    .having(_standing != 0)
    .order_by(ledger.c.payment_id)
)
_owed: Final = sa.func.sum(ledger.c.amount).label("owed")
_OWED: Final = (
    sa.select(ledger.c.currency, _owed)
    .where(ledger.c.customer_id == sa.bindparam("customer"))
    .group_by(ledger.c.currency)
    .having(_owed != 0)
    .order_by(ledger.c.currency)
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

    async def shares(self, order_id: int) -> list[Share]:
        rows = await self._connection.execute(_SHARES, {"of_order": order_id})
        return [
            Share(
                row.payment_id,
                row.provider,
                row.attempt_number,
                row.paid_in,
                row.account,
                Money(int(row.standing), row.currency),
            )
            for row in rows
        ]

    async def held_of(self, payment_id: int) -> Money:
        standing = sa.func.coalesce(sa.func.sum(ledger.c.amount), 0)
        amount = await self._connection.scalar(
            sa.select(standing).where(ledger.c.payment_id == payment_id, ledger.c.account == HELD)
        )
        currency = await self._connection.scalar(
            sa.select(payments.c.currency).where(payments.c.id == payment_id)
        )
        return Money(int(amount or 0), str(currency))

    async def owed_to(self, customer_id: int) -> list[Money]:
        rows = await self._connection.execute(_OWED, {"customer": customer_id})
        return [Money(int(row.owed), row.currency) for row in rows]

    async def find(self, provider: str, account: str, external_id: str) -> Payment | None:
        row = (
            await self._connection.execute(
                sa.select(payments).where(
                    payments.c.provider == provider,
                    payments.c.account == account,
                    payments.c.external_id == external_id,
                )
            )
        ).first()
        return _payment(row) if row is not None else None

    async def foretell(self, event: RefundEvent, now: datetime) -> None:
        insert: Any = _INSERT[self._connection.dialect.name]  # the dialects share no base
        told = insert(early_returns).values(
            provider=event.provider,
            account=event.account,
            external_id=event.external_id,
            refund_id=event.refund_id,
            disputed=event.disputed,
            amount=event.returned.amount,
            currency=event.returned.currency,
            told_at=now,
        )
        keys = [column.name for column in early_returns.primary_key]
        await self._connection.execute(
            told.on_conflict_do_update(
                index_elements=keys,
                set_={"amount": told.excluded.amount},
                where=early_returns.c.amount < told.excluded.amount,
            )
        )

    async def foretold(self, event: PaymentEvent) -> Money:
        told = await self._connection.execute(
            _FORETOLD,
            {
                "provider": event.provider,
                "account": event.account,
                "external_id": event.external_id,
                "currency": event.amount.currency,
            },
        )
        gone = sum(row.amount for row in told)
        return Money(min(gone, event.amount.amount), event.amount.currency)

    async def since(self, provider: str, account: str, since: datetime) -> list[Payment]:
        rows = await self._connection.execute(
            sa.select(payments)
            .where(
                payments.c.provider == provider,
                payments.c.account == account,
                payments.c.received_at >= since,
            )
            .order_by(payments.c.id)
        )
        return [_payment(row) for row in rows]


def _row(
    posting: Posting, order_id: int | None, payment_id: int, now: datetime
) -> dict[str, object]:
    return {
        "payment_id": payment_id,
        "order_id": order_id,
        "account": posting.account,
        "customer_id": customer_of(posting.account),
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
