"""A local Telegram that notes when messages come in."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram, Person
from tests.chat.local_telegram import TOKEN, serving


@dataclass
class Arrivals:
    """`arrived` holds the times, by `time.perf_counter`, at which messages came in."""

    url: str = ""
    arrived: asyncio.Queue[float] = field(default_factory=asyncio.Queue)

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/sendMessage"):
            self.arrived.put_nowait(time.perf_counter())
        return await handler(request)


@asynccontextmanager
async def telegram(people: Iterable[int] = ()) -> AsyncIterator[Arrivals]:
    """Runs one until the block is left; the people have started the bot."""
    arrivals = Arrivals()
    local = LocalTelegram(
        TOKEN, [Person(one, "Buyer", started=True) for one in people], rate_limits=False
    )
    app = web.Application(middlewares=[arrivals.note])
    app.add_routes(routes(local))
    async with local, serving(app) as url:
        arrivals.url = url
        try:
            yield arrivals
        finally:
            local.close()
