"""The people who chat with the bot."""

from dataclasses import dataclass
from typing import Literal

from bot.sandbox.wire import Json, without_blanks

Role = Literal["buyer", "admin"]


@dataclass(slots=True)
class Person:
    """A Telegram account. `role` only labels it on the page; `stars` is its balance."""

    id: int
    first_name: str
    last_name: str = ""
    username: str | None = None
    language_code: str = "en"
    role: Role = "buyer"
    stars: int = 1000
    blocked: bool = False
    started: bool = False

    def as_user(self) -> Json:
        """A Bot API `User`."""
        names = {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "username": self.username,
            "language_code": self.language_code,
        }
        return {"id": self.id, "is_bot": False, **without_blanks(names)}

    def as_chat(self) -> Json:
        """The Bot API `Chat` of this person's private chat."""
        names = {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "username": self.username,
        }
        return {"id": self.id, **without_blanks(names), "type": "private"}
