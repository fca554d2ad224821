"""Locks that another program holds, at which the shop has to stop and wait."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import sqlalchemy as sa

from tests.shop import Shop


@asynccontextmanager
async def locked(
    shop: Shop, table: sa.Table, where: sa.ColumnElement[bool]
) -> AsyncIterator[None]:
    """Hold these rows; on SQLite, where there is no smaller lock, the whole file."""
    if shop.database.engine.dialect.name == "sqlite":
        with locked_file(shop):
            yield
    else:
        async with shop.database.engine.connect() as connection:
            await connection.execute(sa.select(table.c.id).where(where).with_for_update())
            yield
            await connection.rollback()


def locked_file(shop: Shop) -> "_LockedFile":
    return _LockedFile(str(shop.database.engine.url.database))


class _LockedFile:
    """An SQLite file with somebody else's write under way."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        with closing(self._file):
            self._file.execute("ROLLBACK")
