"""Orders placed on one hot product, against the same SQL without the shop."""

import itertools
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path

from tests.bench import pgbench, seeding, sqlite_limit
from tests.bench.bench import POSTGRES_LANES, SQLITE_LANES, Bench, url_of
from tests.bench.figure import Pair, alternating, figure
from tests.bench.lanes import a_second
from tests.bench.purchases import order
from tests.bench.recording import recorded
from tests.shop import Shop, opened


@figure("orders/s", "pgbench running the same SQL", "postgres", "pgbench")
async def reserve_postgres(bench: Bench) -> Pair:
    async with bench.on_postgres() as shop:
        await _stock(shop, bench.orders_in_all)
        file = await _script(bench, shop)
        buyers = itertools.count(2)

        async def value() -> float:
            some = itertools.islice(buyers, bench.size.orders)
            return await a_second(orders(shop, some), lanes=POSTGRES_LANES)

        async def limit() -> float:
            first, *_ = itertools.islice(buyers, bench.size.orders)
            return await pgbench.run(
                shop,
                file,
                lanes=POSTGRES_LANES,
                each=bench.size.orders // POSTGRES_LANES,
                variables={"first": seeding.FIRST + first, "card_keys_id": 0},
            )

        return await alternating(bench, value, limit)


@figure("orders/s", "sqlite3 running the same SQL, one commit each")
async def reserve_sqlite(bench: Bench) -> Pair:
    seeded = await bench.sqlite()
    async with opened(url_of(seeded)) as shop:
        await _stock(shop, bench.size.orders)
    async with opened(url_of(bench.copied(seeded))) as shop:
        with recorded(shop.database.engine) as statements:
            await a_second(orders(shop, range(bench.size.orders)), lanes=1)

    async def value() -> float:
        async with opened(url_of(bench.copied(seeded))) as shop:
            return await a_second(orders(shop, range(bench.size.orders)), lanes=SQLITE_LANES)

    async def limit() -> float:
        return bench.size.orders / sqlite_limit.replay(bench.copied(seeded), statements)

    return await alternating(bench, value, limit)


def orders(shop: Shop, buyers: Iterable[int]) -> Iterator[Awaitable[object]]:
    """Each of the buyers orders one key of the first product."""
    return (order(shop, nth) for nth in buyers)


async def _stock(shop: Shop, count: int) -> None:
    """A product with a key for each of so many buyers, and as many again."""
    async with shop.database.engine.begin() as connection:
        await seeding.add_products(connection, 1)
        await seeding.add_keys(connection, 2 * count)
        await seeding.add_buyers(connection, count)
    await seeding.settled_down(shop.database.engine)


async def _script(bench: Bench, shop: Shop) -> Path:
    """Made from the second order: the first leaves the mark that every later one starts from."""
    await order(shop, 0)
    mark = shop.database.marks[1]
    await pgbench.tell_next_id(shop.database.engine, "orders")
    with recorded(shop.database.engine) as statements:
        placed = await order(shop, 1)
    known = {
        seeding.FIRST + 1: ":n",
        placed.order.number: "'B' || :n",
        pgbench.TELLING_ID: ":orders_id",
        mark: ":card_keys_id",
    }
    file = bench.folder / "reserve.sql"
    file.write_text(pgbench.script(statements, known))
    return file
