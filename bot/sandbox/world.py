"""The state that every part of the local Telegram shares."""

import itertools
import time
from collections.abc import Callable, Iterable

from bot.sandbox.chats import Chat
from bot.sandbox.errors import Refused
from bot.sandbox.events import Events
from bot.sandbox.files import Files
from bot.sandbox.limits import FloodLimits
from bot.sandbox.people import Person
from bot.sandbox.updates import Updates
from bot.sandbox.wire import Json


class World:
    """The bot, the people, their chats, and what waits for the bot."""

    def __init__(
        self,
        bot: Json,
        people: Iterable[Person],
        *,
        limits: FloodLimits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.bot = bot
        self.limits = limits
        self.events = Events()
        self.files = Files()
        # Telegram's ids grow over a bot's life; the time keeps them growing over restarts too.
        self.updates = Updates(first_id=int(now()))
        self.chats: dict[int, Chat] = {}
        self.origin = ""
        self._now = now
        self._message_ids = itertools.count(1)
        for person in people:
            self.add(person)

    @property
    def date(self) -> int:
        """Unix time, whole seconds, as in every Bot API object."""
        return int(self._now())

    def add(self, person: Person) -> None:
        if person.id in self.chats:
            raise Refused(f"There is already a person with the id {person.id}.")
        self.chats[person.id] = Chat(person, self.events, lambda: next(self._message_ids))
        self.events.publish("people")

    def chat(self, person_id: int) -> Chat:
        """Raises `Refused` (404) for an unknown person."""
        chat = self.chats.get(person_id)
        if chat is None:
            raise Refused(f"Nobody here has the id {person_id}.", 404)
        return chat

    def receive(self, chat: Chat, content: Json) -> Json:
        """A message from the person to the bot: kept in the chat and queued as an update."""
        if chat.person.blocked:
            raise Refused(f"{chat.person.first_name} has blocked the bot. Unblock it first.")
        return self.announce(chat, content)

    def announce(self, chat: Chat, content: Json) -> Json:
        """A message in the person's name that no block holds back: of money that has moved."""
        if not chat.person.started:
            chat.person.started = True
            self.events.publish("people")
        sender = {"from": chat.person.as_user(), "date": self.date}
        message = chat.post({**sender, **content})
        self.updates.add("message", chat.person.id, message)
        return message

    def close(self) -> None:
        """End every wait; the server is going down."""
        self.updates.changed.close()
        for chat in self.chats.values():
            chat.changed.close()
        self.events.close()
