"""Types of what goes over the wire."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.sandbox.params import Params

# Bot API objects are open-ended JSON: which keys they hold depends on the method and the message.
Json = dict[str, Any]

Method = Callable[["Params"], Awaitable[object]]
Methods = dict[str, Method]


def without_blanks(fields: Json) -> Json:
    """Telegram leaves out what is empty or false instead of sending it."""
    return {key: value for key, value in fields.items() if value not in (None, "", False, [])}
