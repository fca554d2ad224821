"""Updates by polling and by webhook, taken by an unchanged aiogram dispatcher."""

import asyncio

import pytest
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramBadRequest, TelegramConflictError
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from tests.chat.local_telegram import ANN, BEN, Local, local_telegram, serving

BUY = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text="Buy now", callback_data="buy:1")]]
)


async def texts(
    bot: Bot, *, offset: int | None = None, limit: int | None = None, timeout: int | None = None
) -> list[str | None]:
    updates = await bot.get_updates(offset=offset, limit=limit, timeout=timeout)
    return [update.message.text if update.message else None for update in updates]


async def test_updates_stay_until_confirmed() -> None:
    async with local_telegram() as local:
        for text in "abc":
            await local.ann.says(text)
        first, second, third = await local.bot.get_updates()
        assert second.update_id == first.update_id + 1
        assert await texts(local.bot, limit=2) == ["a", "b"]
        assert await texts(local.bot, offset=second.update_id) == ["b", "c"]
        assert await texts(local.bot, offset=-1) == ["c"]
        assert await texts(local.bot, offset=third.update_id + 1) == []
        assert await texts(local.bot) == []


async def test_long_poll_returns_as_soon_as_something_happens() -> None:
    async with local_telegram() as local, asyncio.timeout(5), asyncio.TaskGroup() as group:
        poll = group.create_task(texts(local.bot, timeout=30))
        await group.create_task(local.ann.says("hello"))
        assert await poll == ["hello"]


async def test_unwanted_updates_are_not_even_kept() -> None:
    async with local_telegram() as local:
        await local.bot.get_updates(allowed_updates=["my_chat_member"])
        await local.ann.says("not heard")
        await local.ann.blocks()
        await local.ann.unblocks()
        blocked, unblocked = await local.bot.get_updates()
        assert blocked.my_chat_member is not None
        assert blocked.my_chat_member.new_chat_member.status == "kicked"
        assert unblocked.my_chat_member is not None
        assert unblocked.my_chat_member.old_chat_member.status == "kicked"
        assert unblocked.my_chat_member.new_chat_member.status == "member"
        await local.bot.get_updates(offset=-1, allowed_updates=[])
        await local.ann.says("heard again")
        assert (await texts(local.bot))[-1] == "heard again"


async def test_second_poll_ends_the_first() -> None:
    async with local_telegram() as local, asyncio.timeout(5), asyncio.TaskGroup() as group:
        first = group.create_task(refused_poll(local.bot))
        second = group.create_task(refused_poll(local.bot))
        assert "terminated by other getUpdates request" in await first
        await local.bot.set_webhook("http://127.0.0.1:9/hook")
        assert "terminated by setWebhook request" in await second


async def refused_poll(bot: Bot) -> str:
    with pytest.raises(TelegramConflictError) as refusal:
        await bot.get_updates(timeout=30)
    return refusal.value.message


async def test_polling_and_webhook_exclude_each_other() -> None:
    async with local_telegram() as local:
        await local.bot.set_webhook("http://127.0.0.1:9/hook")
        with pytest.raises(TelegramConflictError, match="can't use getUpdates method while web"):
            await local.bot.get_updates()
        await local.bot.delete_webhook()
        assert await local.bot.get_updates() == []


@pytest.mark.parametrize(
    ("url", "secret", "description"),
    [
        ("ftp://127.0.0.1/", "s", "bad webhook: An HTTPS URL must be provided for webhook"),
        ("http://127.0.0.1/", "not allowed", "secret token contains unallowed characters"),
        ("http://127.0.0.1/", "x" * 257, "secret token contains unallowed characters"),
    ],
)
async def test_bad_webhook_is_refused(url: str, secret: str, description: str) -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest) as refusal:
            await local.bot.set_webhook(url, secret_token=secret)
        assert refusal.value.message == f"Bad Request: {description}"


def shop() -> Dispatcher:
    """A bot of three answers."""
    dispatcher = Dispatcher()

    @dispatcher.callback_query()
    async def bought(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text(f"Bought {query.data}")
        await query.answer("Thank you", show_alert=True)

    @dispatcher.message()
    async def greet(message: Message) -> None:
        await message.answer(f"You said <b>{message.text}</b>", reply_markup=BUY)

    return dispatcher


async def a_person_buys(local: Local) -> None:
    await local.ann.says("/start")
    await local.ann.reads("You said /start")
    answer = await local.ann.presses("Buy")
    assert answer == {"answered": True, "text": "Thank you", "show_alert": True, "url": None}
    await local.ann.reads("Bought buy:1")
    assert await local.ann.buttons() == []


async def test_a_purchase_by_polling() -> None:
    dispatcher = shop()
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        polling = group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        await a_person_buys(local)
        await dispatcher.stop_polling()
        await polling


async def test_a_purchase_by_webhook() -> None:
    async with local_telegram() as local:
        app = web.Application()
        handler = SimpleRequestHandler(
            shop(), local.bot, handle_in_background=False, secret_token="secret-1"
        )
        handler.register(app, "/hook")
        async with serving(app) as url:
            await local.bot.set_webhook(f"{url}/hook", secret_token="secret-1")
            await a_person_buys(local)
            info = await local.bot.get_webhook_info()
            assert (info.pending_update_count, info.last_error_message) == (0, None)


async def test_dropped_updates_never_come() -> None:
    async with local_telegram() as local:
        await local.ben.says("old")
        await local.bot.delete_webhook(drop_pending_updates=True)
        assert await local.bot.get_updates() == []
        assert [message["text"] for message in local.telegram.chat(BEN)] == ["old"]


async def test_leaving_ends_an_open_poll() -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group, local_telegram() as local:
        poll = group.create_task(texts(local.bot, timeout=30))
        local.telegram.close()
        assert await poll == []
        assert local.telegram.chat(ANN) == []
