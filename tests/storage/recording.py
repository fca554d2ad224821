"""A chat that records what it is sent, and refuses what it is told to refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain import delivery
from domain.delivery import Alert, HandOver, OrderUpdate, Outgoing
from domain.messages import Delivery
from domain.rules import Rules
from tests.invariants import Sent
from tests.shop import NOW, RULES, Shop


@dataclass(frozen=True)
class Line:
    """A message, as far as a test looks at it."""

    about: Outgoing
    nth: int = 0


@dataclass
class Chat:
    """Sends keys `per_part` to a message; each error in `errors` meets one attempt to send."""

    per_part: int = 100
    errors: list[BaseException | None] = field(default_factory=list)
    sent: list[tuple[int, Line]] = field(default_factory=list)

    def compose(self, message: Outgoing) -> Sequence[Line]:
        keys = len(message.keys) if isinstance(message, HandOver) else 1
        return [Line(message, nth) for nth in range(-(-keys // self.per_part))]

    async def send(self, chat_id: int, part: Line) -> None:
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.sent.append((chat_id, part))

    def hand_overs(self) -> list[Sent]:
        """What was handed over, once for each message that began it."""
        return [
            Sent(chat_id, part.about.order.number, _plain(part.about))
            for chat_id, part in self.sent
            if isinstance(part.about, HandOver) and part.nth == 0
        ]

    def updates(self) -> list[OrderUpdate]:
        return [part.about for _, part in self.sent if isinstance(part.about, OrderUpdate)]

    def alerts(self) -> list[tuple[int, Alert]]:
        return [
            (chat_id, part.about) for chat_id, part in self.sent if isinstance(part.about, Alert)
        ]


def _plain(hand_over: HandOver) -> tuple[str, ...]:
    return tuple(key.secret.reveal() for key in hand_over.keys)


async def claimed(shop: Shop, now: datetime = NOW, rules: Rules = RULES) -> list[Delivery]:
    return await delivery.claim(shop.uow(), rules, now=now, limit=100)


async def delivers(
    shop: Shop, item: Delivery, chat: Chat, now: datetime = NOW, rules: Rules = RULES
) -> None:
    await delivery.deliver(shop.uow(), shop.vault, chat, item, rules, lambda: now)


async def works(shop: Shop, chat: Chat, now: datetime = NOW, rules: Rules = RULES) -> int:
    """One round of the worker: send all that is due; how many rows that were."""
    items = await claimed(shop, now, rules)
    for item in items:
        await delivers(shop, item, chat, now, rules)
    return len(items)


LATER = NOW + timedelta(days=1)
