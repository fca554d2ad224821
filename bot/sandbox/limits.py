"""Telegram's flood limits (telegram.org: "My bot is hitting limits, how do I avoid this?")."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.errors import too_many_requests

OVERALL_PER_SECOND = 30
PER_CHAT_PER_SECOND = 1
PER_CHAT_BURST = 5


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at `rate` a second, up to `burst`."""

    rate: float
    burst: float
    tokens: float
    at: float

    def refill(self, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now

    @property
    def wait(self) -> float:
        """Seconds until there is a whole token."""
        return max(0.0, (1 - self.tokens) / self.rate)


class FloodLimits:
    """Counts messages, not edits or answers. Raises 429 before the message has any effect."""

    def __init__(self, clock: Callable[[], float], *, enforced: bool) -> None:
        self._clock = clock
        self._enforced = enforced
        self._overall = self._bucket(OVERALL_PER_SECOND, OVERALL_PER_SECOND)
        self._chats: dict[int, Bucket] = {}

    def take(self, chat_id: int, count: int = 1) -> None:
        if not self._enforced:
            return
        chat = self._chats.setdefault(chat_id, self._bucket(PER_CHAT_PER_SECOND, PER_CHAT_BURST))
        buckets = (self._overall, chat)
        for bucket in buckets:
            bucket.refill(self._clock())
        wait = max(bucket.wait for bucket in buckets)
        if wait > 0:
            raise too_many_requests(max(1, math.ceil(wait)))
        for bucket in buckets:
            # An album may take more than there is: the chat then waits longer.
            bucket.tokens -= count

    def _bucket(self, rate: float, burst: float) -> Bucket:
        return Bucket(rate, burst, tokens=burst, at=self._clock())
