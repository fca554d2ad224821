"""Waking the worker the moment there is something to send, instead of letting it look."""

import asyncio
import contextlib


class Bell:
    """Wakes one waiter a ring, so that not all of them run for one message."""

    def __init__(self) -> None:
        self._rings = asyncio.Semaphore(0)

    def ring(self) -> None:
        if self._rings.locked():
            self._rings.release()

    async def wait(self, seconds: float) -> None:
        """Until the next ring, and no longer than this."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rings.acquire(), seconds)
