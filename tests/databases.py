"""Databases of the tests' own making; none that was there before is ever written to."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url

_TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
      AND tablename <> 'alembic_version'
"""
_RESTART_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""
_END_OTHER_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def worker() -> str:
    """Name this process among the test run's: pytest-xdist's `gw0`, `gw1`, …, or `main`."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the PostgreSQL database that a SQLAlchemy URL names."""
    parts = make_url(url)
    connection = await asyncpg.connect(
        host=parts.host,
        port=parts.port,
        user=parts.username,
        password=parts.password,
        database=parts.database,
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def new_database(server: str) -> AsyncIterator[str]:
    """Make an empty database on PostgreSQL, yield its SQLAlchemy URL and drop it at the end."""
    name = f"keystall_test_{worker()}_{secrets.token_hex(4)}"
    async with connected(server) as connection:
        await connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        async with connected(server) as connection:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


async def filled_tables(connection: asyncpg.Connection) -> list[str]:
    """List the tables that hold a row, without alembic's own."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    if not tables:
        return []
    # PostgreSQL quoted the names.
    each = (f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in tables)  # noqa: S608
    return [row[0] for row in await connection.fetch(" UNION ALL ".join(each))]


async def empty(url: str) -> None:
    """Take every row out of a test's database."""
    async with connected(url) as connection:
        # A program that a test killed can leave a session behind, and the session its locks.
        await connection.execute(_END_OTHER_SESSIONS)
        if filled := await filled_tables(connection):
            await connection.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
        # Rows that were rolled back have used up numbers too.
        await connection.execute(_RESTART_SEQUENCES)


async def require_empty(url: str) -> None:
    """Raise RuntimeError if migrations left rows, which emptying the tables would lose."""
    async with connected(url) as connection:
        if filled := await filled_tables(connection):
            raise RuntimeError(f"The migrations fill tables: {', '.join(filled)}")
