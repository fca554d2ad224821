"""Fixtures for whatever the tests meet outside themselves: databases, Redis, a browser."""

import gc
import os
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
import pytest_asyncio

from tests import databases, redis_databases
from tests.left_out import LeftOut, chromium_path
from tests.logscan import ScanPlugin
from tests.measuring import Measuring, runs_tests

_ON_BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measure", action="store_true", help="write coverage's data files")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("measure") and runs_tests(config):
        config.pluginmanager.register(Measuring())
    config.pluginmanager.register(LeftOut())
    config.pluginmanager.register(ScanPlugin())


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Thousands of tests stay to the end: the collector need not walk through them each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_trust_store() -> Iterator[None]:
    """aiogram reads the authorities' certificates for each session; tests open thousands."""
    with patch("ssl.create_default_context", cache(ssl.create_default_context)):
        yield


async def _migrate(url: str) -> None:
    from storage.schema import migrate  # here, so that unit tests start without Alembic

    await migrate(url)


@pytest.fixture(params=_ON_BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """The SQLAlchemy URL of an empty, migrated database; on SQLite and PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=_ON_BOTH)
def blank_database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without any table, this test's alone; on SQLite and PostgreSQL."""
    url: str = request.getfixturevalue(f"blank_{request.param}_url")
    return url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "shop.db"
    await _migrate(f"sqlite+aiosqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, blank_sqlite_url: str) -> str:
    """The URL of an empty, migrated SQLite database."""
    shutil.copyfile(sqlite_template, blank_sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    return blank_sqlite_url


@pytest.fixture
def blank_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that is yet to be made."""
    return f"sqlite+aiosqlite:///{tmp_path}/shop.db"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgresql_database() -> AsyncIterator[str]:
    async with databases.new_database(os.environ["TEST_DATABASE_URL"]) as url:
        await _migrate(url)
        await databases.require_empty(url)
        yield url


@pytest.fixture
async def postgresql_url(postgresql_database: str) -> str:
    """The URL of an empty, migrated PostgreSQL database."""
    await databases.empty(postgresql_database)
    return postgresql_database


@pytest.fixture
async def blank_postgresql_url() -> AsyncIterator[str]:
    """The URL of a PostgreSQL database without any table, dropped after the test."""
    async with databases.new_database(os.environ["TEST_DATABASE_URL"]) as url:
        yield url


@pytest.fixture(scope="session")
def redis_database() -> Iterator[str]:
    with redis_databases.claimed(os.environ["TEST_REDIS_URL"]) as url:
        yield url


@pytest.fixture
def redis_url(redis_database: str) -> str:
    """The URL of an empty Redis database, which no other process of the test run uses."""
    redis_databases.flush(redis_database)
    return redis_database


@pytest.fixture
def chromium() -> str:
    """The path of a Chromium; browser tests start it themselves."""
    path = chromium_path()
    assert path is not None
    return path
