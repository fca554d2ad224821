"""Opening the shop's database and vault, which needs nothing of Telegram."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.secret_key import master_key
from bot.settings import BadSettings, Settings
from domain.errors import DatabaseAway, WrongSecretKey
from storage import schema
from storage.engine import BadDatabaseUrl, DatabaseInUse, create_engine, hold_alone, read_url
from storage.unit_of_work import Database
from storage.vault import Vault, has_data_keys, open_vault


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Storage:
    """The database and the vault, for programs that need no Telegram."""

    engine: AsyncEngine
    database: Database
    vault: Vault
    master: bytes = field(repr=False)


@asynccontextmanager
async def storage_opened(
    settings: Settings, outbox_filled: Callable[[], None] = lambda: None
) -> AsyncIterator[Storage]:
    """Raises `BadSettings` and `DatabaseAway`."""
    async with AsyncExitStack() as stack:
        url = _hold(settings, stack)
        engine = create_engine(url)
        stack.push_async_callback(engine.dispose)
        vault, master = await _open_vault(settings, engine)
        database = Database(engine, settings.owner_ids, outbox_filled)
        yield Storage(engine, database, vault, master)


def _hold(settings: Settings, stack: AsyncExitStack) -> sa.URL:
    """The database's address; an SQLite file is this process's alone until the end."""
    try:
        url = read_url(settings.database_url)
        lock = hold_alone(url)
    except BadDatabaseUrl:
        raise BadSettings(
            "DATABASE_URL: write sqlite+aiosqlite:///file.db or "
            "postgresql+asyncpg://user:password@host/database"
        ) from None
    except DatabaseInUse as error:
        raise BadSettings(
            f"DATABASE_URL: another keystall serves {error}; SQLite takes one process. Stop it "
            "first, or move to PostgreSQL for several"
        ) from None
    except OSError as error:
        raise BadSettings(f"DATABASE_URL: {error.strerror} ({error.filename})") from None
    if lock is not None:
        stack.callback(lock.close)
    return url


async def _open_vault(settings: Settings, engine: AsyncEngine) -> tuple[Vault, bytes]:
    try:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            master = _master_key(settings, shop_exists=await has_data_keys(connection))
            return await open_vault(connection, master, now()), master
    except WrongSecretKey as error:
        raise BadSettings(f"SECRET_KEY: {error}") from None
    except schema.NewerDatabase:
        raise BadSettings(
            "DATABASE_URL: this database belongs to a later version of keystall; use that one"
        ) from None
    except (OSError, sa.exc.DBAPIError) as error:
        raise DatabaseAway(type(error).__name__) from error
    except TypeError:
        raise BadSettings("DATABASE_URL: an option that its driver does not know") from None


def _master_key(settings: Settings, *, shop_exists: bool) -> bytes:
    try:
        return master_key(settings, shop_exists=shop_exists)
    except OSError as error:
        raise BadSettings(f"DATA_DIR: {error.strerror} ({error.filename})") from None
