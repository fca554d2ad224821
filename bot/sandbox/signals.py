"""Waiting for the next change without polling for it."""

import asyncio
import time
from collections.abc import Callable

# How often a wait looks whether the one who asked is still there, seconds.
HEARTBEAT = 0.25


class Signal:
    """Wakes everybody who waits for the next change."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.closed = False

    def fire(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    def close(self) -> None:
        """Nobody waits from now on: the server is going down."""
        self.closed = True
        self.fire()

    async def wait(self) -> None:
        """Return at the next change."""
        if not self.closed:
            await self._next.wait()

    async def until(
        self, ready: Callable[[], bool], *, seconds: float, gone: Callable[[], bool]
    ) -> None:
        """Return when it is ready, when the time is up, or when the one who asked is gone."""
        deadline = time.monotonic() + seconds
        while not (ready() or gone() or self.closed):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await self._pause(min(left, HEARTBEAT))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return
