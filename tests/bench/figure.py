"""Figures: what each measures, against what, and how the numbers are taken."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tests.bench import pgbench
from tests.bench.bench import Bench


@dataclass(frozen=True)
class Pair:
    """A value and its limit, in the figure's unit."""

    value: float
    limit: float


Measure = Callable[[], Awaitable[float]]
Figured = Callable[[Bench], Coroutine[Any, Any, Pair]]


@dataclass(frozen=True)
class Figure:
    """`limit_is` says what was measured beside it; `needs` what it cannot do without."""

    name: str
    unit: str
    limit_is: str
    needs: frozenset[str]
    measure: Figured

    def missing(self, bench: Bench) -> str:
        """Why it cannot be measured here; empty when it can."""
        if "postgres" in self.needs and bench.server is None:
            return "needs TEST_DATABASE_URL"
        if "pgbench" in self.needs and pgbench.program() is None:
            return "needs pgbench, of PostgreSQL's own programs"
        if "large" in self.needs and not bench.large:
            return "needs --large: many minutes, and gigabytes of disk"
        return ""


ALL: Final[dict[str, Figure]] = {}


def figure(unit: str, limit_is: str, *needs: str) -> Callable[[Figured], Figured]:
    """Register a figure under its function's name."""

    def register(measure: Figured) -> Figured:
        name = measure.__name__
        ALL[name] = Figure(name, unit, limit_is, frozenset(needs), measure)
        return measure

    return register


async def alternating(bench: Bench, value: Measure, limit: Measure) -> Pair:
    """The medians of both, taken in turn: what else the machine does meets both alike."""
    values, limits = [], []
    for _ in range(bench.size.runs):
        values.append(await value())
        limits.append(await limit())
    return Pair(median(values), median(limits))
