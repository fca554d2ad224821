"""What happened and the bot has not taken yet, in order."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.sandbox.signals import Signal
from bot.sandbox.wire import Json

# Telegram drops what a bot does not take for a day; here the oldest go beyond this many.
PENDING_KEPT = 100_000
# Kinds that Telegram sends only when `allowed_updates` names them (Bot API, getUpdates).
UNSOLICITED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(frozen=True, slots=True)
class Update:
    """`chat_id` keys the order in which a webhook gets them."""

    id: int
    chat_id: int
    body: Json


class Updates:
    """The queue behind getUpdates and the webhook; ids start at `first_id` and grow by one."""

    def __init__(self, first_id: int) -> None:
        self.changed = Signal()
        self.allowed: list[str] = []
        self._next_id = first_id
        self._pending: dict[int, Update] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, kind: str, chat_id: int, content: Json) -> None:
        """Queue it, unless the bot does not want this kind."""
        if not self._wanted(kind):
            return
        update_id, self._next_id = self._next_id, self._next_id + 1
        body = {"update_id": update_id, kind: content}
        self._pending[update_id] = Update(update_id, chat_id, body)
        if len(self._pending) > PENDING_KEPT:
            del self._pending[next(iter(self._pending))]
        self.changed.fire()

    def allow(self, kinds: list[str] | None) -> None:
        """Remember what the bot wants; None keeps what it wanted before."""
        if kinds is not None:
            self.allowed = kinds

    def waiting(self) -> list[Update]:
        return list(self._pending.values())

    def first_of_each_chat(self, busy: Iterable[int]) -> list[Update]:
        """The oldest update of every chat that is not busy."""
        seen = set(busy)
        first = []
        for update in self._pending.values():
            if update.chat_id not in seen:
                seen.add(update.chat_id)
                first.append(update)
        return first

    def confirm_before(self, offset: int) -> None:
        """Forget everything older; a negative offset keeps that many of the newest."""
        keys = list(self._pending)
        gone = keys[:offset] if offset < 0 else [key for key in keys if key < offset]
        for key in gone:
            del self._pending[key]

    def discard(self, update_id: int) -> None:
        self._pending.pop(update_id, None)

    def clear(self) -> None:
        self._pending.clear()

    def _wanted(self, kind: str) -> bool:
        return kind in self.allowed if self.allowed else kind not in UNSOLICITED
