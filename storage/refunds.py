"""Refunds, written down before a provider is asked."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Refund, RefundOrigin, RefundStatus
from storage.rows import Row
from storage.tables import orders, payments, refunds

_SELECT: Final = (
    sa.select(
        *refunds.c,
        payments.c.provider,
        payments.c.external_id,
        payments.c.attempt_number,
        payments.c.amount.label("paid"),
        orders.c.buyer_id,
    )
    .select_from(refunds.join(payments, payments.c.id == refunds.c.payment_id))
    .join(orders, orders.c.id == refunds.c.order_id)
    .order_by(refunds.c.id)
)


class SqlRefunds:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, refund: Refund, now: datetime) -> None:
        insert = sa.insert(refunds).values(
            number=refund.number,
            order_id=refund.order_id,
            payment_id=refund.payment_id,
            amount=refund.amount.amount,
            currency=refund.amount.currency,
            reason=refund.reason,
            status=refund.status,
            status_before=refund.status_before,
            origin=refund.origin,
            desk_id=refund.desk_id,
            due_at=refund.due_at,
            leased_until=refund.leased_until,
            try_count=refund.try_count,
            created_at=now,
            ended_at=None if refund.status is RefundStatus.REQUESTED else now,
        )
        result = await self._connection.execute(insert.returning(refunds.c.id))
        refund.id = result.scalar_one()

    async def save(self, refund: Refund, now: datetime) -> None:
        await self._connection.execute(
            sa.update(refunds)
            .where(refunds.c.id == refund.id)
            .values(
                status=refund.status,
                origin=refund.origin,
                claim=refund.claim,
                taken=[list(part) for part in refund.taken],
                due_at=refund.due_at,
                ended_at=now,
            )
        )

    async def of_order(self, order_id: int) -> list[Refund]:
        rows = await self._connection.execute(_SELECT.where(refunds.c.order_id == order_id))
        return [_refund(row) for row in rows]

    async def claim_due(self, now: datetime, until: datetime, *, limit: int) -> list[Refund]:
        due = (
            sa.select(refunds.c.id)
            .where(refunds.c.due_at <= now, _free(now))
            .order_by(refunds.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = (await self._connection.scalars(due)).all()
        return await self._claim(refunds.c.id.in_(ids), until) if ids else []

    async def claim_of_order(self, order_id: int, now: datetime, until: datetime) -> list[Refund]:
        under_way = sa.and_(refunds.c.order_id == order_id, refunds.c.due_at.isnot(None))
        return await self._claim(sa.and_(under_way, _free(now)), until)

    async def _claim(self, wanted: sa.ColumnElement[bool], until: datetime) -> list[Refund]:
        claim = sa.update(refunds).where(wanted).returning(refunds.c.id)
        changes = {"leased_until": until, "try_count": refunds.c.try_count + 1}
        claimed = (await self._connection.scalars(claim.values(changes))).all()
        rows = await self._connection.execute(_SELECT.where(refunds.c.id.in_(claimed)))
        return [_refund(row) for row in rows]

    async def put_off(self, refund_id: int, until: datetime) -> None:
        await self._connection.execute(
            sa.update(refunds)
            .where(refunds.c.id == refund_id, refunds.c.due_at.isnot(None))
            .values(due_at=until, leased_until=None)
        )


def _free(now: datetime) -> sa.ColumnElement[bool]:
    """Nobody is asking for it."""
    return sa.or_(refunds.c.leased_until.is_(None), refunds.c.leased_until <= now)


def _refund(row: Row) -> Refund:
    return Refund(
        id=row.id,
        number=row.number,
        provider=row.provider,
        external_id=row.external_id,
        attempt_number=row.attempt_number,
        buyer_id=row.buyer_id,
        paid=Money(row.paid, row.currency),
        amount=Money(row.amount, row.currency),
        reason=row.reason,
        order_id=row.order_id,
        payment_id=row.payment_id,
        status=RefundStatus(row.status),
        status_before=OrderStatus(row.status_before),
        origin=RefundOrigin(row.origin),
        desk_id=row.desk_id,
        claim=row.claim,
        taken=tuple((account, amount) for account, amount in row.taken or ()),
        due_at=row.due_at,
        try_count=row.try_count,
    )
