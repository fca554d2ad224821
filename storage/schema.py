"""Bringing a database to the schema that this version needs, once, whoever comes first."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import DomainError
from storage.engine import create_engine, read_url

HEAD: Final = "0002"
# Any number that no other program on the server uses for its advisory locks.
_LOCK: Final = 0x6B657973


class NewerDatabase(DomainError):
    """The database was opened by a later version of the program."""


async def migrate(url: str) -> None:
    """Upgrade the database at `url`."""
    engine = create_engine(read_url(url), pool_size=1)
    try:
        await upgrade(engine)
    finally:
        await engine.dispose()


async def upgrade(engine: AsyncEngine) -> None:
    """All of it in one transaction under a lock: killed half-way, nothing has happened."""
    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Whoever comes second waits for the first, however long that takes.
            await connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if await version(connection) != HEAD:
            await connection.run_sync(_run_alembic)


async def version(connection: AsyncConnection) -> str | None:
    """The schema's version; None for a database that has none."""
    has_table = await connection.run_sync(
        lambda sync: sa.inspect(sync).has_table("alembic_version")
    )
    if not has_table:
        return None
    found: str | None = await connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _has_version(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table("alembic_version")


def _run_alembic(connection: sa.Connection) -> None:
    # Imported where it is needed: a start without a migration does not pay for it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerDatabase from error
