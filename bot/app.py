"""Composition root: the only module that names every concrete class."""

import base64
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import ClientDecodeError, TelegramServerError
from aiogram.fsm.storage.base import BaseStorage
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageText,
    GetUpdates,
    Response,
    SendMessage,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from redis.asyncio import Redis

import storage.redis
from bot.background import Background
from bot.bell import Bell
from bot.logs import redactor
from bot.opening import now, storage_opened
from bot.pace import LocalPace, Pace, PaceMiddleware, PatienceMiddleware
from bot.providers import build
from bot.secret_key import derived
from bot.settings import BadSettings, Settings
from bot.shared import Dialogs, SharedPace, SharedThrottle
from bot.throttle import LocalThrottle
from bot.updates import Webhook
from bot.watches import Sessions, Watches
from bot.web import PaymentCallbacks, Probes
from bot.worker import Worker
from domain.errors import DatabaseAway, TransactionAborted
from domain.ports import UnitOfWork
from handlers.dispatcher import build_dispatcher
from handlers.messenger import TelegramMessenger
from handlers.middlewares import Throttle
from handlers.shop import ShopInfo
from handlers.views.methods import Ways
from payments.provider import CallbackProvider
from storage.keyfiles import open_key_file
from storage.sheets import CsvSheet
from storage.unit_of_work import Database
from storage.vault import Vault

# A lease is longer than any request may take, or two workers send the same.
SEND_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 15.0
PROBE_SECONDS: Final = 2.0


# pydantic forgets the type of an answer that nobody holds, and makes it anew in milliseconds.
_MET_ALL_THE_TIME: Final = [
    Response[method.__returning__]  # type: ignore[name-defined]  # known when it runs
    for method in (SendMessage, EditMessageText, AnswerCallbackQuery, GetUpdates)
]


class Session(AiohttpSession):
    """aiogram waits a quarter of a second for TLS to end, also where there is none."""

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """A gateway's own page before Telegram is Telegram being away."""
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError:
            raise TelegramServerError(method, f"no JSON, status {status_code}") from None

    async def close(self) -> None:
        if self._session is not None and self.api.base.startswith("http://"):
            await self._session.close()
        else:
            await super().close()


@dataclass
class App:
    """The shop, wired; nothing runs in it yet."""

    settings: Settings
    database: Database
    vault: Vault
    bot: Bot
    dispatcher: Dispatcher
    messenger: TelegramMessenger
    ways: Ways
    watches: Watches
    background: Background
    bell: Bell
    redis: Redis | None
    webhook_secret: str = field(repr=False)

    @property
    def new_uow(self) -> Callable[[], UnitOfWork]:
        return self.database.unit_of_work

    def worker(self) -> Worker:
        return Worker(
            self.new_uow,
            self.vault,
            self.messenger,
            self.ways.providers,
            self.ways.rules,
            self.bell,
            now,
            daily_report=self.settings.daily_report,
        )

    def callbacks(self) -> PaymentCallbacks:
        ways = self.ways
        return PaymentCallbacks(ways.providers, ways.rules, self.watches, self.new_uow, now)

    def webhook(self) -> Webhook:
        return Webhook(self.bot, self.dispatcher, self.webhook_secret)

    def probes(self) -> Probes:
        checks = {"database": partial(self._soon, self._database_answers)}
        if self.redis is not None:
            checks["redis"] = partial(self._soon, self._redis_answers)
        token = self.settings.metrics_token
        return Probes(checks, token.get_secret_value() if token else None)

    async def _soon(self, answers: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Whoever asks whether the shop is ready takes a late answer for a no."""
        return bool(await self.background.within(PROBE_SECONDS, answers()))

    async def _database_answers(self) -> bool:
        try:
            async with self.database.unit_of_work() as uow:
                await uow.customers.admins()
        except (DatabaseAway, TransactionAborted):
            return False
        return True

    async def _redis_answers(self) -> bool:
        return self.redis is not None and await storage.redis.answers(self.redis)


@asynccontextmanager
async def opened(
    settings: Settings, *, extra_providers: Sequence[CallbackProvider] = ()
) -> AsyncIterator[App]:
    """The shop over its database and services; closed on leaving.

    Raises `BadSettings`, `DatabaseInUse`, `DatabaseAway`.
    """
    rules = settings.rules
    if rules.lease.total_seconds() <= SEND_SECONDS + ANSWER_SECONDS:
        raise BadSettings("the lease of a delivery must outlast a request to Telegram")
    async with AsyncExitStack() as stack:
        background = await stack.enter_async_context(Background())
        redis = _redis(settings, stack)
        bell = Bell()
        ring = _ringer(bell, redis, background)
        stored = await stack.enter_async_context(storage_opened(settings, ring))
        database, vault = stored.database, stored.vault
        bot = _bot(settings, stack, ANSWER_SECONDS)
        courier = _bot(settings, stack, SEND_SECONDS)
        pace = SharedPace(storage.redis.Buckets(redis)) if redis else LocalPace()
        _pace(bot, courier, pace)
        watches = Watches(database.unit_of_work, now)
        sessions = await stack.enter_async_context(Sessions(watches))
        providers = build(settings, bot, sessions.new, extra_providers)
        ways = Ways(providers, rules, settings.method_titles)
        dispatcher = build_dispatcher(
            storage=_dialogs(redis),
            new_uow=database.unit_of_work,
            throttle=_throttle(redis),
            ways=ways,
            shop=ShopInfo(settings.shop_name, settings.support_contact, settings.currency),
            vault=vault,
            background=background,
            open_key_file=open_key_file,
            open_sheet=CsvSheet,
        )
        secret = settings.telegram_webhook_secret
        webhook_secret = (
            secret.get_secret_value() if secret else derived(stored.master, "telegram webhook")
        )
        redactor.hide([webhook_secret, base64.b64encode(stored.master).decode()])
        yield App(
            settings=settings,
            database=database,
            vault=vault,
            bot=bot,
            dispatcher=dispatcher,
            messenger=TelegramMessenger(courier, ways),
            ways=ways,
            watches=watches,
            background=background,
            bell=bell,
            redis=redis,
            webhook_secret=webhook_secret,
        )


def _bot(settings: Settings, stack: AsyncExitStack, seconds: float) -> Bot:
    server = TelegramAPIServer.from_base(settings.telegram_api_url)
    session = Session(api=server, timeout=seconds)
    stack.push_async_callback(session.close)
    defaults = DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    return Bot(settings.token(), session=session, default=defaults)


def _pace(bot: Bot, courier: Bot, pace: Pace) -> None:
    bot.session.middleware(PatienceMiddleware())
    for one in (bot, courier):
        one.session.middleware(PaceMiddleware(pace))


def _redis(settings: Settings, stack: AsyncExitStack) -> Redis | None:
    if settings.redis_url is None:
        return None
    try:
        redis = storage.redis.connect(settings.redis_url)
    except ValueError:
        raise BadSettings("REDIS_URL: write redis://host:6379/0") from None
    stack.push_async_callback(redis.aclose)
    return redis


def _dialogs(redis: Redis | None) -> BaseStorage:
    return Dialogs(redis) if redis else MemoryStorage()


def _throttle(redis: Redis | None) -> Throttle:
    return SharedThrottle(storage.redis.Buckets(redis)) if redis else LocalThrottle()


def _ringer(bell: Bell, redis: Redis | None, background: Background) -> Callable[[], None]:
    """What to do after a commit that filled the outbox."""
    if redis is None:
        return bell.ring

    def ring_everywhere() -> None:
        bell.ring()
        background.start(storage.redis.ring(redis), name="ring")

    return ring_everywhere
