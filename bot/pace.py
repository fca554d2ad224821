"""Telegram's limits, kept before they are hit."""

import asyncio
from collections import OrderedDict
from typing import Any, Final, Protocol

from aiogram import Bot
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiolimiter import AsyncLimiter

# https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
OVER_ALL: Final = 30  # messages a second
CHAT_BURST: Final = 5  # messages to one chat at once; one a second in the long run
_CHATS_KEPT: Final = 10_000
_SENDING: Final = ("send", "copyMessage", "forwardMessage")
_NOT_MESSAGES: Final = "sendChatAction"
PATIENCE: Final = 5.0  # seconds that somebody who pressed a button is made to wait


class Pace(Protocol):
    async def wait(self, chat_id: int) -> None:
        """Return when a message to this chat may go out."""


class LocalPace:
    """The pace of one process."""

    def __init__(self) -> None:
        self._over_all = AsyncLimiter(OVER_ALL / 10, 0.1)
        self._chats: OrderedDict[int, AsyncLimiter] = OrderedDict()

    async def wait(self, chat_id: int) -> None:
        limiter = self._chats.pop(chat_id, None) or AsyncLimiter(CHAT_BURST, CHAT_BURST)
        self._chats[chat_id] = limiter
        if len(self._chats) > _CHATS_KEPT:
            self._chats.popitem(last=False)
        await limiter.acquire()
        await self._over_all.acquire()


class PaceMiddleware(BaseRequestMiddleware):
    """Lets messages go out no faster than Telegram takes them."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        name = method.__api_method__
        chat_id: Any = getattr(method, "chat_id", None)  # an id or a channel's name
        if isinstance(chat_id, int) and name.startswith(_SENDING) and name != _NOT_MESSAGES:
            await self._pace.wait(chat_id)
        return await make_request(bot, method)


class PatienceMiddleware(BaseRequestMiddleware):
    """Waits out a short 429 where a person is looking on; the outbox keeps its own time."""

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        try:
            return await make_request(bot, method)
        except TelegramRetryAfter as error:
            if error.retry_after > PATIENCE:
                raise
            await asyncio.sleep(error.retry_after)
            return await make_request(bot, method)
