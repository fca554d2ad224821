"""Providers that fall silent, and signatures that fail: told of once, and when it is over."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.messages import Note, Topic
from domain.ports import UnitOfWork
from domain.transactions import retried

SILENT_COUNT: Final = 5  # failures in a row …
SILENT_FOR: Final = timedelta(minutes=2)  # … over at least so long
AGAIN: Final = timedelta(days=1)  # while it lasts
FORGED_COUNT: Final = 10  # failed signatures …
FORGED_WITHIN: Final = timedelta(minutes=10)  # … within so long


class Trouble(StrEnum):
    SILENT = "silent"  # it does not answer
    FORGED = "forged"  # callbacks whose signatures fail


@dataclass
class Watch:
    """What one process has seen of a provider; in memory, so that a flood of forgeries costs
    nothing. Whether it was told of already is in the database.
    """

    failing_since: datetime | None = None
    failure_count: int = 0
    forgeries: deque[datetime] = field(default_factory=lambda: deque(maxlen=FORGED_COUNT))
    has_answered: bool = False

    def failed(self, now: datetime) -> bool:
        """A question without an answer; True when that makes it silent."""
        self.failing_since = self.failing_since or now
        self.failure_count += 1
        long = now - self.failing_since >= SILENT_FOR
        return long and self.failure_count >= SILENT_COUNT

    def answered(self) -> bool:
        """True when it had not, or not to this process: a silence may have begun before it."""
        new = self.failing_since is not None or not self.has_answered
        self.failing_since, self.failure_count, self.has_answered = None, 0, True
        return new

    def forged(self, now: datetime) -> bool:
        """A signature that fails; True when there are many."""
        self.forgeries.append(now)
        return len(self.forgeries) == FORGED_COUNT and now - self.forgeries[0] <= FORGED_WITHIN


@retried
async def raise_once(uow: UnitOfWork, provider: str, trouble: Trouble, *, now: datetime) -> bool:
    """Tell the admins, unless they have been told of it within a day. Whether they were."""
    async with uow:
        first = await uow.alarms.raise_(provider, trouble, now, unless_since=now - AGAIN)
        if first:
            facts: dict[str, str | int] = {"provider": provider, "trouble": trouble}
            await uow.outbox.add(Note(Topic.PROVIDER, facts=facts), now)
            await uow.commit()
    return first


@retried
async def end(uow: UnitOfWork, provider: str, trouble: Trouble, *, now: datetime) -> bool:
    """It is over, where it was told of. Whether it was."""
    async with uow:
        was = await uow.alarms.end(provider, trouble)
        if was:
            facts: dict[str, str | int] = {"provider": provider, "trouble": trouble, "over": 1}
            await uow.outbox.add(Note(Topic.PROVIDER, facts=facts), now)
            await uow.commit()
    return was
