"""A crowd's orders, several workers, and a kill every few messages."""

import random

from storage.tables import outbox
from tests.faults.process import Program
from tests.faults.records import hand_over_messages
from tests.faults.scene import BUYER, Scene
from tests.faults.waiting import until

ORDERS, WORKERS, KILLS = 60, 3, 8
# Its leases end early and often, so that a row may be claimed many times.
PATIENT = {"DELIVERY_MAX_ATTEMPTS": "100"}
FREE = outbox.c.status == "pending", outbox.c.lease_until.is_(None)
EVERY = ORDERS // (KILLS + 1)  # messages between two kills


async def test_f02_kills_in_a_crowd_lose_nothing(postgresql_scene: Scene) -> None:
    """Repeats are identical; `test_f01_what_is_marked_…` is this test's control."""
    scene = postgresql_scene
    variant = await scene.shop.stocked(keys=ORDERS * 2 + 10)
    placed = [await scene.sold(variant, 2, BUYER + nth) for nth in range(ORDERS)]
    scene.telegram.fault("slow", "sendMessage", count=ORDERS, seconds=0.1)
    workers = [await scene.runs("worker", **PATIENT) for _ in range(WORKERS)]
    for nth in range(1, KILLS + 1):
        await arrived(scene, nth * EVERY)
        await replaced(scene, workers)
    for worker in workers:
        await worker.kill()

    await scene.leases_end()
    await scene.runs("worker", **PATIENT)
    await scene.delivered(*placed, seconds=30)
    assert await scene.shop.rows(outbox, outbox.c.attempt_count > 1), "nothing was in hand"
    assert len({sent.number for sent in scene.hand_overs()}) == ORDERS
    await scene.everything_holds()


async def arrived(scene: Scene, count: int) -> None:
    """Wait for so many messages; what dead workers had in hand comes free when it has to."""

    async def are_there() -> bool:
        if not await scene.shop.rows(outbox, *FREE):
            await scene.leases_end()
        return sum(1 for _ in hand_over_messages(scene.telegram)) >= count

    await until(are_there, f"{count} messages have arrived")


async def replaced(scene: Scene, workers: list[Program]) -> None:
    """Kill one of them, whatever it is doing, and start another in its place."""
    victim = random.choice(workers)
    await victim.kill()
    workers.remove(victim)
    workers.append(await scene.starts("worker", **PATIENT))
