"""Telegram's updates, by polling or webhook: gone only once they are handled."""

import asyncio
import contextlib
import hmac
from collections import defaultdict, deque
from typing import Final

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramAPIError
from aiogram.types import Update
from aiogram.types.update import UpdateTypeLookupError
from aiohttp import web
from pydantic import ValidationError

from bot import metrics
from bot.background import Background
from bot.web import read_at_most
from handlers.routes import RETAKEN

log = structlog.get_logger(__name__)

ALLOWED: Final = [
    "message",
    "callback_query",
    "pre_checkout_query",
    "shipping_query",
    "my_chat_member",
]
MAX_UPDATE_BYTES: Final = 1024 * 1024
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
_POLL_SECONDS: Final = 30
_MOMENT: Final = 0.2  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds, while the database is away


class Poller:
    """Asks for updates and handles them, one person's in order, different people's side by side.

    A request confirms what is older than its offset, which is the oldest update that is not
    handled yet: whoever takes long holds up nobody else, and nothing is lost with the process.
    """

    def __init__(self, bot: Bot, dispatcher: Dispatcher, background: Background) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._background = background
        self._pause = background.pause
        self._next = 0  # the first that was never seen
        self._in_hand: dict[int, Update] = {}
        self._waiting: defaultdict[object, deque[Update]] = defaultdict(deque)  # by person
        self._done = asyncio.Event()

    async def step(self) -> None:
        try:
            updates = await self._background.unless_stopped(self._ask())
        except TelegramAPIError as error:
            log.warning("Telegram gives no updates", why=type(error).__name__)
            await self._pause(1.0)
            return
        for update in updates or ():
            if update.update_id >= self._next:
                self._take(update)
        await self._settle()

    async def _ask(self) -> list[Update]:
        seconds = 0 if self._in_hand else _POLL_SECONDS
        return await self._bot.get_updates(
            offset=min(self._in_hand, default=self._next) or None,
            timeout=seconds,
            allowed_updates=ALLOWED,
            request_timeout=seconds + 10,
        )

    def _take(self, update: Update) -> None:
        self._next = update.update_id + 1
        self._in_hand[update.update_id] = update
        person = _person(update)
        is_new = person not in self._waiting
        self._waiting[person].append(update)
        if is_new:
            self._background.start(self._serve(person), name="update")

    async def _serve(self, person: object) -> None:
        """One person's updates, until none waits; again and again while the database is away."""
        waiting, pause = self._waiting[person], _FIRST_PAUSE
        try:
            while waiting:
                if await self._handled(waiting[0]):
                    del self._in_hand[waiting.popleft().update_id]
                    pause = _FIRST_PAUSE
                elif self._background.stopping.is_set():
                    return
                else:
                    await self._pause(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
        finally:
            del self._waiting[person]
            self._done.set()

    async def _handled(self, update: Update) -> bool:
        """The edge: what nobody expected is logged, and holds up no later update."""
        try:
            return await handle(self._bot, self._dispatcher, update)
        except Exception:
            metrics.updates.labels(outcome="failed").inc()
            log.exception("update given up", update=update.update_id)
            return True

    async def _settle(self) -> None:
        """Most updates are handled in a moment: give them that before asking again."""
        self._done.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT):
                while self._in_hand:
                    await self._done.wait()
                    self._done.clear()


def _person(update: Update) -> object:
    """Whose order is to be kept; what Telegram thought up since is nobody's."""
    try:
        person = getattr(update.event, "from_user", None)
    except UpdateTypeLookupError:
        person = None
    return person.id if person else f"update {update.update_id}"


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
