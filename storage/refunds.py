"""Refunds, written down before a provider is asked."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Refund, RefundStatus
from storage.rows import Row
from storage.tables import orders, payments, refunds


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
            created_at=now,
        )
        result = await self._connection.execute(insert.returning(refunds.c.id))
        refund.id = result.scalar_one()

    async def save(self, refund: Refund, now: datetime) -> None:
        await self._connection.execute(
            sa.update(refunds)
            .where(refunds.c.id == refund.id)
            .values(status=refund.status, ended_at=now)
        )

    async def of_order(self, order_id: int) -> list[Refund]:
        statement = (
            sa.select(
                *refunds.c,
                payments.c.provider,
                payments.c.external_id,
                payments.c.attempt_number,
                orders.c.buyer_id,
            )
            .select_from(refunds.join(payments, payments.c.id == refunds.c.payment_id))
            .join(orders, orders.c.id == refunds.c.order_id)
            .where(refunds.c.order_id == order_id)
            .order_by(refunds.c.id)
        )
        return [_refund(row) for row in await self._connection.execute(statement)]


def _refund(row: Row) -> Refund:
    return Refund(
        id=row.id,
        number=row.number,
        provider=row.provider,
        external_id=row.external_id,
        attempt_number=row.attempt_number,
        buyer_id=row.buyer_id,
        amount=Money(row.amount, row.currency),
        reason=row.reason,
        order_id=row.order_id,
        payment_id=row.payment_id,
        status=RefundStatus(row.status),
        status_before=OrderStatus(row.status_before),
    )
