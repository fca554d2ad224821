"""Settlements, against the same SQL without the shop."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from domain.settlement import Outcome, settle
from tests.bench import pgbench, seeding, sqlite_limit
from tests.bench.bench import POSTGRES_LANES, SQLITE_LANES, Bench, url_of
from tests.bench.figure import Pair, alternating, figure
from tests.bench.lanes import a_second
from tests.bench.recording import recorded
from tests.shop import NOW, RULES, Shop, Till, opened


@figure("settlements/s", "pgbench running the same SQL", "postgres", "pgbench")
async def settle_postgres(bench: Bench) -> Pair:
    async with pending_orders(bench, Till()) as shop:
        file = await _script(bench, shop)
        orders = itertools.count(1)

        async def value() -> float:
            return await a_second(
                settlements(shop, itertools.islice(orders, bench.size.orders)),
                lanes=POSTGRES_LANES,
            )

        async def limit() -> float:
            first, *_ = itertools.islice(orders, bench.size.orders)
            return await pgbench.run(
                shop,
                file,
                lanes=POSTGRES_LANES,
                each=bench.size.orders // POSTGRES_LANES,
                variables={"first": seeding.FIRST + first},
            )

        return await alternating(bench, value, limit)


@figure("settlements/s", "sqlite3 running the same SQL, one commit each")
async def settle_sqlite(bench: Bench) -> Pair:
    seeded = await bench.sqlite()
    async with opened(url_of(seeded)) as shop:
        await _add_orders(bench, shop, bench.size.orders)
    async with opened(url_of(bench.copied(seeded))) as shop:
        with recorded(shop.database.engine) as statements:
            await a_second(settlements(shop, range(bench.size.orders)), lanes=1)

    async def value() -> float:
        async with opened(url_of(bench.copied(seeded))) as shop:
            return await a_second(settlements(shop, range(bench.size.orders)), lanes=SQLITE_LANES)

    async def limit() -> float:
        return bench.size.orders / sqlite_limit.replay(bench.copied(seeded), statements)

    return await alternating(bench, value, limit)


@asynccontextmanager
async def pending_orders(bench: Bench, till: Till) -> AsyncIterator[Shop]:
    """A shop on PostgreSQL with orders enough for every run."""
    async with bench.on_postgres() as empty:
        shop = replace(empty, till=till)
        await _add_orders(bench, shop, bench.orders_in_all)
        yield shop


async def _add_orders(bench: Bench, shop: Shop, count: int) -> None:
    products = bench.size.products
    async with shop.database.engine.begin() as connection:
        await seeding.add_products(connection, products)
        await seeding.add_orders(connection, count, products=products, till=shop.till)
    await seeding.settled_down(shop.database.engine)


async def _settled(shop: Shop, nth: int) -> None:
    settlement = await settle(shop.uow(), seeding.payment(shop.till, nth), RULES, now=NOW)
    assert settlement.outcome is Outcome.PAID


def settlements(shop: Shop, orders: Iterable[int]) -> Iterator[Awaitable[None]]:
    return (_settled(shop, nth) for nth in orders)


async def _script(bench: Bench, shop: Shop) -> Path:
    """Made from the settlement of the first order."""
    await pgbench.tell_next_id(shop.database.engine, "payments")
    with recorded(shop.database.engine) as statements:
        await _settled(shop, 0)
    known = {pgbench.TELLING_ID: ":payments_id", seeding.FIRST: ":n"}
    file = bench.folder / "settle.sql"
    file.write_text(pgbench.script(statements, known))
    return file
