"""Whole purchases of one product, against the same spread over many."""

import itertools

from tests.bench import seeding
from tests.bench.bench import Bench
from tests.bench.figure import Pair, alternating, figure
from tests.bench.lanes import a_second
from tests.bench.purchases import purchase

_LANES = 32


@figure("purchases/s", "the same on 1,000 products", "postgres")
async def hot_product(bench: Bench) -> Pair:
    async with bench.on_postgres() as shop:
        async with shop.database.engine.begin() as connection:
            await seeding.add_products(connection, bench.size.products)
            await seeding.add_buyers(connection, bench.orders_in_all)
            await seeding.add_keys(connection, bench.orders_in_all)
            await seeding.add_keys(
                connection, 2 * bench.orders_in_all, products=bench.size.products, first_id=1
            )
        await seeding.settled_down(shop.database.engine)
        buyers = itertools.count()

        async def on(products: int) -> float:
            some = itertools.islice(buyers, bench.size.orders)
            sales = (purchase(shop, nth, nth % products + 1) for nth in some)
            return await a_second(sales, lanes=_LANES)

        return await alternating(bench, lambda: on(1), lambda: on(bench.size.products))
