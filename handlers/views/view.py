"""What a message is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiogram.filters.callback_data import CallbackData
from aiogram.types import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup
from markupsafe import Markup

Keyboard = Sequence[Sequence[InlineKeyboardButton]]


@dataclass(frozen=True)
class View:
    """A message: HTML text, rows of buttons, perhaps a photo (Telegram's file_id or PNG)."""

    text: Markup
    keyboard: Keyboard = ()
    photo: str | bytes | None = None

    @property
    def markup(self) -> InlineKeyboardMarkup | None:
        if not self.keyboard:
            return None
        return InlineKeyboardMarkup(inline_keyboard=[list(row) for row in self.keyboard if row])


def button(label: str, data: CallbackData, *, style: str | None = None) -> InlineKeyboardButton:
    """A button that calls back; `pack` refuses more than Telegram's 64 bytes."""
    return InlineKeyboardButton(text=label, callback_data=data.pack(), style=style)


def link(label: str, url: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=label, url=url)


def copy(label: str, text: str) -> InlineKeyboardButton:
    """A tap copies the text, of at most 256 characters."""
    return InlineKeyboardButton(text=label, copy_text=CopyTextButton(text=text))


def lines(*parts: Markup | str | None) -> Markup:
    """Paragraph lines; None is left out, an empty one leaves a gap."""
    return Markup("\n").join(part for part in parts if part is not None)


def paragraphs(parts: Iterable[Markup | None]) -> Markup:
    return Markup("\n\n").join(part for part in parts if part)
