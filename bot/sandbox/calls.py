"""The log of the bot's calls, for the page and for tests."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from bot.sandbox.wire import Json

CALLS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `at` in Unix time, `ms` how long it took.

    What went out in a call may hold keys, so `params` stay out of the repr.
    """

    n: int
    method: str
    params: Json = field(repr=False)
    ok: bool
    error_code: int | None
    description: str
    ms: float
    at: float

    def as_json(self) -> Json:
        return asdict(self)


class Calls:
    """The newest calls, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._count = 0

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._kept))

    def next_number(self) -> int:
        self._count += 1
        return self._count

    def add(self, call: Call) -> None:
        self._kept.append(call)

    def after(self, number: int) -> list[Call]:
        return [call for call in self._kept if call.n > number]
