"""Updates pushed to a webhook: repeated until taken, in order, with methods in the reply."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiogram import Dispatcher
from aiogram.methods import SendMessage
from aiogram.types import BufferedInputFile, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.chat.local_telegram import ANN, Local, local_telegram, serving


@pytest.mark.parametrize("with_file", [True, False])
async def test_method_in_the_webhooks_answer_is_carried_out(with_file: bool) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message()
    async def answer(message: Message) -> object:
        if with_file:
            return message.answer_document(BufferedInputFile(b"AAAA", "a.txt"), caption="here")
        return SendMessage(chat_id=message.chat.id, text="here")

    async with local_telegram() as local:
        app = web.Application()
        SimpleRequestHandler(dispatcher, local.bot, handle_in_background=False).register(app, "/")
        async with serving(app) as url:
            await local.bot.set_webhook(url)
            await local.ann.says("now")
            message = await local.ann.reads("here")
            assert ("document" in message) is with_file


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Hook:
    """A webhook that notes what it gets, in order, and then answers as it is told."""

    answer: Answer
    texts: list[str] = field(default_factory=list)
    secrets: set[str | None] = field(default_factory=set)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.StreamResponse:
        update = await request.json()
        self.secrets.add(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        async with self.arrived:
            self.texts.append(update["message"]["text"])
            self.arrived.notify_all()
        return await self.answer(request)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(5), self.arrived:
            await self.arrived.wait_for(lambda: len(self.texts) >= count)
        return self.texts


@asynccontextmanager
async def hooked(local: Local, answer: Answer) -> AsyncIterator[Hook]:
    hook = Hook(answer)
    app = web.Application()
    app.router.add_post("/", hook.take)
    async with serving(app) as url:
        await local.bot.set_webhook(url, secret_token="s")
        yield hook
        await local.bot.delete_webhook()


async def test_refused_update_comes_again_and_in_order() -> None:
    statuses = [500, 404, 302, 200, 200]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=statuses.pop(0))

    async with local_telegram() as local, hooked(local, answer) as hook:
        await local.ann.says("first")
        await local.ann.says("second")
        assert await hook.until(5) == ["first"] * 4 + ["second"]
        assert hook.secrets == {"s"}
        info = await local.bot.get_webhook_info()
        assert info.last_error_message == "Wrong response from the webhook: 302 Found"


async def test_one_chat_does_not_wait_for_another() -> None:
    release = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        if len(hook.texts) == 1:
            await release.wait()
        return web.Response()

    async with local_telegram() as local, hooked(local, answer) as hook:
        await local.ann.says("ann 1")
        await hook.until(1)
        await local.ann.says("ann 2")
        await local.ben.says("ben 1")
        assert await hook.until(2) == ["ann 1", "ben 1"]
        assert (await local.bot.get_webhook_info()).pending_update_count >= 2
        release.set()
        assert await hook.until(3) == ["ann 1", "ben 1", "ann 2"]


async def test_unanswered_update_stays_for_polling() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with local_telegram(webhook_delays=[60.0]) as local:
        async with hooked(local, answer) as hook:
            await local.ann.says("kept")
            await hook.until(1)
        [update] = await local.bot.get_updates()
        assert update.message is not None
        assert update.message.text == "kept"


async def test_dead_webhook_is_reported() -> None:
    async with local_telegram(webhook_timeout=0.05) as local:
        async with serving(web.Application()) as url:
            pass
        await local.bot.set_webhook(url, drop_pending_updates=True)
        await local.ann.says("nobody there")
        assert await last_error(local) == "Connection refused"
        never = asyncio.Event()

        async def hang(_: web.Request) -> web.Response:
            await never.wait()
            return web.Response()

        async with hooked(local, hang):
            assert await last_error(local) == "Read timeout expired"
            never.set()


async def last_error(local: Local) -> str:
    async with asyncio.timeout(5):
        while not (message := (await local.bot.get_webhook_info()).last_error_message):
            await local.telegram.world.updates.changed.wait()
    return message


async def test_wrong_method_in_the_answer_is_only_logged() -> None:
    replies: list[web.Response] = [
        web.json_response(
            {"method": "sendMessage", "chat_id": ANN, "text": "<b>", "parse_mode": "HTML"}
        ),
        web.Response(body=b"{", content_type="application/json"),
        web.json_response(["sendMessage"]),
        web.json_response({"method": "sendMessage", "chat_id": ANN, "text": "fine"}),
    ]

    async def answer(_: web.Request) -> web.Response:
        return replies.pop(0)

    async with local_telegram() as local, hooked(local, answer):
        for number in range(4):
            await local.ann.says(str(number))
        await local.ann.reads("fine", ever=True)
        assert [call.ok for call in local.telegram.calls] == [True, False, True]
