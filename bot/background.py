"""The one place that starts tasks: loops that never end, and work that outlives its update."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import structlog

from bot import metrics

log = structlog.get_logger(__name__)

T = TypeVar("T")

DRAIN_SECONDS: Final = 12.0  # with the web's 5 within the 20 s that a stop may take
_LONGEST_PAUSE: Final = 30.0


class Background:
    """Runs work until it is told to stop; then lets what is in hand finish, within a deadline."""

    def __init__(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        self._drain_seconds = drain_seconds
        self._tasks: set[asyncio.Task[Any]] = set()
        self.stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.stop()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Work with an end, such as an import. What goes wrong in it is logged."""
        self._run(self._guarded(work, name), name)

    def loop(self, step: Callable[[], Awaitable[object]], *, name: str) -> None:
        """Repeat a step until the stop; one that fails is repeated after a growing pause."""
        self._run(self._forever(step, name), name)

    async def stop(self) -> None:
        """Finish what is in hand, and cancel what takes too long: nothing is lost by it."""
        self.stopping.set()
        deadline = asyncio.get_running_loop().time() + self._drain_seconds
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        late = set(self._tasks)
        for task in late:
            log.warning("cut off at the stop", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def pause(self, seconds: float) -> None:
        """Sleep, but not through the stop."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The work's result, or None when the stop came first: for waiting that may be cut."""
        task = asyncio.create_task(work)  # noqa: TID251 - this is the place
        stop = asyncio.create_task(self.stopping.wait())  # noqa: TID251 - as above
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            stop.cancel()
            task.cancel()
            await asyncio.wait({task, stop})

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T | None:
        """The work's result, or None when it takes longer: then it ends without being waited for,
        as a database may take its time to let go of a question.
        """
        task = self._run(work, "a question")
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return task.result()
        task.cancel()
        return None

    def _run(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)  # noqa: TID251 - this is the place
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:  # the edge: whatever it is, it is logged and counted
            metrics.crashes.labels(task=name).inc()
            log.exception("background work failed", task=name)

    async def _forever(self, step: Callable[[], Awaitable[object]], name: str) -> None:
        seconds = 0.5
        while not self.stopping.is_set():
            try:
                await step()
                seconds = 0.5
            except Exception:  # as above; the loop goes on
                metrics.crashes.labels(task=name).inc()
                log.exception("a loop's step failed", task=name, pause=seconds)
                await self.pause(seconds)
                seconds = min(seconds * 2, _LONGEST_PAUSE)
