"""Putting a view on the screen: a new message, or the old one changed in place."""

import contextlib

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, CallbackQuery, InputMediaPhoto, Message

from handlers.views.view import View

_UNCHANGED = "message is not modified"


async def send(bot: Bot, chat_id: int, view: View) -> Message:
    """A new message."""
    if view.photo is None:
        return await bot.send_message(chat_id, view.text, reply_markup=view.markup)
    return await bot.send_photo(
        chat_id, _photo(view.photo), caption=view.text, reply_markup=view.markup
    )


async def show(query: CallbackQuery, view: View) -> Message:
    """The pressed button's message, changed; a new one where the old cannot be."""
    bot, message = query.bot, query.message
    if bot is None:
        msg = "the query came without its bot"
        raise RuntimeError(msg)
    if not isinstance(message, Message):
        return await send(bot, query.from_user.id, view)
    try:
        return await _change(message, view)
    except TelegramBadRequest as error:
        if _UNCHANGED in error.message:
            return message
        return await send(bot, message.chat.id, view)


async def _change(message: Message, view: View) -> Message:
    if bool(message.photo) != bool(view.photo):
        # Telegram does not turn a text into a photo or back.
        fresh = await send(_bot(message), message.chat.id, view)
        with contextlib.suppress(TelegramBadRequest):  # too old to be deleted: it stays
            await message.delete()
        return fresh
    if view.photo is None:
        changed = await message.edit_text(view.text, reply_markup=view.markup)
    else:
        media = InputMediaPhoto(media=_photo(view.photo), caption=view.text)
        changed = await message.edit_media(media, reply_markup=view.markup)
    return changed if isinstance(changed, Message) else message


def _bot(message: Message) -> Bot:
    if message.bot is None:
        msg = "the message came without its bot"
        raise RuntimeError(msg)
    return message.bot


def _photo(photo: str | bytes) -> str | BufferedInputFile:
    return photo if isinstance(photo, str) else BufferedInputFile(photo, "picture.png")
