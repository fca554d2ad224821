"""Watching providers from this process: who is silent, whose signatures fail."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import aiohttp

from domain import alarms
from domain.alarms import Trouble, Watch
from domain.errors import DatabaseAway, TransactionAborted
from domain.ports import UnitOfWork


class Watches:
    """What is seen here goes to the admins, once."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], clock: Callable[[], datetime]) -> None:
        self._new_uow = new_uow
        self._clock = clock
        self._seen: defaultdict[str, Watch] = defaultdict(Watch)

    async def forged(self, provider: str) -> None:
        """A callback was refused for its signature."""
        now = self._clock()
        if self._seen[provider].forged(now):
            await self._raise(provider, Trouble.FORGED, now)

    async def failed(self, provider: str) -> None:
        """A question went without an answer."""
        now = self._clock()
        if self._seen[provider].failed(now):
            await self._raise(provider, Trouble.SILENT, now)

    async def answered(self, provider: str) -> None:
        if self._seen[provider].answered():
            await self._end(provider)

    async def _raise(self, provider: str, trouble: Trouble, now: datetime) -> None:
        try:
            await alarms.raise_once(self._new_uow(), provider, trouble, now=now)
        except (DatabaseAway, TransactionAborted):
            return  # the next one tries again

    async def _end(self, provider: str) -> None:
        try:
            await alarms.end(self._new_uow(), provider, Trouble.SILENT, now=self._clock())
        except (DatabaseAway, TransactionAborted):
            return


class Sessions:
    """A session for each provider over everybody's connections, with an eye on who answers."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._connector = await self._stack.enter_async_context(aiohttp.TCPConnector())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def new(self, provider: str) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            trace_configs=[_trace(provider, self._watches)],
        )
        self._stack.push_async_callback(session.close)
        return session


def _trace(provider: str, watches: Watches) -> aiohttp.TraceConfig:
    async def answered(
        _session: aiohttp.ClientSession, _: object, end: aiohttp.TraceRequestEndParams
    ) -> None:
        if end.response.status in _SILENT:
            await watches.failed(provider)
        else:
            await watches.answered(provider)

    async def failed(
        _session: aiohttp.ClientSession, _: object, __: aiohttp.TraceRequestExceptionParams
    ) -> None:
        await watches.failed(provider)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(answered)
    trace.on_request_exception.append(failed)
    return trace


_SILENT: Final = frozenset({408, 429, *range(500, 600)})
