"""One person's private chat with the bot: its messages and how they change."""

from collections.abc import Callable, Iterable, Iterator

from bot.sandbox.events import Events
from bot.sandbox.people import Person
from bot.sandbox.signals import Signal
from bot.sandbox.wire import Json

# Older messages are forgotten; presses on them come as InaccessibleMessage.
MESSAGES_KEPT = 2_000


class Chat:
    """`revision` grows with every change, so that one can wait for the next."""

    def __init__(self, person: Person, events: Events, next_id: Callable[[], int]) -> None:
        self.person = person
        self.revision = 0
        self.changed = Signal()
        self.reply_keyboard: Json | None = None
        self._events = events
        self._next_id = next_id
        self._messages: dict[int, Json] = {}
        self._revisions: dict[int, int] = {}

    def __iter__(self) -> Iterator[Json]:
        return iter(list(self._messages.values()))

    def get(self, message_id: int) -> Json | None:
        return self._messages.get(message_id)

    def changed_since(self, revision: int) -> list[Json]:
        """Messages sent or edited after that revision, the latest change last."""
        recent = [(at, key) for key, at in self._revisions.items() if at > revision]
        return [self._messages[key] for _, key in sorted(recent)]

    def post(self, message: Json) -> Json:
        """Give the message its id and put it at the end."""
        message = {"message_id": self._next_id(), "chat": self.person.as_chat(), **message}
        self._keep(message)
        self._events.publish("message", person=self.person.id, message=message)
        return message

    def replace(self, message: Json) -> Json:
        """Put an edited message in the place of the one with its id."""
        self._keep(message)
        self._events.publish("edited", person=self.person.id, message=message)
        return message

    def remove(self, message_ids: Iterable[int]) -> None:
        gone = [key for key in message_ids if self._messages.pop(key, None) is not None]
        for key in gone:
            del self._revisions[key]
        if gone:
            self._advance()
            self._events.publish("deleted", person=self.person.id, message_ids=gone)

    def show_keyboard(self, markup: Json) -> None:
        """A reply keyboard, a forced reply or a removal: the chat's state, not a message's."""
        self.reply_keyboard = None if markup.get("remove_keyboard") else markup
        self._events.publish("keyboard", person=self.person.id, reply_markup=self.reply_keyboard)

    def _keep(self, message: Json) -> None:
        self._messages[message["message_id"]] = message
        self._revisions[message["message_id"]] = self.revision + 1
        if len(self._messages) > MESSAGES_KEPT:
            oldest = next(iter(self._messages))
            del self._messages[oldest], self._revisions[oldest]
        self._advance()

    def _advance(self) -> None:
        self.revision += 1
        self.changed.fire()
