"""What a claim costs as keys are sold: it is not to grow."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median

import sqlalchemy as sa

from storage.tables import metadata
from tests import databases
from tests.bench import seeding
from tests.bench.bench import POSTGRES_LANES, Bench, address_of
from tests.bench.figure import Pair, alternating, figure
from tests.bench.lanes import a_second
from tests.bench.purchases import purchase
from tests.shop import Shop

NewShop = Callable[[], AbstractAsyncContextManager[Shop]]


@figure("ms", "the same with few keys")
async def claim_flatness(bench: Bench) -> Pair:
    return await _flatness(bench, bench.on_sqlite)


@figure("ms", "the same with few keys", "postgres")
async def claim_flatness_postgres(bench: Bench) -> Pair:
    return await _flatness(bench, bench.on_postgres)


@figure("sales/s, the last", "the first", "postgres")
async def claim_long_run(bench: Bench) -> Pair:
    async with _unvacuumed(bench) as shop:
        return await _long_run(bench, shop)


@figure("sales/s, the last", "the first", "postgres", "large")
async def claim_long_run_old_snapshot(bench: Bench) -> Pair:
    async with _unvacuumed(bench) as shop, _old_snapshot(shop):
        return await _long_run(bench, shop)


async def _flatness(bench: Bench, new_shop: NewShop) -> Pair:
    """Nine in ten keys are sold, the oldest; the product has them all."""
    async with new_shop() as large, new_shop() as small:
        await _add_keys(large, bench.stock)
        await _add_keys(small, bench.size.little)
        return await alternating(
            bench,
            lambda: _claim_milliseconds(bench, large),
            lambda: _claim_milliseconds(bench, small),
        )


async def _claim_milliseconds(bench: Bench, shop: Shop) -> float:
    """Of one claim within its transaction, the median of many."""
    times = []
    for _ in range(bench.size.claims):
        async with shop.uow() as uow:
            began = time.perf_counter()
            await uow.stock.reserve(seeding.FIRST, 1, 1)
            times.append(time.perf_counter() - began)
            await uow.commit()
    return median(times) * 1000


async def _add_keys(shop: Shop, count: int) -> None:
    async with shop.database.engine.begin() as connection:
        await seeding.add_products(connection, 1)
        await seeding.add_orders(connection, 1, products=1, till=shop.till)
        await seeding.add_keys(connection, count, sold=count * 9 // 10, sold_to=seeding.FIRST)
    await seeding.settled_down(shop.database.engine)


@asynccontextmanager
async def _unvacuumed(bench: Bench) -> AsyncIterator[Shop]:
    """A product for each run, on tables from which nothing dead is ever taken."""
    size = bench.size
    async with bench.on_postgres() as shop:
        async with shop.database.engine.begin() as connection:
            await seeding.add_products(connection, size.runs)
            await seeding.add_keys(connection, 2 * size.sales * size.runs, products=size.runs)
            await seeding.add_buyers(connection, size.sales * size.runs)
        await seeding.settled_down(shop.database.engine)
        async with shop.database.engine.begin() as connection:
            for table in metadata.sorted_tables:
                await connection.execute(
                    sa.text(f"ALTER TABLE {table.name} SET (autovacuum_enabled = off)")
                )
        yield shop


@asynccontextmanager
async def _old_snapshot(shop: Shop) -> AsyncIterator[None]:
    """Somebody's transaction that began before all of it, and still sees what was then."""
    async with (
        databases.connected(address_of(shop)) as other,
        other.transaction(isolation="repeatable_read", readonly=True),
    ):
        await other.execute("SELECT 1")
        yield


async def _long_run(bench: Bench, shop: Shop) -> Pair:
    """Every run sells half of a product of its own."""
    size = bench.size
    buyers = itertools.count()
    firsts, lasts = [], []
    for product in range(1, size.runs + 1):
        sales = (purchase(shop, nth, product) for nth in itertools.islice(buyers, size.sales))
        first = itertools.islice(sales, size.counted_sales)
        between = itertools.islice(sales, size.sales - 2 * size.counted_sales)
        firsts.append(await a_second(first, lanes=POSTGRES_LANES))
        await a_second(between, lanes=POSTGRES_LANES)
        lasts.append(await a_second(sales, lanes=POSTGRES_LANES))
    return Pair(median(lasts), median(firsts))
