"""From a payment's callback to the message that reaches Telegram, while nothing else happens."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import aiohttp

from tests.bench import program, relay, seeding
from tests.bench.bench import Bench, url_of
from tests.bench.epay import SETTINGS, TILL, notice
from tests.bench.figure import Pair, alternating, figure
from tests.bench.purchases import order
from tests.bench.telegram import Arrivals, telegram
from tests.shop import opened

# Telegram's limits let a message through meanwhile, and the worker has gone back to waiting.
_PAUSE: Final = 0.25


@figure("ms", "a program that answers the callback with a message and does nothing else")
async def callback_to_send_ms(bench: Bench) -> Pair:
    count = bench.size.runs * bench.size.messages
    people = range(seeding.FIRST, seeding.FIRST + count)
    database = await bench.sqlite()
    numbers = iter(await _orders(database, count))
    settings = program.settings(bench.folder, url_of(database), **SETTINGS)
    async with (
        telegram(people) as arrivals,
        program.serving(settings, "run", arrivals.url) as shop,
        relay.running(arrivals.url, people[0]) as relay_url,
        aiohttp.ClientSession() as http,
    ):

        async def value() -> float:
            targets = (shop.url + notice(next(numbers)) for _ in range(bench.size.messages))
            return await _milliseconds(http, targets, arrivals)

        async def limit() -> float:
            targets = (relay_url for _ in range(bench.size.messages))
            return await _milliseconds(http, targets, arrivals)

        return await alternating(bench, value, limit)


async def _orders(database: Path, count: int) -> list[str]:
    """The attempts' numbers; keys are real, for they are opened."""
    async with opened(url_of(database)) as shop:
        product = await shop.stocked(keys=count)
        async with shop.database.engine.begin() as connection:
            await seeding.add_buyers(connection, count)
        now = datetime.now(UTC)
        placed = [await order(shop, nth, product.id, TILL, now=now) for nth in range(count)]
        return [each.attempt.number for each in placed if each.attempt]


async def _milliseconds(
    http: aiohttp.ClientSession, targets: Iterator[str], arrivals: Arrivals
) -> float:
    """From sending a callback until its message comes in, the median."""
    times = []
    for target in targets:
        await asyncio.sleep(_PAUSE)
        began = time.perf_counter()
        async with http.get(target) as response:
            assert response.ok
        times.append(await arrivals.arrived.get() - began)
    return median(times) * 1000
