"""PostgreSQL's sessions, looked at and ended from outside."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.shop import Shop

_OTHERS = "datname = current_database() AND pid <> pg_backend_pid()"
_WAITING = sa.text(
    f"SELECT count(*) FROM pg_stat_activity WHERE {_OTHERS} AND wait_event_type = 'Lock'"  # noqa: S608
)
_END = sa.text(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {_OTHERS}")  # noqa: S608


async def until_waiting(shop: Shop, count: int = 1) -> None:
    """Return when so many sessions wait for a lock. Raises TimeoutError after 10 s."""
    async with asyncio.timeout(10), shop.database.engine.connect() as connection:
        while await connection.scalar(_WAITING) < count:
            await connection.rollback()


async def ended(connection: AsyncConnection) -> int:
    """End every other session of the database, as a restart of the server does; how many."""
    return int(await connection.scalar(_END) or 0)
