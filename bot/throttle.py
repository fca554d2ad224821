"""Keeping one person from keeping the shop busy."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# Nobody presses faster for long; scripts do.
BURST: Final = 30  # updates at once
A_SECOND: Final = 3.0  # in the long run
TOLD_A_SECOND: Final = 0.1  # how often somebody is told to slow down
_PEOPLE_KEPT: Final = 10_000


class LocalThrottle:
    """Buckets of tokens for each person, in this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: OrderedDict[tuple[str, int], tuple[float, float]] = OrderedDict()

    async def allows(self, person_id: int) -> bool:
        return self._take(("update", person_id), BURST, A_SECOND)

    async def tells(self, person_id: int) -> bool:
        return self._take(("told", person_id), 1, TOLD_A_SECOND)

    def _take(self, name: tuple[str, int], burst: float, a_second: float) -> bool:
        now = self._now()
        left, at = self._buckets.pop(name, (burst, now))
        left = min(burst, left + (now - at) * a_second)
        taken = left >= 1
        self._buckets[name] = (left - 1 if taken else left, now)
        if len(self._buckets) > _PEOPLE_KEPT:
            self._buckets.popitem(last=False)
        return taken
