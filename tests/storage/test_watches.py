"""Providers that fall silent and signatures that fail: told of once, by whoever sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.watches import Sessions, Watches
from domain.alarms import FORGED_COUNT, SILENT_COUNT
from storage import tables
from tests.shop import NOW, Shop


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def answering(status: list[int]) -> AsyncIterator[str]:
    """A provider that answers with the last of these; its address."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status[-1])

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()


async def told(shop: Shop) -> list[tuple[object, object, object]]:
    rows = await shop.rows(tables.outbox, tables.outbox.c.topic == "provider")
    return [
        (row["facts"]["provider"], row["facts"]["trouble"], row["facts"].get("over"))
        for row in rows
    ]


async def ask(session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
    clock.now += timedelta(minutes=1)
    async with session.get(url) as response:
        await response.read()


async def test_a_silent_provider_is_told_of_once_and_when_it_is_back(shop: Shop) -> None:
    clock, status = Clock(), [500]
    async with answering(status) as url, Sessions(Watches(shop.uow, clock)) as sessions:
        session = sessions.new("epay")
        for _ in range(SILENT_COUNT - 1):
            await ask(session, url, clock)
        assert await told(shop) == []
        for _ in range(5):
            await ask(session, url, clock)
        assert await told(shop) == [("epay", "silent", None)]
        status.append(200)
        for _ in range(2):
            await ask(session, url, clock)
        assert await told(shop) == [("epay", "silent", None), ("epay", "silent", 1)]


async def test_a_provider_that_cannot_be_reached_is_silent_too(shop: Shop) -> None:
    clock = Clock()
    async with answering([200]) as url:
        gone = url
    async with Sessions(Watches(shop.uow, clock)) as sessions:
        session = sessions.new("stripe")
        for _ in range(SILENT_COUNT):
            with pytest.raises(aiohttp.ClientConnectorError):
                await ask(session, gone, clock)
        assert await told(shop) == [("stripe", "silent", None)]


async def test_a_refusal_is_an_answer(shop: Shop) -> None:
    clock = Clock()
    async with answering([401]) as url, Sessions(Watches(shop.uow, clock)) as sessions:
        session = sessions.new("paypal")
        for _ in range(2 * SILENT_COUNT):
            await ask(session, url, clock)
        assert await told(shop) == []


async def test_two_processes_tell_of_it_once(shop: Shop) -> None:
    clock = Clock()
    for watches in (Watches(shop.uow, clock), Watches(shop.uow, clock)):
        for _ in range(FORGED_COUNT + 3):
            await watches.forged("alipay")
    assert await told(shop) == [("alipay", "forged", None)]


async def test_a_few_forgeries_in_a_day_are_no_news(shop: Shop) -> None:
    clock = Clock()
    watches = Watches(shop.uow, clock)
    for _ in range(3 * FORGED_COUNT):
        clock.now += timedelta(hours=1)
        await watches.forged("alipay")
    assert await told(shop) == []


async def test_what_lasts_is_told_again_after_a_day(shop: Shop) -> None:
    clock = Clock()
    watches = Watches(shop.uow, clock)
    for _ in range(2):
        for _ in range(FORGED_COUNT):
            await watches.forged("alipay")
        clock.now += timedelta(hours=25)
    assert len(await told(shop)) == 2
