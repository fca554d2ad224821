"""The delivery side of the chat: renders what the outbox holds, sends it, names failures."""

import contextlib
from collections.abc import Iterator, Sequence

import aiohttp
from aiogram import Bot
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BufferedInputFile
from markupsafe import Markup

from domain import errors
from domain.delivery import Alert, HandOver, MoneyNotice, Outgoing
from handlers.texts import Texts, language_of, texts
from handlers.views import alerts, balance, goods, order
from handlers.views.methods import Ways
from handlers.views.part import EditPart, FilePart, Part, TextPart

_GONE = ("chat not found", "user not found", "PEER_ID_INVALID", "bot can't initiate")
_HTML_REFUSED = "can't parse entities"
# The message is gone, or shows this already: there is nothing left to do.
_NOTHING_TO_EDIT = ("message is not modified", "message to edit not found", "can't be edited")


class TelegramMessenger:
    def __init__(self, bot: Bot, ways: Ways) -> None:
        self._bot = bot
        self._ways = ways

    def compose(self, message: Outgoing) -> Sequence[Part]:
        """In the reader's language; the same parts for the same message."""
        reader = message.reader
        t: Texts = texts(language_of(reader.language, reader.telegram_language))
        if isinstance(message, HandOver):
            return goods.parts(message, t)
        if isinstance(message, Alert):
            return [TextPart(alerts.alert(message, t))]
        if isinstance(message, MoneyNotice):
            return [TextPart(balance.notice(message.order.number, message.facts, t))]
        if message.order.message_id is None:
            return []
        shown = order.Shown(message.order, message.attempt, message.claims)
        view = order.order(shown, self._ways, t)
        return [EditPart(message.order.message_id, view)]

    async def send(self, chat_id: int, part: Part) -> None:
        """Raises the errors under `NotSent`."""
        with _named():
            try:
                await self._send(chat_id, part)
            except TelegramBadRequest as error:
                if isinstance(part, EditPart) and _says(error, _NOTHING_TO_EDIT):
                    return
                if not isinstance(part, TextPart) or _HTML_REFUSED not in error.message:
                    raise
                await self._send_plain(chat_id, part)

    async def _send(self, chat_id: int, part: Part) -> None:
        match part:
            case TextPart(view):
                await self._bot.send_message(chat_id, view.text, reply_markup=view.markup)
            case FilePart(name, content, caption):
                file = BufferedInputFile(content, name)
                await self._bot.send_document(chat_id, file, caption=caption)
            case EditPart(message_id, view):
                await self._edit(chat_id, message_id, part)

    async def _edit(self, chat_id: int, message_id: int, part: EditPart) -> None:
        try:
            await self._bot.edit_message_text(
                part.view.text,
                chat_id=chat_id,
                message_id=message_id,
                reply_markup=part.view.markup,
            )
        except TelegramBadRequest as error:
            if "no text in the message" not in error.message:
                raise
            await self._bot.edit_message_caption(
                chat_id=chat_id,
                message_id=message_id,
                caption=part.view.text,
                reply_markup=part.view.markup,
            )

    async def _send_plain(self, chat_id: int, part: TextPart) -> None:
        """Better without its looks than not at all."""
        await self._bot.send_message(
            chat_id, _plain(part.view.text), parse_mode=None, reply_markup=part.view.markup
        )


@contextlib.contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except TelegramRetryAfter as error:
        raise errors.SlowDown(error.retry_after) from error
    except TelegramUnauthorizedError as error:
        raise errors.TokenRevoked from error
    except TelegramForbiddenError as error:
        raise errors.BlockedByBuyer from error
    except (TelegramServerError, TelegramNetworkError) as error:
        raise _away(error) from error
    except (TelegramBadRequest, TelegramNotFound) as error:
        if _says(error, _GONE):
            raise errors.ChatNotFound from error
        raise errors.Refused(error.message) from error


def _away(error: TelegramServerError | TelegramNetworkError) -> errors.TelegramAway:
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):  # refused, or no such host
        return errors.TelegramUnreachable()
    return errors.TelegramAway(type(error).__name__)


def _says(error: TelegramBadRequest | TelegramNotFound, fragments: Sequence[str]) -> bool:
    return any(fragment in error.message for fragment in fragments)


def _plain(html: Markup) -> str:
    """The text without its tags, line by line as it was."""
    return "\n".join(line.striptags() for line in html.split("\n"))
