"""`keystall doctor`: whether the shop can work, a line each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import sqlalchemy as sa
import typer
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramNotFound, TelegramUnauthorizedError
from sqlalchemy.ext.asyncio import AsyncConnection

import storage.redis
from bot.app import Session
from bot.opening import now
from bot.providers import build
from bot.secret_key import master_key
from bot.settings import BadSettings, Settings
from domain.errors import ProviderRejected, ProviderUnavailable, WrongSecretKey
from domain.payments import PaymentProvider
from storage import schema
from storage.engine import BadDatabaseUrl, create_engine, read_url
from storage.vault import has_data_keys, open_vault

Check = Callable[[Settings], Awaitable[str]]
CHECK_SECONDS: Final = 10.0


class Wrong(Exception):
    """What is wrong, and what to do, in one sentence."""


async def examine(settings: Settings) -> int:
    """1 if anything is wrong."""
    wrong = 0
    for name, check in _CHECKS.items():
        try:
            finding, mark = await check(settings), "ok   "
        except (Wrong, BadSettings) as error:
            finding, mark = str(error), "WRONG"
            wrong = 1
        typer.echo(f"{mark} {name}: {finding}")
    try:
        for title, finding, well in await _providers(settings):
            typer.echo(f"{'ok   ' if well else 'WRONG'} {title}: {finding}")
            wrong = wrong or int(not well)
    except BadSettings as error:
        typer.echo(f"WRONG payments: {error}")
        wrong = 1
    return wrong


async def _settings(settings: Settings) -> str:
    if not settings.owner_ids:
        raise Wrong("OWNER_IDS is empty: nobody can add products. Put your Telegram id there")
    return f"{len(settings.owner_ids)} owner(s), prices in {settings.currency}"


async def _token(settings: Settings) -> str:
    async with _bot(settings) as bot:
        try:
            me = await bot.get_me()
        except (TelegramUnauthorizedError, TelegramNotFound):
            raise Wrong("Telegram refuses BOT_TOKEN; copy it once more from @BotFather") from None
        except TelegramAPIError as error:
            raise Wrong(f"Telegram does not answer ({type(error).__name__})") from None
    return f"@{me.username}"


async def _webhook(settings: Settings) -> str:
    async with _bot(settings) as bot:
        try:
            info = await bot.get_webhook_info()
        except TelegramAPIError as error:
            raise Wrong(f"Telegram does not answer ({type(error).__name__})") from None
    expected = (
        f"{settings.public_url}/telegram/webhook" if settings.telegram_mode == "webhook" else ""
    )
    if info.url not in {"", expected}:
        raise Wrong(f"it is set to another address; {settings.telegram_mode} mode changes it")
    if info.last_error_message:
        raise Wrong(f"Telegram could not deliver: {info.last_error_message}")
    return settings.telegram_mode


async def _database(settings: Settings) -> str:
    """Looks and changes nothing: no schema is brought up to date, no key made."""
    try:
        url = read_url(settings.database_url)
    except BadDatabaseUrl:
        raise Wrong("DATABASE_URL is neither sqlite+aiosqlite:///… nor postgresql://…") from None
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():  # noqa: ASYNC240 - nothing else runs
        return f"{url.database} is made at the first start"
    engine = create_engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            return await _schema(settings, connection)
    except (OSError, sa.exc.DBAPIError, asyncpg.PostgresError) as error:
        raise Wrong(f"does not answer ({type(error).__name__}); check DATABASE_URL") from None
    finally:
        await engine.dispose()


async def _schema(settings: Settings, connection: AsyncConnection) -> str:
    name, found = connection.dialect.name, await schema.version(connection)
    if found is None:
        return f"{name}, empty: the shop is made at the first start"
    if not await has_data_keys(connection):
        return f"{name}, schema {found}"
    try:
        await open_vault(connection, master_key(settings, shop_exists=True), now())
    except WrongSecretKey as error:
        raise Wrong(str(error)) from None
    if found > schema.HEAD:
        raise Wrong("it belongs to a later version of keystall; use that one")
    state = "up to date" if found == schema.HEAD else "brought up to date at the next start"
    return f"{name}, {state}, SECRET_KEY fits"


async def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return "not set; needed only for several processes"
    try:
        redis = storage.redis.connect(settings.redis_url)
    except ValueError:
        raise Wrong("REDIS_URL: write redis://host:6379/0") from None
    try:
        if not await storage.redis.answers(redis):
            raise Wrong("does not answer; check REDIS_URL")
    finally:
        await redis.aclose()
    return "answers"


async def _prices(settings: Settings) -> str:
    rates = [f"{rate} {currency}" for currency, rate in settings.rules.rates.units.items()]
    told = f"1 {settings.currency} is {', '.join(rates)}" if rates else "no RATES"
    if settings.stars_enabled and settings.stars_rate is None:
        return f"{told}; in Stars only what has a price in Stars (/setproduct SKU stars N)"
    return told


async def _providers(settings: Settings) -> list[tuple[str, str, bool]]:
    """Each provider that is on, what was found of it, and whether it is well."""
    async with AsyncExitStack() as stack:
        bot = await stack.enter_async_context(_bot(settings))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        providers = build(settings, bot, lambda _: http)
        return await asyncio.gather(*map(_examined, providers.values()))


async def _examined(provider: PaymentProvider) -> tuple[str, str, bool]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await provider.check()
    except ProviderRejected as error:
        return provider.title, f"refuses: {error.code}", False
    except ProviderUnavailable as error:
        return provider.title, f"does not answer ({error.why})", False
    except TimeoutError:
        return provider.title, "does not answer in time", False
    mode = "" if provider.live else ", TEST MODE: no real money"
    return provider.title, f"its settings work{mode}", True


@asynccontextmanager
async def _bot(settings: Settings) -> AsyncIterator[Bot]:
    session = Session(api=TelegramAPIServer.from_base(settings.telegram_api_url), timeout=10)
    try:
        yield Bot(settings.token(), session=session)
    finally:
        await session.close()


_CHECKS: Final[dict[str, Check]] = {
    "settings": _settings,
    "token": _token,
    "webhook": _webhook,
    "database": _database,
    "Redis": _redis,
    "prices": _prices,
}
