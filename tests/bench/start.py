"""`keystall run`: how long until it is ready, and what it then has in memory."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.bench import program
from tests.bench.bench import Bench, url_of
from tests.bench.figure import Pair, alternating, figure
from tests.bench.memory import megabytes
from tests.bench.telegram import telegram

_IMPORTED: Final = "import aiogram, sqlalchemy.ext.asyncio"
_LIMIT: Final = "Python with aiogram and SQLAlchemy imported"
_MEMORY: Final = f"{_IMPORTED}, tests.bench.memory as m; print(m.megabytes('self', 'VmRSS'))"
_IDLE_SECONDS: Final = 3.0


@figure("s", _LIMIT)
async def start_seconds(bench: Bench) -> Pair:
    async with _shop(bench) as (settings, telegram_url):

        async def value() -> float:
            async with program.serving(settings, "run", telegram_url) as shop:
                return shop.seconds

        async def limit() -> float:
            began = time.perf_counter()
            await program.last_line(settings, "-c", f"{_IMPORTED}; print()")
            return time.perf_counter() - began

        return await alternating(bench, value, limit)


@figure("MB", _LIMIT)
async def idle_rss(bench: Bench) -> Pair:
    async with _shop(bench) as (settings, telegram_url):

        async def value() -> float:
            async with program.serving(settings, "run", telegram_url) as shop:
                await asyncio.sleep(_IDLE_SECONDS)
                return megabytes(shop.pid, "VmRSS")

        async def limit() -> float:
            return float(await program.last_line(settings, "-c", _MEMORY))

        return await alternating(bench, value, limit)


@asynccontextmanager
async def _shop(bench: Bench) -> AsyncIterator[tuple[dict[str, str], str]]:
    """The settings of a shop that has been open before, and where its Telegram is."""
    settings = program.settings(bench.folder, url_of(await bench.sqlite()))
    async with telegram() as arrivals:
        async with program.serving(settings, "run", arrivals.url):
            pass
        yield settings, arrivals.url
