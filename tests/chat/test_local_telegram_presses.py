"""Presses of inline buttons, from the press to the bot's answer."""

import asyncio

import pytest
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, InaccessibleMessage, Message

from tests.chat.local_telegram import ANN, local_telegram, next_update
from tests.people import Refusal


async def test_press_carries_message_and_waits_for_its_answer() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        sent = await local.bot.send_message(ANN, "Choose")
        press = group.create_task(local.ann.clicks("buy:1", message_id=sent.message_id))
        query = (await next_update(local)).callback_query
        assert query is not None
        assert query.data == "buy:1"
        assert query.from_user.id == ANN
        assert isinstance(query.message, Message)
        assert query.message.message_id == sent.message_id
        assert query.chat_instance
        await query.answer("Reserved")
        shown = {"answered": True, "text": "Reserved", "show_alert": False, "url": None}
        assert await press == shown


async def test_press_is_answered_once_and_in_time() -> None:
    async with local_telegram(callback_timeout=0.05) as local:
        sent = await local.bot.send_message(ANN, "Choose")
        assert await local.ann.clicks("x", message_id=sent.message_id) == {"answered": False}
        query = (await next_update(local)).callback_query
        assert query is not None
        for query_id in (query.id, "17"):
            with pytest.raises(TelegramBadRequest, match="query is too old and response timeout"):
                await local.bot.answer_callback_query(query_id)


async def test_second_answer_and_long_answer_are_refused() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        sent = await local.bot.send_message(ANN, "Choose")
        press = group.create_task(local.ann.clicks("x", message_id=sent.message_id))
        query = (await next_update(local)).callback_query
        assert query is not None
        with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
            await query.answer("x" * 201)
        with pytest.raises(TelegramBadRequest, match="URL_INVALID"):
            await query.answer(url="https://example.com")
        await query.answer(url="https://t.me/local_shop_bot?start=p_GAME")
        with pytest.raises(TelegramBadRequest, match="query ID is invalid"):
            await query.answer()
        assert (await press)["url"] == "https://t.me/local_shop_bot?start=p_GAME"


async def test_old_message_is_inaccessible_and_a_missing_one_cannot_be_pressed() -> None:
    async with local_telegram(callback_timeout=0.05) as local:
        await local.ann.clicks("x", message_id=7, inaccessible=True)
        query = (await next_update(local)).callback_query
        assert isinstance(query, CallbackQuery)
        assert isinstance(query.message, InaccessibleMessage)
        with pytest.raises(Refusal) as refusal:
            await local.ann.clicks("x", message_id=7)
        assert refusal.value.status == 404


async def test_leaving_ends_an_open_press() -> None:
    async with asyncio.timeout(5), local_telegram() as local, asyncio.TaskGroup() as group:
        sent = await local.bot.send_message(ANN, "Choose")
        press = group.create_task(local.ann.clicks("x", message_id=sent.message_id))
        await next_update(local)
        local.telegram.close()
        assert await press == {"answered": False}
