"""The bell: one ring wakes one waiter, and is not lost."""

import asyncio

from bot.bell import Bell

LONG = 5.0


async def woken_within(bell: Bell, seconds: float) -> bool:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bell.wait(seconds)
    return loop.time() - began < seconds


async def test_a_ring_before_the_wait_is_heard() -> None:
    bell = Bell()
    bell.ring()
    assert await woken_within(bell, LONG)


async def test_a_ring_during_the_wait_is_heard() -> None:
    bell = Bell()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(woken_within(bell, LONG))
        await asyncio.sleep(0)
        bell.ring()
    assert waiting.result()


async def test_without_a_ring_the_wait_ends_by_itself() -> None:
    assert not await woken_within(Bell(), 0.01)


async def test_many_rings_that_nobody_heard_are_one() -> None:
    bell = Bell()
    for _ in range(5):
        bell.ring()
    assert await woken_within(bell, LONG)
    assert not await woken_within(bell, 0.01)


async def test_a_ring_wakes_one_of_many() -> None:
    bell = Bell()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(woken_within(bell, 0.05)) for _ in range(8)]
        await asyncio.sleep(0)
        bell.ring()
    assert sum(task.result() for task in waiting) == 1


async def test_who_is_woken_can_wake_the_next() -> None:
    """As the lanes do: each that finds a message rings for the others."""
    bell = Bell()
    woken = []

    async def lane(number: int) -> None:
        await bell.wait(LONG)
        woken.append(number)
        bell.ring()

    async with asyncio.timeout(1), asyncio.TaskGroup() as tasks:
        for number in range(8):
            tasks.create_task(lane(number))
        await asyncio.sleep(0)
        bell.ring()
    assert woken == list(range(8))


async def test_who_gave_up_waiting_takes_no_ring_from_the_others() -> None:
    bell = Bell()
    assert not await woken_within(bell, 0.01)
    async with asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(bell.wait(LONG))
        stays = tasks.create_task(woken_within(bell, LONG))
        for _ in range(3):  # until they wait
            await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait({gone})
        bell.ring()
    assert stays.result()
