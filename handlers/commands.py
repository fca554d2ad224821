"""The buyers' commands, as Telegram's menu and /help list them."""

from collections.abc import Callable
from typing import Final

from aiogram.types import BotCommand

from handlers.texts import Texts

_COMMANDS: Final[dict[str, Callable[[Texts], str]]] = {
    "start": lambda t: t.label("Begin"),
    "catalog": lambda t: t.label("What is for sale"),
    "orders": lambda t: t.label("My orders and their keys"),
    "order": lambda t: t.label("Open an order by its number"),
    "balance": lambda t: t.label("Your balance, and how to fill it"),
    "language": lambda t: t.label("Choose the language"),
    "support": lambda t: t.label("Ask a person"),
    "paysupport": lambda t: t.label("Help with a payment"),
    "terms": lambda t: t.label("Terms of sale"),
    "help": lambda t: t.label("All commands"),
    "cancel": lambda t: t.label("Leave the current question"),
}


def commands(t: Texts) -> list[BotCommand]:
    """For `setMyCommands` in one language."""
    return [BotCommand(command=name, description=says(t)) for name, says in _COMMANDS.items()]
