"""One message that tells how far some work is, and in the end what became of it."""

import asyncio
import contextlib
import time
from typing import Final

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest
from aiogram.types import Message, ReplyParameters

from handlers import screen
from handlers.views.view import View

BETWEEN: Final = 2.0  # seconds from one change to the next, at least
_PAUSES: Final = (1.0, 3.0, 10.0)  # seconds, before an ending is tried again


class Notice:
    """Shows the same message anew. An edit does no harm when it is repeated, so that exactly one
    message carries the ending, however often Telegram does not answer.
    """

    def __init__(self, bot: Bot, message: Message) -> None:
        self._bot = bot
        self._message = message
        self._shown_at = time.monotonic()

    @classmethod
    async def below(cls, message: Message, view: View, bot: Bot) -> "Notice":
        """A new message, as an answer to another."""
        reply = ReplyParameters(message_id=message.message_id, allow_sending_without_reply=True)
        chat_id = message.chat.id
        sent = await bot.send_message(
            chat_id, view.text, reply_markup=view.markup, reply_parameters=reply
        )
        return cls(bot, sent)

    async def progress(self, view: View) -> None:
        """Now and then; a change that Telegram does not take is left out."""
        if time.monotonic() - self._shown_at < BETWEEN:
            return
        with contextlib.suppress(TelegramAPIError):
            await self._show(view)
        self._shown_at = time.monotonic()

    async def end(self, view: View) -> None:
        """The outcome; as a new message where the old one is gone."""
        for pause in (*_PAUSES, None):
            try:
                await self._show(view)
                return
            except TelegramBadRequest as error:
                if "message is not modified" in error.message:
                    return
                break
            except TelegramAPIError:
                if pause is not None:
                    await asyncio.sleep(pause)
        await screen.send(self._bot, self._message.chat.id, view)

    async def _show(self, view: View) -> None:
        await self._bot.edit_message_text(
            view.text,
            chat_id=self._message.chat.id,
            message_id=self._message.message_id,
            reply_markup=view.markup,
        )
