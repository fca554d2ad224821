"""Background work: repeated, drained at the stop, and never lost in silence."""

import asyncio
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot import metrics
from bot.background import Background


class Steps:
    """A loop's step that counts itself; a wait for a number of them."""

    def __init__(self, background: Background, fails_first: int = 0) -> None:
        self.count = 0
        self._background = background
        self._fails_first = fails_first
        self._counted = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._counted:
            self.count += 1
            self._counted.notify_all()
        if self.count <= self._fails_first:
            raise ValueError("a bad day")
        await asyncio.sleep(0)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5), self._counted:
            await self._counted.wait_for(lambda: self.count >= count)


async def test_a_loop_repeats_until_the_stop() -> None:
    async with Background() as background:
        steps = Steps(background)
        background.loop(steps, name="steps")
        await steps.until(3)
    count = steps.count
    await asyncio.sleep(0)
    assert steps.count == count


async def test_a_failed_step_is_logged_counted_and_repeated() -> None:
    before = crashes("unlucky")
    with capture_logs() as events:
        async with Background() as background:
            steps = Steps(background, fails_first=1)
            background.loop(steps, name="unlucky")
            await steps.until(2)
    [event] = [event for event in events if event["log_level"] == "error"]
    assert (event["task"], event["exc_info"]) == ("unlucky", True)
    assert crashes("unlucky") == before + 1


async def test_the_pause_after_failures_grows_and_the_stop_cuts_it() -> None:
    with capture_logs() as events:
        async with Background() as background:
            steps = Steps(background, fails_first=2)
            background.loop(steps, name="unlucky")
            await steps.until(2)
    pauses = [event["pause"] for event in events if "pause" in event]
    assert pauses == [0.5, 1.0]


async def test_one_loops_failure_is_not_anothers() -> None:
    async with Background() as background:
        unlucky, steady = Steps(background, fails_first=1), Steps(background)
        background.loop(unlucky, name="unlucky")
        background.loop(steady, name="steady")
        await unlucky.until(1)
        await steady.until(10)


async def test_the_stop_waits_for_what_is_in_hand() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    done = []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        done.append("saved")

    background = Background()
    background.start(work(), name="import")
    await begun.wait()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(background.stop())
        await background.stopping.wait()
        may_end.set()
    assert done == ["saved"]


async def test_what_work_in_hand_starts_is_waited_for_too() -> None:
    """An import that ends in the drain rings for its alerts; the ring is work of its own."""
    background = Background()
    done = []

    async def ring() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append("rung")

    async def work() -> None:
        await background.stopping.wait()
        background.start(ring(), name="ring")

    background.start(work(), name="import")
    await background.stop()
    assert done == ["rung"]


async def test_what_takes_too_long_is_cut_off_and_named() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    background = Background(drain_seconds=0.01)
    background.start(work(), name="endless")
    await asyncio.sleep(0)
    with capture_logs() as events:
        await background.stop()
    assert ended == ["cleaned up"]
    assert [event["task"] for event in events] == ["endless"]


async def test_stopping_twice_is_stopping_once() -> None:
    async with Background() as background:
        background.loop(Steps(background), name="steps")
        await background.stop()


async def test_failed_work_is_logged_and_harms_nobody() -> None:
    before = crashes("import")

    async def work() -> None:
        raise ValueError("a bad day")

    with capture_logs() as events:
        async with Background() as background:
            background.start(work(), name="import")
    assert [event["task"] for event in events] == ["import"]
    assert crashes("import") == before + 1


async def test_a_pause_lasts_its_time() -> None:
    background = Background()
    began = asyncio.get_running_loop().time()
    await background.pause(0.02)
    assert asyncio.get_running_loop().time() - began >= 0.015


async def test_a_pause_ends_with_the_stop() -> None:
    background = Background()
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(background.pause(3600))
        await background.stop()


async def test_waiting_that_ends_first_has_its_result() -> None:
    async def answer() -> str:
        return "updates"

    assert await Background().unless_stopped(answer()) == "updates"


async def test_waiting_that_fails_says_so() -> None:
    async def fails() -> None:
        raise ValueError("no line")

    with pytest.raises(ValueError, match="no line"):
        await Background().unless_stopped(fails())


async def test_waiting_is_cut_by_the_stop() -> None:
    background = Background()
    cancelled = []

    async def wait() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "never"

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(background.unless_stopped(wait()))
        await asyncio.sleep(0)
        await background.stop()
    assert waiting.result() is None
    assert cancelled == [True]


def crashes(task: str) -> float:
    samples: Any = metrics.crashes.labels(task=task)  # prometheus_client types none of it
    return float(samples._value.get())


@pytest.fixture(autouse=True)
def _structlog_as_it_comes() -> None:
    structlog.reset_defaults()


async def test_what_takes_too_long_is_not_waited_for_however_it_ends() -> None:
    """Asked of a locked database, say, which lets go of it only later."""
    let_go = asyncio.Event()

    async def stubborn() -> bool:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await let_go.wait()
        return True

    async def quick() -> bool:
        return True

    async with Background() as background:
        async with asyncio.timeout(5):
            assert await background.within(0.01, stubborn()) is None
            assert await background.within(5, quick())
        let_go.set()


async def test_a_question_that_fails_says_so() -> None:
    async def fails() -> bool:
        raise ValueError("why")

    async with Background() as background:
        with pytest.raises(ValueError, match="why"):
            await background.within(5, fails())
