"""Waiting for what another process is about to do."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar, overload

T = TypeVar("T")

_LOOK: Final = 0.02  # seconds between two looks: nobody tells of another process's doings


@overload
async def until(
    look: Callable[[], Coroutine[Any, Any, T]], what: str, seconds: float = ...
) -> T: ...
@overload
async def until(look: Callable[[], T], what: str, seconds: float = ...) -> T: ...
async def until(look: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """What `look` gives, now or when awaited, as soon as that is true.

    Raises AssertionError, which says what did not come.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        seen = await found if inspect.isawaitable(found) else found
        if seen:
            return seen
        assert time.monotonic() < deadline, f"it did not come within {seconds} s: {what}"
        await asyncio.sleep(_LOOK)
