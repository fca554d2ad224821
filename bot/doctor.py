"""`keystall doctor`: whether the shop can work, a line each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import typer
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramAPIError, TelegramUnauthorizedError

import storage.redis
from bot.app import storage_opened
from bot.settings import BadSettings, Settings
from domain.errors import DatabaseAway

Check = Callable[[Settings], Awaitable[str]]


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
    return wrong


async def _settings(settings: Settings) -> str:
    if not settings.owner_ids:
        raise Wrong("OWNER_IDS is empty: nobody can add products. Put your Telegram id there")
    return f"{len(settings.owner_ids)} owner(s), prices in {settings.currency}"


async def _token(settings: Settings) -> str:
    async with _bot(settings) as bot:
        try:
            me = await bot.get_me()
        except TelegramUnauthorizedError:
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
    try:
        async with storage_opened(settings) as stored:
            return f"{stored.engine.dialect.name}, up to date, SECRET_KEY fits"
    except DatabaseAway as error:
        raise Wrong(f"does not answer ({error}); check DATABASE_URL") from None


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


async def _stars(settings: Settings) -> str:
    if not settings.stars_enabled:
        return "off"
    if settings.stars_rate is None:
        return "on, for products with a price in Stars (/setproduct SKU stars N, or STARS_RATE)"
    return f"on, {settings.stars_rate} Stars for 1 {settings.currency}"


async def _epay(settings: Settings) -> str:
    if settings.epay.url is None:
        return "off"
    return f"on, settles in {settings.epay.currency or settings.currency}"


@asynccontextmanager
async def _bot(settings: Settings) -> AsyncIterator[Bot]:
    session = AiohttpSession(
        api=TelegramAPIServer.from_base(settings.telegram_api_url), timeout=10
    )
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
    "Telegram Stars": _stars,
    "EPay": _epay,
}
