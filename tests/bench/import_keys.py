"""A file of keys up to the last commit, against storing rows that are ready."""

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from domain.importing import CHUNK, import_keys
from domain.stock import SealedKey, key_id
from storage.keyfiles import open_key_file
from tests import databases
from tests.bench import program, seeding, sqlite_limit
from tests.bench.bench import LARGE_STOCK, Bench, address_of
from tests.bench.figure import Pair, alternating, figure
from tests.shop import ADMIN, NOW, Shop

_COLUMNS: Final = ("id", "variant_id", "fingerprint", "sealed", "version", "status")

NewShop = Callable[[], AbstractAsyncContextManager[Shop]]


@figure("keys/s", "stdlib executemany of ready rows, same table and indexes")
async def import_sqlite(bench: Bench) -> Pair:
    count, file = bench.size.keys, key_file(bench, bench.size.keys)
    async with _selling(bench.on_sqlite) as shop:
        chunks = await _ready(shop, count)

    async def value() -> float:
        async with _selling(bench.on_sqlite) as shop:
            return await _import(shop, file, count)

    async def limit() -> float:
        return count / sqlite_limit.insert(await bench.sqlite(), chunks)

    return await alternating(bench, value, limit)


@figure("keys/s", "plain COPY of ready rows, same table and indexes", "postgres")
async def import_postgres(bench: Bench) -> Pair:
    count, file = bench.size.keys, key_file(bench, bench.size.keys)
    async with bench.on_postgres() as shop:
        chunks = await _ready(shop, count)
    rows = [(*key, "available") for key in itertools.chain.from_iterable(chunks)]

    async def value() -> float:
        async with _selling(bench.on_postgres) as shop:
            return await _import(shop, file, count)

    async def limit() -> float:
        async with (
            bench.on_postgres() as shop,
            databases.connected(address_of(shop)) as connection,
        ):
            began = time.perf_counter()
            await connection.copy_records_to_table("card_keys", records=rows, columns=_COLUMNS)
            return count / (time.perf_counter() - began)

    return await alternating(bench, value, limit)


@figure("keys/s", "the same into an empty table", "large")
async def import_at_5m(bench: Bench) -> Pair:
    return await _at_5m(bench, bench.on_sqlite)


@figure("keys/s", "the same into an empty table", "postgres", "large")
async def import_at_5m_postgres(bench: Bench) -> Pair:
    return await _at_5m(bench, bench.on_postgres)


@figure("MB", "the same command importing one key")
async def import_rss(bench: Bench) -> Pair:
    many, one = key_file(bench, bench.size.keys), key_file(bench, 1)

    async def value() -> float:
        return await _command_memory(bench, many)

    async def limit() -> float:
        return await _command_memory(bench, one)

    return await alternating(bench, value, limit)


async def _at_5m(bench: Bench, new_shop: NewShop) -> Pair:
    """A fifth of the keys a run, so that the table is not much larger at the end."""
    count = bench.size.keys // 5
    async with _selling(new_shop) as full:
        async with full.database.engine.begin() as connection:
            await seeding.add_keys(connection, LARGE_STOCK, first_id=1)
        await seeding.settled_down(full.database.engine)

        async def value() -> float:
            return await _import(full, key_file(bench, count), count)

        async def limit() -> float:
            async with _selling(new_shop) as empty:
                return await _import(empty, key_file(bench, count), count)

        return await alternating(bench, value, limit)


@asynccontextmanager
async def _selling(new_shop: NewShop) -> AsyncIterator[Shop]:
    """A shop with a product and no keys."""
    async with new_shop() as shop:
        async with shop.database.engine.begin() as connection:
            await seeding.add_products(connection, 1)
        yield shop


def key_file(bench: Bench, count: int) -> Path:
    """New keys, one a line."""
    file = bench.folder / f"{count}.txt"
    with file.open("w", encoding="ascii") as lines:
        lines.writelines(f"{secrets.token_hex(12).upper()}\n" for _ in range(count))
    return file


async def _ready(shop: Shop, count: int) -> list[list[SealedKey]]:
    """Rows as the shop stores them, in the chunks in which it does."""
    keys = ((key_id(1, line), secrets.token_hex(12)) for line in range(1, count + 1))
    return [
        await shop.vault.seal(1, chunk)
        for chunk in iter(lambda: list(itertools.islice(keys, CHUNK)), [])
    ]


async def _import(shop: Shop, file: Path, count: int) -> float:
    """Keys a second."""
    began = time.perf_counter()
    report = await import_keys(
        shop.uow(),
        shop.vault,
        open_key_file(file, file.name),
        sku="P1",
        name=file.name,
        actor_id=ADMIN,
        now=NOW,
        progress=_unseen,
    )
    rate = count / (time.perf_counter() - began)
    assert report.batch.imported == count
    return rate


async def _unseen(_read: int) -> None:
    """Nobody watches the import."""


async def _command_memory(bench: Bench, file: Path) -> float:
    """The most that `keystall import` had in memory, MB."""
    async with _selling(bench.on_sqlite) as shop:
        settings = program.settings(bench.folder, address_of(shop))
        command = ("-m", "tests.bench.peak", "import", "P1", str(file))
        return float(await program.last_line(settings, *command))
