"""Running the shop until it is told to stop."""

import asyncio
import contextlib
import errno
import signal
from collections.abc import AsyncIterator, Iterable

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramNotFound, TelegramUnauthorizedError
from aiohttp import web
from redis.asyncio import Redis

import storage.redis
from bot.app import App, opened
from bot.opening import now
from bot.settings import BadSettings, Settings
from bot.updates import ALLOWED, Poller
from domain.importing import report_cut_off
from handlers.commands import commands
from handlers.texts import ENGLISH, LANGUAGES, texts

log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, with_web: bool, with_worker: bool) -> None:
    """Until SIGTERM or SIGINT; then what is in hand is finished, within 20 s."""
    async with opened(settings) as app:
        await check_token(app)
        stop = stop_asked()
        async with running(app, with_web=with_web, with_worker=with_worker):
            log.info("ready", web=with_web and f"http://{settings.host}:{settings.port}/")
            await stop.wait()
            log.info("stopping")


@contextlib.asynccontextmanager
async def running(
    app: App,
    *,
    with_web: bool,
    with_worker: bool,
    extra_routes: Iterable[web.RouteDef] = (),
) -> AsyncIterator[None]:
    """The app's parts, started; new work is refused first on leaving."""
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(app.background.stop)
        if with_web:
            await stack.enter_async_context(listening(app, extra_routes))
        stack.callback(app.background.stopping.set)
        if with_worker:
            app.worker().start(app.background)
            if app.redis is not None:
                redis = app.redis
                app.background.loop(
                    lambda: app.background.unless_stopped(_hear(app, redis)), name="wake-ups"
                )
        if with_web:
            app.background.start(_greet_telegram(app), name="telegram")
            await report_cut_off(app.new_uow(), now=now())
        yield


@contextlib.asynccontextmanager
async def listening(app: App, extra_routes: Iterable[web.RouteDef]) -> AsyncIterator[None]:
    site = web.Application()
    site.add_routes([*app.callbacks().routes(), *app.probes().routes(), *extra_routes])
    if app.settings.telegram_mode == "webhook":
        site.add_routes(app.webhook().routes())
    # Addresses may hold tokens: no access log.
    runner = web.AppRunner(site, access_log=None, handle_signals=False, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, app.settings.host, app.settings.port).start()
    except OSError as error:
        await runner.cleanup()
        raise BadSettings(_cannot_listen(app.settings, error)) from None
    try:
        yield
    finally:
        await runner.cleanup()


def _cannot_listen(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT: {settings.port} on {settings.host} is in use; set another"
    if error.errno == errno.EACCES:
        return f"PORT: {settings.port} is not open to this user; take one above 1023"
    return f"HOST: {settings.host} is no address of this machine"


async def check_token(app: App) -> None:
    """Raises `BadSettings` when Telegram refuses the token; its silence is no reason to stop."""
    try:
        await app.bot.get_me()
    except (TelegramUnauthorizedError, TelegramNotFound):
        raise BadSettings(
            "BOT_TOKEN: Telegram refuses it; copy it once more from @BotFather (/mybots)"
        ) from None
    except TelegramAPIError as error:
        log.warning("Telegram does not answer yet", why=type(error).__name__)


def stop_asked() -> asyncio.Event:
    """Set by SIGTERM or SIGINT, from now on."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    return asked


async def _greet_telegram(app: App) -> None:
    """Say how updates come, until Telegram has heard it; then poll, if so set."""
    settings = app.settings
    while not app.background.stopping.is_set():
        try:
            if settings.telegram_mode == "webhook":
                await app.bot.set_webhook(
                    f"{settings.public_url}/telegram/webhook",
                    secret_token=app.webhook_secret,
                    allowed_updates=ALLOWED,
                )
            else:
                await app.bot.delete_webhook()
            for code in LANGUAGES:
                language = None if code == ENGLISH else code
                await app.bot.set_my_commands(commands(texts(code)), language_code=language)
            break
        except TelegramAPIError as error:
            log.warning("Telegram does not answer yet", why=type(error).__name__)
            await app.background.pause(5)
    if settings.telegram_mode == "polling":
        poller = Poller(app.bot, app.dispatcher, app.background)
        app.background.loop(poller.step, name="polling")


async def _hear(app: App, redis: Redis) -> None:
    """Pass on the rings of other processes; without Redis the worker looks by itself."""
    try:
        async for _ in storage.redis.rings(redis):
            app.bell.ring()
            if app.background.stopping.is_set():
                return
    except storage.redis.AWAY:
        await app.background.pause(1)
