"""Troubles of providers that the admins were told of, and chores that are done now and then."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import alarms, chores

_INSERT: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class SqlAlarms:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._insert: Any = _INSERT[connection.dialect.name]  # the dialects share no base

    async def raise_(
        self, provider: str, trouble: str, now: datetime, *, unless_since: datetime
    ) -> bool:
        insert = self._insert(alarms).values(provider=provider, trouble=trouble, raised_at=now)
        raised = insert.on_conflict_do_update(
            index_elements=["provider", "trouble"],
            set_={"raised_at": now},
            where=alarms.c.raised_at < unless_since,
        )
        return (await self._connection.execute(raised)).rowcount > 0

    async def end(self, provider: str, trouble: str) -> bool:
        this = sa.and_(alarms.c.provider == provider, alarms.c.trouble == trouble)
        result = await self._connection.execute(sa.delete(alarms).where(this))
        return result.rowcount > 0


class SqlChores:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._insert: Any = _INSERT[connection.dialect.name]

    async def claim(
        self, name: str, now: datetime, next_at: datetime, *, first_at: datetime
    ) -> bool:
        insert = self._insert(chores).values(name=name, due_at=first_at)
        await self._connection.execute(insert.on_conflict_do_nothing())
        result = await self._connection.execute(
            sa.update(chores)
            .where(chores.c.name == name, chores.c.due_at <= now)
            .values(due_at=next_at)
        )
        return result.rowcount > 0
