"""What happens in the local Telegram, pushed to everyone who watches the page."""

import asyncio

from bot.sandbox.wire import Json

# A watcher that does not read loses the oldest events instead of filling the memory.
BACKLOG = 1_000


class Watcher:
    """One page's queue of events; `None` ends it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Json | None] = asyncio.Queue(BACKLOG)

    def put(self, event: Json | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    async def next(self) -> Json | None:
        return await self._queue.get()


class Events:
    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._closed = False

    def watch(self) -> Watcher:
        watcher = Watcher()
        self._watchers.add(watcher)
        if self._closed:
            watcher.put(None)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def publish(self, kind: str, **fields: object) -> None:
        for watcher in self._watchers:
            watcher.put({"type": kind, **fields})

    def close(self) -> None:
        self._closed = True
        for watcher in self._watchers:
            watcher.put(None)
