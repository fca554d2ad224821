"""Several workers, a poisoned row, an orderly stop."""

from collections import Counter

import sqlalchemy as sa

from domain.checkout import Placed
from domain.orders import OrderException
from storage.tables import card_keys, key_batches
from tests.faults.process import DEADLINE
from tests.faults.scene import BUYER, OWNER, Scene
from tests.faults.waiting import until

IMPORTED = 60_000  # keys; two transactions
FILE = "many.txt"


async def test_f14_two_workers_and_one_row_have_one_winner(scene: Scene) -> None:
    """Two processes on PostgreSQL; on SQLite, which takes one, the lanes of it."""
    for _ in range(1 if scene.on_sqlite else 2):
        await scene.runs("worker")
    placed = await crowded(scene)
    await scene.delivered(*placed)
    assert set(Counter(sent.number for sent in scene.hand_overs()).values()) == {1}
    await scene.everything_holds()


async def test_f14_without_a_lease_a_row_is_sent_by_several(scene: Scene) -> None:
    """The control: what is claimed is free again at once."""
    await scene.runs_changed("no-lease")
    placed = await crowded(scene)
    await scene.delivered(*placed)
    assert len(scene.hand_overs()) > len(placed)


async def crowded(scene: Scene) -> list[Placed]:
    """Orders whose messages take so long that every worker looks meanwhile."""
    variant = await scene.shop.stocked(keys=30)
    crowd = range(BUYER, BUYER + 10)
    for buyer in crowd:
        scene.telegram.fault("slow", "sendMessage", seconds=1.2, chat_id=buyer)
    return [await scene.sold(variant, 1, buyer) for buyer in crowd]


async def test_f16_a_stop_finishes_what_is_in_hand(scene: Scene) -> None:
    """Deliveries under way are marked, an import goes on to its end, the exit is clean."""
    variant = await scene.shop.stocked(keys=10)
    program = await scene.runs()
    for nth in range(4):
        scene.telegram.fault("slow", "sendMessage", seconds=2, chat_id=BUYER + nth)
    placed = [await scene.sold(variant, 1, BUYER + nth) for nth in range(4)]
    await scene.fault_has_struck()
    await begins_an_import(scene)
    status, seconds = await program.terminate()
    assert (status, seconds < DEADLINE) == (0, True)

    rows = [await scene.goods(one) for one in placed]
    assert [(row["status"], row["lease_until"]) for row in rows] == [("sent", None)] * 4
    [batch] = await scene.shop.rows(key_batches, key_batches.c.source == FILE)
    assert batch["finished_at"] is not None
    assert (await scene.shop.stock()).available == IMPORTED + 6
    assert len(scene.hand_overs()) == 4
    await scene.everything_holds()


async def test_f16_a_stop_does_not_wait_for_ever(sqlite_scene: Scene) -> None:
    """A message without an answer is cut off in time, and sent by the next start."""
    scene = sqlite_scene
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    scene.telegram.fault("hang", "sendMessage", chat_id=BUYER)
    program = await scene.runs()
    await scene.fault_has_struck()
    status, seconds = await program.terminate()
    assert (status, seconds < DEADLINE) == (0, True)

    await scene.runs("worker")
    await scene.leases_end()
    await scene.delivered(placed)
    assert len(scene.hand_overs()) == 1
    await scene.everything_holds()


async def begins_an_import(scene: Scene) -> None:
    content = "".join(f"IMPORTED-{nth:08}\n" for nth in range(IMPORTED)).encode()
    await scene.person(OWNER).uploads(FILE, content, caption="/import GAME")
    under_way = key_batches.c.source == FILE
    [batch] = await until(lambda: scene.shop.rows(key_batches, under_way), "the import begins")
    assert batch["finished_at"] is None


async def test_f18_a_row_that_takes_its_worker_down_is_set_aside(scene: Scene) -> None:
    """Two workers die of it; the third goes on without it, and tells the owner."""
    variant = await scene.shop.stocked(keys=10)
    poison = await scene.sold(variant)
    for nth in range(1, 3):
        other = await scene.sold(variant, 1, BUYER + nth)
        scene.telegram.fault("hang", "sendMessage", chat_id=BUYER)
        program = await scene.runs("worker", DELIVERY_MAX_ATTEMPTS="2")
        await scene.delivered(other)
        await scene.fault_has_struck()
        await program.kill()
        await scene.leases_end()
    await scene.runs("worker", DELIVERY_MAX_ATTEMPTS="2")
    await is_before_a_person(scene, poison)
    await scene.everything_holds()


async def test_f18_a_key_that_does_not_open_holds_up_nobody_else(scene: Scene) -> None:
    variant = await scene.shop.stocked(keys=10)
    poison, sound = await scene.sold(variant), await scene.sold(variant, 1, BUYER + 1)
    [key] = await scene.shop.rows(card_keys, card_keys.c.order_id == poison.order.id)
    await overwritten(scene, key["id"], bytes(len(key["sealed"])))
    program = await scene.runs("worker", DELIVERY_MAX_ATTEMPTS="2")
    await scene.delivered(sound)
    for nth in range(1, 3):
        await program.logged("step failed", times=nth)
        await scene.leases_end()
    await is_before_a_person(scene, poison)
    await overwritten(scene, key["id"], key["sealed"])
    await scene.everything_holds()


async def overwritten(scene: Scene, key_id: int, sealed: bytes) -> None:
    one = sa.update(card_keys).where(card_keys.c.id == key_id)
    await scene.shop.executes(one.values(sealed=sealed))


async def is_before_a_person(scene: Scene, placed: Placed) -> None:
    await scene.person(OWNER).reads(f"Order {placed.order.number}: not delivered", timeout=15)
    assert (await scene.shop.order(placed)).exception is OrderException.UNDELIVERABLE
    assert (await scene.goods(placed))["status"] == "failed"
