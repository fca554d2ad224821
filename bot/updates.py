"""Telegram's updates, by polling or webhook: gone only once they are handled."""

import asyncio
import hmac
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramAPIError
from aiogram.types import Update
from aiohttp import web
from pydantic import ValidationError

from bot import metrics
from bot.background import Background
from bot.web import read_at_most
from handlers.routes import RETAKEN

log = structlog.get_logger(__name__)

ALLOWED: Final = ["message", "callback_query", "pre_checkout_query", "my_chat_member"]
MAX_UPDATE_BYTES: Final = 1024 * 1024
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
_POLL_SECONDS: Final = 30
_TRIES: Final = 5


class Poller:
    """Asks for updates and handles them, one chat's in order, different chats' side by side.

    The next request confirms the last batch, so that it is made after the batch is handled.
    """

    def __init__(self, bot: Bot, dispatcher: Dispatcher, background: Background) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._background = background
        self._pause = background.pause
        self._offset: int | None = None

    async def step(self) -> None:
        try:
            updates = await self._background.unless_stopped(self._ask())
        except TelegramAPIError as error:
            log.warning("Telegram gives no updates", why=type(error).__name__)
            await self._pause(1.0)
            return
        if updates:
            await asyncio.gather(*(self._chat(batch) for batch in _by_chat(updates)))
            self._offset = updates[-1].update_id + 1

    async def _ask(self) -> list[Update]:
        return await self._bot.get_updates(
            offset=self._offset,
            timeout=_POLL_SECONDS,
            allowed_updates=ALLOWED,
            request_timeout=_POLL_SECONDS + 10,
        )

    async def _chat(self, updates: Sequence[Update]) -> None:
        for update in updates:
            await self._handle(update)

    async def _handle(self, update: Update) -> None:
        """Again while the database is away; Telegram waits with it."""
        for attempt in range(_TRIES):
            if await handle(self._bot, self._dispatcher, update):
                return
            await self._pause(0.2 * 2**attempt)
        raise RuntimeError("the database has been away for too long")


def _by_chat(updates: Sequence[Update]) -> list[list[Update]]:
    chats: defaultdict[object, list[Update]] = defaultdict(list)
    for update in updates:
        person = getattr(update.event, "from_user", None)
        chats[person.id if person else update.update_id].append(update)
    return list(chats.values())


async def handle(bot: Bot, dispatcher: Dispatcher, update: Update) -> bool:
    """Whether the update is done with; False leaves it to be taken again."""
    try:
        await dispatcher.feed_update(bot, update)
    except RETAKEN as error:
        metrics.updates.labels(outcome="repeated").inc()
        log.warning("update to be repeated", update=update.update_id, why=type(error).__name__)
        return False
    metrics.updates.labels(outcome="handled").inc()
    return True


class Webhook:
    """`POST /telegram/webhook`: answered after the update is handled, 5xx if it could not be."""

    def __init__(self, bot: Bot, dispatcher: Dispatcher, secret: str) -> None:
        if not secret:
            raise ValueError("a webhook without a secret takes orders from anybody")
        self._bot = bot
        self._dispatcher = dispatcher
        self._secret = secret.encode()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/telegram/webhook", self.receive)]

    async def receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "").encode(errors="replace")
        if not hmac.compare_digest(given, self._secret):
            raise web.HTTPUnauthorized
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        body = await read_at_most(request, MAX_UPDATE_BYTES)
        try:
            update = Update.model_validate_json(body, context={"bot": self._bot})
        except ValidationError:
            raise web.HTTPBadRequest(text="no update\n") from None
        if not await handle(self._bot, self._dispatcher, update):
            raise web.HTTPServiceUnavailable
        return web.Response()
