"""Doing many things, so many at once."""

import asyncio
import time
from collections.abc import Awaitable, Iterable


async def a_second(jobs: Iterable[Awaitable[object]], *, lanes: int) -> float:
    """How many of the jobs are done in a second when `lanes` of them are under way at a time."""
    waiting = iter(jobs)
    done = 0

    async def lane() -> None:
        nonlocal done
        for job in waiting:
            await job
            done += 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(lane())
    return done / (time.perf_counter() - began)
