"""A local Telegram on a port of its own, with a bot's client and a person beside it."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Update
from aiohttp import web

from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram, Person
from tests.people import Chat

TOKEN = "42:LOCAL-TOKEN"
ANN, BEN = 1001, 1002


class LocalSession(AiohttpSession):
    """Closes at once: there is no TLS here to wait for."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


@dataclass(frozen=True, slots=True)
class Local:
    """What a test needs; `ann` has started the bot, `ben` has not."""

    telegram: LocalTelegram
    bot: Bot
    http: aiohttp.ClientSession
    url: str
    ann: Chat
    ben: Chat

    # Any JSON may come back.
    async def api(self, method: str, **values: object) -> tuple[int, Any]:
        """A bare call with a JSON body: the HTTP status and the answer."""
        url = f"{self.url}/bot{TOKEN}/{method}"
        async with self.http.post(url, json=values) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"{self.url}{path}") as response:
            return response.status, await response.json()


@asynccontextmanager
async def local_telegram(
    *,
    rate_limits: bool = False,
    callback_timeout: float = 5.0,
    payment_timeout: float = 5.0,
    webhook_delays: Sequence[float] = (0.0, 0.01),
    webhook_timeout: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[Local]:
    """Runs one until the block is left."""
    people = [Person(ANN, "Ann", username="ann", started=True), Person(BEN, "Ben")]
    telegram = LocalTelegram(
        TOKEN,
        people,
        rate_limits=rate_limits,
        callback_timeout=callback_timeout,
        payment_timeout=payment_timeout,
        webhook_delays=webhook_delays,
        webhook_timeout=webhook_timeout,
        clock=clock,
        now=now,
    )
    app = web.Application()
    app.add_routes(routes(telegram))
    async with serving(app) as url, telegram, aiohttp.ClientSession() as http, bot_at(url) as bot:
        yield Local(telegram, bot, http, url, Chat(http, url, ANN), Chat(http, url, BEN))


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """The application on a free port; gives its address."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def bot_at(url: str) -> AsyncIterator[Bot]:
    """aiogram's unchanged client, pointed at this server."""
    session = LocalSession(api=TelegramAPIServer.from_base(url))
    bot = Bot(TOKEN, session=session, default=DefaultBotProperties(parse_mode="HTML"))
    async with bot:
        yield bot


async def next_update(local: Local) -> Update:
    """The newest update, once there is one; those before it are confirmed."""
    [update] = await local.bot.get_updates(offset=-1, timeout=5)
    return update
