"""Who did what."""

import dataclasses

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.catalog import Page
from domain.ports import AuditEntry
from storage.tables import audit_log


class SqlAudit:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: AuditEntry) -> None:
        await self._connection.execute(sa.insert(audit_log).values(dataclasses.asdict(entry)))

    async def newest(self, *, page: int, size: int) -> Page[AuditEntry]:
        statement = (
            sa.select(audit_log)
            .order_by(audit_log.c.id.desc())
            .limit(size + 1)
            .offset(page * size)
        )
        rows = (await self._connection.execute(statement)).all()
        entries = [
            AuditEntry(row.at, row.actor_id, row.action, row.subject, row.before, row.after)
            for row in rows
        ]
        return Page(entries[:size], page, more=len(entries) > size)
