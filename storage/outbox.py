"""What waits to be sent: claimed with a lease, done only after Telegram's answer."""

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.messages import LAST_PRIORITY, PRIORITY, Delivery, DeliveryStatus, Note, Topic
from storage.rows import Row
from storage.tables import outbox

_PENDING: Final = outbox.c.status == sa.literal_column("'pending'")
_due: Final = (
    sa.select(outbox.c.id)
    .where(
        _PENDING,
        outbox.c.due_at <= sa.bindparam("now"),
        sa.or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < sa.bindparam("now")),
    )
    .order_by(outbox.c.priority, outbox.c.due_at)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM: Final = (
    sa.update(outbox)
    .where(outbox.c.id.in_(sa.select(_due.c.id)), _PENDING)
    .values(lease_until=sa.bindparam("until"), attempt_count=outbox.c.attempt_count + 1)
    .returning(*outbox.c)
)
_INSERT: Final = sa.insert(outbox).inline()
_SENT: Final = (
    sa.update(outbox)
    .where(outbox.c.id == sa.bindparam("row_id"), _PENDING)
    .values(
        status=sa.literal_column("'sent'"),
        done_at=sa.bindparam("now"),
        lease_until=None,
        sent_parts=sa.bindparam("parts"),
    )
)


class SqlOutbox:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.filled = False  # whether a worker should look

    async def add(self, note: Note, now: datetime) -> None:
        self.filled = True
        await self._connection.execute(
            _INSERT,
            {
                "topic": note.topic,
                "priority": PRIORITY.get(note.topic, LAST_PRIORITY),
                "chat_id": note.chat_id,
                "order_id": note.order_id,
                "facts": note.facts,
                "status": "pending",
                "attempt_count": 0,
                "sent_parts": 0,
                "created_at": now,
                "due_at": now,
            },
        )

    async def claim(self, now: datetime, lease: timedelta, *, limit: int) -> list[Delivery]:
        rows = await self._connection.execute(
            _CLAIM, {"now": now, "until": now + lease, "most": limit}
        )
        return sorted((_delivery(row) for row in rows), key=_turn)

    async def progress(self, delivery: Delivery, lease_until: datetime) -> None:
        values = {"sent_parts": delivery.sent_parts, "lease_until": lease_until}
        if await self._change(delivery, values):
            delivery.lease_until = lease_until

    async def sent(self, delivery: Delivery, now: datetime) -> bool:
        result = await self._connection.execute(
            _SENT, {"row_id": delivery.id, "now": now, "parts": delivery.sent_parts}
        )
        return result.rowcount > 0

    async def retry(
        self, delivery: Delivery, due_at: datetime, attempt_count: int, error: str
    ) -> None:
        values = {
            "due_at": due_at,
            "lease_until": None,
            "attempt_count": attempt_count,
            "sent_parts": delivery.sent_parts,
            "error": error[:200],
        }
        await self._change(delivery, values)

    async def fail(self, delivery: Delivery, error: str) -> bool:
        values = {"status": "failed", "lease_until": None, "error": error[:200]}
        return await self._change(delivery, values)

    async def hand_over(self, order_id: int) -> DeliveryStatus | None:
        found = await self._connection.scalar(
            sa.select(outbox.c.status)
            .where(outbox.c.order_id == order_id, outbox.c.topic == Topic.GOODS)
            .order_by(outbox.c.id.desc())
            .limit(1)
        )
        return DeliveryStatus(found) if found is not None else None

    async def requeue(
        self, *, order_id: int | None = None, buyer_id: int | None = None, now: datetime
    ) -> int:
        result = await self._connection.execute(
            sa.update(outbox)
            .where(
                outbox.c.status == "failed",
                outbox.c.topic == Topic.GOODS,
                outbox.c.order_id == order_id if order_id else outbox.c.chat_id == buyer_id,
            )
            .values(status="pending", attempt_count=0, sent_parts=0, due_at=now)
        )
        self.filled = self.filled or result.rowcount > 0
        return result.rowcount

    async def _change(self, delivery: Delivery, values: dict[str, Any]) -> bool:
        """Only while the row is ours: whoever claimed it since decides now."""
        result = await self._connection.execute(
            sa.update(outbox)
            .where(
                outbox.c.id == delivery.id,
                outbox.c.lease_until == delivery.lease_until,
                _PENDING,
            )
            .values(values)
        )
        return result.rowcount > 0


def _turn(delivery: Delivery) -> tuple[int, int]:
    return PRIORITY.get(delivery.note.topic, LAST_PRIORITY), delivery.id


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row.id,
        note=Note(Topic(row.topic), row.chat_id, row.order_id, row.facts),
        attempt_count=row.attempt_count,
        sent_parts=row.sent_parts,
        lease_until=row.lease_until,
        created_at=row.created_at,
    )
