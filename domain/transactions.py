"""Running a use case again when the database asks for it."""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, TypeVar

from domain.errors import TransactionAborted

P = ParamSpec("P")
R = TypeVar("R")

TRIES: Final = 6
FIRST_PAUSE: Final = 0.02  # seconds; doubled each time, with jitter


def retried(use_case: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Repeat a use case whose transaction was rolled back by a deadlock or a lost connection.

    Nothing was written then, so that the whole of it is safe to run again.
    """

    @functools.wraps(use_case)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        pause = FIRST_PAUSE
        for _ in range(TRIES - 1):
            try:
                return await use_case(*args, **kwargs)
            except TransactionAborted:
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause *= 2
        return await use_case(*args, **kwargs)

    return run
