"""The schema that a database is brought to, whoever comes first."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from storage import schema, tables
from storage.engine import create_engine, read_url
from tests.shop import opened

_UNREFLECTED = pytest.mark.filterwarnings(
    "ignore:Skipped unsupported reflection", "ignore:autogenerate skipping"
)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(read_url(database_url))
    yield engine
    await engine.dispose()


@pytest.fixture
async def blank_engine(blank_database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(read_url(blank_database_url))
    yield engine
    await engine.dispose()


def differences(connection: sa.Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, tables.metadata))


@_UNREFLECTED
async def test_migrations_lead_to_the_tables_that_the_code_knows(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await schema.version(connection) == schema.HEAD


@_UNREFLECTED
async def test_a_missing_column_would_be_noticed(engine: AsyncEngine) -> None:
    """The comparison above can fail."""
    async with engine.connect() as connection:
        await connection.execute(sa.text("ALTER TABLE orders DROP COLUMN message_id"))
        assert await connection.run_sync(differences) != []


async def test_a_sku_is_unique_in_any_case_on_both_databases(engine: AsyncEngine) -> None:
    """The index that SQLite does not show to the comparison above."""
    values = {"product_id": 1, "name": "", "price": 1, "currency": "USD", "stock_level": "ok"}
    async with engine.connect() as connection:
        product = {"name": "", "description": "", "kind": "keys", "least": 1, "most": 1}
        product |= {"active": True, "search_text": ""}
        await connection.execute(tables.products.insert().values(id=1, **product))
        await connection.execute(tables.variants.insert().values(sku="Game", **values))
        with pytest.raises(sa.exc.IntegrityError):
            await connection.execute(tables.variants.insert().values(sku="gAME", **values))


def test_the_newest_migration_is_the_one_that_the_code_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", "storage:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


async def test_an_empty_database_has_no_version(blank_engine: AsyncEngine) -> None:
    async with blank_engine.connect() as connection:
        assert await schema.version(connection) is None


async def test_a_database_is_migrated_once(blank_database_url: str) -> None:
    await schema.migrate(blank_database_url)
    async with opened(blank_database_url) as shop:
        await shop.stocked()
    await schema.migrate(blank_database_url)
    async with opened(blank_database_url) as shop:
        assert (await shop.stock()).available == 3


@pytest.mark.postgres
async def test_programs_that_start_together_migrate_once(blank_postgresql_url: str) -> None:
    await asyncio.gather(*(schema.migrate(blank_postgresql_url) for _ in range(5)))
    async with opened(blank_postgresql_url) as shop:
        rows = await shop.rows(
            sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num"))
        )
    assert rows == [{"version_num": schema.HEAD}]


async def test_a_migration_that_fails_leaves_nothing_behind(blank_engine: AsyncEngine) -> None:
    async with blank_engine.begin() as connection:
        # In the way of the last table that the first schema makes.
        await connection.execute(sa.text("CREATE TABLE order_lines (id integer)"))
    with pytest.raises(sa.exc.DBAPIError):
        await schema.upgrade(blank_engine)
    async with blank_engine.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    assert names == ["order_lines"]
