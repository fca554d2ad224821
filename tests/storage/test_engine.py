"""Engines, and who may have one."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain import browsing
from domain.errors import DatabaseAway
from storage.engine import (
    BadDatabaseUrl,
    DatabaseInUse,
    _Released,
    create_engine,
    hold_alone,
    read_url,
)
from tests.shop import BUYER, Shop, opened

_HOLD = """
import sys
from storage.engine import hold_alone, read_url
held = hold_alone(read_url(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///shop.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////data/shop.db", "sqlite+aiosqlite"),
        ("postgresql://shop@host/shop", "postgresql+asyncpg"),
        ("postgresql+asyncpg://shop:secret@host:5433/shop?ssl=require", "postgresql+asyncpg"),
    ],
)
def test_a_url_gets_its_driver(text: str, driver: str) -> None:
    assert read_url(text).drivername == driver


@pytest.mark.parametrize(
    "text",
    [
        *("", "shop.db", "sqlite", "sqlite://", "sqlite:///:memory:", "mysql://host/shop"),
        *("postgresql+psycopg://host/shop", "sqlite+pysqlite:///shop.db", "redis://host/0"),
        "postgresql://host:port/shop",
    ],
)
def test_another_url_is_refused(text: str) -> None:
    with pytest.raises(BadDatabaseUrl):
        read_url(text)


def test_a_refused_url_keeps_its_password_to_itself() -> None:
    with pytest.raises(BadDatabaseUrl) as refusal:
        read_url("mysql://shop:hunter2secret@host/shop")
    assert "hunter2secret" not in str(refusal.value)


async def test_sqlite_is_durable_and_checks_its_references(sqlite_shop: Shop) -> None:
    async with sqlite_shop.database.engine.connect() as connection:
        found = {
            pragma: await connection.scalar(sa.text(f"PRAGMA {pragma}"))
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


async def test_postgresql_ends_what_waits_too_long(postgresql_shop: Shop) -> None:
    """Before the driver does at 60 s, whose error tells nothing of the transaction."""
    async with postgresql_shop.database.engine.connect() as connection:
        assert await connection.scalar(sa.text("SHOW lock_timeout")) != "0"
        assert await connection.scalar(sa.text("SHOW plan_cache_mode")) == "force_generic_plan"


def test_a_second_process_on_the_same_file_is_refused(sqlite_url: str) -> None:
    url = read_url(sqlite_url)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, sqlite_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DatabaseInUse):
            hold_alone(url)
        other.communicate()
    held = hold_alone(url)
    assert held is not None
    held.close()


def test_a_killed_process_lets_go_of_the_file(sqlite_url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, sqlite_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
    held = hold_alone(read_url(sqlite_url))
    assert held is not None
    held.close()


def test_postgresql_is_shared() -> None:
    assert hold_alone(read_url("postgresql://host/shop")) is None


async def test_a_database_in_a_new_folder_is_made(tmp_path: Path) -> None:
    engine = create_engine(read_url(f"sqlite:///{tmp_path}/new/folder/shop.db"))
    async with engine.connect():
        assert (tmp_path / "new/folder/shop.db").exists()
    await engine.dispose()


async def test_an_exhausted_pool_is_a_database_away(postgresql_url: str) -> None:
    async with opened(postgresql_url, pool_size=1) as shop, shop.uow():
        with pytest.raises(DatabaseAway):
            await browsing.browse(shop.uow())


async def test_sqlites_only_connection_comes_back_from_a_cancelled_task(
    sqlite_shop: Shop,
) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with sqlite_shop.uow():
            entered.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(hang())
        await entered.wait()
        task.cancel()
    async with asyncio.timeout(2):
        await browsing.browse(sqlite_shop.uow())


async def cut_short(shop: Shop, steps: int) -> asyncio.Task[None]:
    """A use case that was cancelled after so many turns of the loop; its traceback lives on."""

    async def work() -> None:
        async with shop.uow() as uow:
            customer = await uow.customers.lock(BUYER)
            assert customer is not None
            await uow.customers.save(customer)
            await uow.commit()

    task = asyncio.ensure_future(work())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task


async def cut_short_everywhere(shop: Shop) -> None:
    """Whenever it was cancelled, the next one can write at once."""
    await shop.buyer()
    held = []
    for steps in range(120):
        held.append(await cut_short(shop, steps % 40))
        async with shop.uow() as uow:
            await uow.commit()


async def test_a_cancelled_use_case_lets_go_of_the_file(sqlite_url: str) -> None:
    async with opened(sqlite_url) as shop:
        await cut_short_everywhere(shop)


def given_up_in_the_midst(path: Path, kind: type[sqlite3.Connection]) -> sqlite3.Cursor:
    """A connection that was closed within a transaction, of which a cursor lives on."""
    connection = sqlite3.connect(path, factory=kind, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS t (n)")
    connection.execute("INSERT INTO t VALUES (1), (2), (3)")
    connection.execute("BEGIN IMMEDIATE")
    cursor = connection.execute("UPDATE t SET n = n + 1 RETURNING n")
    cursor.fetchone()
    connection.close()
    return cursor


@pytest.mark.parametrize(("kind", "is_free"), [(_Released, True), (sqlite3.Connection, False)])
def test_what_is_closed_in_a_transaction_lets_go_of_the_file(
    tmp_path: Path, kind: type[sqlite3.Connection], *, is_free: bool
) -> None:
    """The control: an ordinary connection keeps everybody else out."""
    cursor = given_up_in_the_midst(tmp_path / "shop.db", kind)
    with closing(sqlite3.connect(tmp_path / "shop.db", timeout=0, isolation_level=None)) as other:
        free = True
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            free = False
    assert free is is_free
    del cursor
