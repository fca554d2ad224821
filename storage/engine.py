"""Engines: one connection that writes on SQLite, a pool on PostgreSQL."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.errors import DomainError

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",  # a committed payment survives a power cut
    "foreign_keys = ON",
    "busy_timeout = 5000",
    "cache_size = -65536",  # 64 MB: imports keep the fingerprints' index in memory
    "temp_store = MEMORY",
)
_SERVER_SETTINGS: Final = {
    "application_name": "keystall",
    # With default plans a skewed product makes a claim walk all the keys ever sold.
    "plan_cache_mode": "force_generic_plan",
    # An abandoned transaction keeps dead keys at the head of the queue.
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "5s",  # then the transaction is run again
    "jit": "off",
}


class BadDatabaseUrl(DomainError):
    """Neither `sqlite+aiosqlite:///…` nor `postgresql+asyncpg://…`."""


class DatabaseInUse(DomainError):
    """Another process serves the shop on this SQLite file."""


def read_url(text: str) -> sa.URL:
    """`postgresql://` and `sqlite://` get their drivers. Raises `BadDatabaseUrl`."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise BadDatabaseUrl from None
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = url.drivername.partition("+")[0]
    if backend not in driver or url.drivername not in {backend, driver[backend]}:
        raise BadDatabaseUrl
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise BadDatabaseUrl
    return url.set(drivername=driver[backend])


def create_engine(url: sa.URL, *, pool_size: int = 10) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={
            "server_settings": _SERVER_SETTINGS,
            "timeout": 5,
            "command_timeout": 60,
        },
    )

    @sa.event.listens_for(engine.sync_engine, "checkout")
    def check(connection: Any, _record: object, _proxy: object) -> None:  # the driver's own class
        # A server restarted meanwhile has hung up; this asks nobody.
        if connection.driver_connection.is_closed():
            raise sa.exc.DisconnectionError

    return engine


class _Released(sqlite3.Connection):
    """Rolls back before it closes.

    Closed in the midst of a transaction, as one is whose waiting task was cancelled, it would hold
    the file's write lock for as long as any cursor of it lives on, in a traceback say.
    """

    def close(self) -> None:
        self.rollback()
        super().close()


def _sqlite(url: sa.URL) -> AsyncEngine:
    """One connection: writers queue in the process, in order, instead of at the file's lock."""
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,
        connect_args={"factory": _Released},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:  # the driver's own class
        # The driver's own BEGIN comes too late for the lock and for savepoints.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def hold_alone(url: sa.URL) -> IO[str] | None:
    """Keep other processes off an SQLite shop while the returned file is open.

    None for PostgreSQL, which any number may share. Raises `DatabaseInUse`.
    """
    if url.get_backend_name() != "sqlite":
        return None
    path = Path(f"{url.database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise DatabaseInUse(str(url.database)) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
