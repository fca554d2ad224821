"""EPay's callbacks through HTTP into a `keystall web`, against settling alone."""

import asyncio
import itertools
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.bench import program, seeding
from tests.bench.bench import POSTGRES_LANES, Bench, address_of
from tests.bench.epay import SETTINGS, TILL, notice
from tests.bench.figure import Pair, alternating, figure
from tests.bench.lanes import a_second
from tests.bench.settle import pending_orders, settlements
from tests.bench.telegram import telegram


@figure("callbacks/s", "settle() alone, as many at once", "postgres")
async def callback_http(bench: Bench) -> Pair:
    async with pending_orders(bench, TILL) as shop, telegram() as arrivals:
        settings = program.settings(bench.folder, address_of(shop), **SETTINGS)
        async with program.serving(settings, "web", arrivals.url) as running:
            orders = itertools.count()

            async def value() -> float:
                return await _called_back(running.url, _some(bench, orders))

            async def limit() -> float:
                jobs = settlements(shop, _some(bench, orders))
                return await a_second(jobs, lanes=POSTGRES_LANES)

            return await alternating(bench, value, limit)


def _some(bench: Bench, orders: Iterator[int]) -> Iterator[int]:
    return itertools.islice(orders, bench.size.orders)


class _Connection:
    """Kept open, and nothing more: the load is not to be what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, target: str) -> bytes:
        """The answer's body."""
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"content-length: ")
        return await self._reader.readexactly(int(length.partition(b"\r\n")[0]))


async def _called_back(url: str, orders: Iterator[int]) -> float:
    """Callbacks a second, each lane on a connection of its own."""
    address = urlsplit(url)
    free = [
        _Connection(*await asyncio.open_connection(address.hostname, address.port))
        for _ in range(POSTGRES_LANES)
    ]

    async def call(nth: int) -> None:
        connection = free.pop()
        answer = await connection.get(notice(seeding.attempt_number(nth)))
        assert answer == b"success"
        free.append(connection)

    return await a_second((call(nth) for nth in orders), lanes=POSTGRES_LANES)
