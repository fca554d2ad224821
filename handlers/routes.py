"""Handlers found by name: commands by their word, buttons by their prefix, answers by dialog.

A chain of filters would be tried one after the other for every update; a table is not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiogram.dispatcher.event.handler import CallableObject
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message

from domain.customers import Customer, Permission
from domain.errors import DatabaseAway, DomainError, TransactionAborted
from handlers import errors
from handlers.middlewares import Throttle
from handlers.screen import send
from handlers.texts import Texts
from handlers.views.length import clip
from handlers.views.view import View

# Handlers take what they need by name, as aiogram's do, so that their signatures differ.
Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)
# Nothing was done: the update stays with Telegram and is taken again.
RETAKEN: Final = (DatabaseAway, TransactionAborted)
POPUP_LENGTH: Final = 200  # UTF-16 units; Telegram's limit
_TOO_OLD: Final = ("query is too old", "query ID is invalid")


@dataclass(frozen=True)
class Command:
    """A typed command: its word and what stands behind it, new lines included."""

    name: str
    args: str

    @classmethod
    def read(cls, text: str) -> "Command":
        word, _, _ = text.partition("\n")
        word = word.split(maxsplit=1)[0]
        return cls(word[1:].partition("@")[0].lower(), text[len(word) :].strip())


@dataclass(frozen=True)
class Popup:
    """An answer to a pressed button that has to be confirmed, for what went wrong."""

    text: str


@dataclass(frozen=True)
class _Entry:
    handler: CallableObject
    permission: Permission | None
    data: type[CallbackData] | None = None

    def open_to(self, customer: Customer) -> bool:
        return self.permission is None or customer.may(self.permission)


class Routes:
    """The tables. A feature has its own and includes them in its parent's."""

    def __init__(self) -> None:
        self._commands: dict[str, _Entry] = {}
        self._buttons: dict[str, _Entry] = {}
        self._answers: dict[str | None, _Entry] = {}
        self._fallback: CallableObject | None = None

    def command(self, *names: str, permission: Permission | None = None) -> Callable[[H], H]:
        """`async def handler(message, command, …)`, for admins where a permission is named."""

        def register(handler: H) -> H:
            for name in names:
                self._commands[name] = _Entry(CallableObject(handler), permission)
            return handler

        return register

    def button(
        self, data: type[CallbackData], *, permission: Permission | None = None
    ) -> Callable[[H], H]:
        """`async def handler(query, data, …) -> str | Popup | None`; what it returns is shown."""

        def register(handler: H) -> H:
            self._buttons[data.__prefix__] = _Entry(CallableObject(handler), permission, data)
            return handler

        return register

    def answer(self, state: State, *, permission: Permission | None = None) -> Callable[[H], H]:
        """`async def handler(message, state, …)`: what somebody typed or sent when asked."""

        def register(handler: H) -> H:
            self._answers[state.state] = _Entry(CallableObject(handler), permission)
            return handler

        return register

    def otherwise(self, handler: H) -> H:
        """Whatever is no command and answers no question."""
        self._fallback = CallableObject(handler)
        return handler

    def include(self, *others: "Routes") -> None:
        for other in others:
            self._commands |= other._commands
            self._buttons |= other._buttons
            self._answers |= other._answers
            self._fallback = other._fallback or self._fallback

    async def on_message(self, message: Message, **data: Any) -> None:
        """Every message from a private chat comes through here."""
        throttle: Throttle = data["throttle"]
        customer: Customer = data["customer"]
        if not await throttle.allows(customer.id):
            if await throttle.tells(customer.id):
                await send(data["bot"], message.chat.id, View(errors.too_fast(data["t"])))
            return
        try:
            await self._message(message, data)
        except RETAKEN:
            raise
        except DomainError as error:
            t: Texts = data["t"]
            await send(data["bot"], message.chat.id, View(errors.sentence(error, t)))

    async def on_button(self, query: CallbackQuery, **data: Any) -> None:
        """Every pressed button, whether it exists or was made up; each is answered, once."""
        t: Texts = data["t"]
        throttle: Throttle = data["throttle"]
        if not await throttle.allows(query.from_user.id):
            await _answer(query, str(errors.too_fast(t).striptags()), popup=True)
            return
        try:
            said = await self._button(query, data)
        except RETAKEN:
            raise
        except DomainError as error:
            said = Popup(str(errors.sentence(error, t).striptags()))
        text = said.text if isinstance(said, Popup) else said
        await _answer(query, text and clip(text, POPUP_LENGTH), popup=isinstance(said, Popup))

    async def _message(self, message: Message, data: dict[str, Any]) -> None:
        customer: Customer = data["customer"]
        state: FSMContext = data["state"]
        text = message.text or message.caption or ""
        if text.startswith("/") and len(text) > 1 and not text[1].isspace():
            await state.clear()
            command = Command.read(text)
            entry = self._commands.get(command.name)
            if entry is None or not entry.open_to(customer):
                await send(data["bot"], message.chat.id, View(errors.unknown_command(data["t"])))
                return
            await entry.handler.call(message, command=command, **data)
            return
        entry = self._answers.get(data["raw_state"]) if data["raw_state"] else None
        if entry is not None and entry.open_to(customer):
            await entry.handler.call(message, **data)
        elif self._fallback is not None:
            await self._fallback.call(message, **data)

    async def _button(self, query: CallbackQuery, data: dict[str, Any]) -> str | Popup | None:
        t: Texts = data["t"]
        raw = query.data or ""
        entry = self._buttons.get(raw.partition(":")[0])
        if entry is None or entry.data is None or not entry.open_to(data["customer"]):
            return Popup(errors.stale_button(t))
        try:
            unpacked = entry.data.unpack(raw)
        except (TypeError, ValueError):
            return Popup(errors.stale_button(t))
        said: str | Popup | None = await entry.handler.call(query, data=unpacked, **data)
        return said


async def _answer(query: CallbackQuery, text: str | None, *, popup: bool) -> None:
    """A press that waited for too long has nobody to be answered; what it asked for is done."""
    try:
        await query.answer(text, show_alert=popup)
    except TelegramBadRequest as error:
        if not any(words in error.message for words in _TOO_OLD):
            raise
