"""The program dies by SIGKILL: before it commits, before it sends, after it has sent."""

import asyncio

import aiohttp
import pytest

from domain.checkout import Placed
from domain.orders import OrderStatus
from storage.tables import ledger, orders, outbox, payments
from tests.faults.changed_program import HALTED
from tests.faults.locks import locked
from tests.faults.process import Program
from tests.faults.scene import BUYER, Scene, now
from tests.faults.waiting import until
from tests.storage.sessions import until_waiting


async def test_f01_kill_between_commit_and_send(scene: Scene) -> None:
    placed = await killed_while_sending(scene, await scene.runs())
    row = await scene.goods(placed)
    assert row["status"] == "pending"
    assert row["lease_until"] > now()

    await scene.runs()
    assert scene.hand_overs() == []
    await scene.leases_end()
    await scene.delivered(placed)
    assert len(scene.hand_overs(BUYER)) == 1
    await scene.everything_holds()


async def test_f01_what_is_marked_before_it_is_sent_is_lost(scene: Scene) -> None:
    """The control: the same death in a shop that marks first."""
    placed = await killed_while_sending(scene, await scene.runs_changed("marks-first"))
    assert (await scene.goods(placed))["status"] == "sent"
    with pytest.raises(AssertionError, match="never arrived"):
        await scene.everything_holds()


async def killed_while_sending(scene: Scene, program: Program) -> Placed:
    """The order is paid by a callback; Telegram takes the message's connection, and no more."""
    placed = await scene.places(await scene.shop.stocked(keys=10), quantity=2)
    scene.telegram.fault("hang", "sendMessage", chat_id=BUYER)
    assert await scene.calls_back(placed) == (200, "success")
    await scene.fault_has_struck()
    await program.kill()
    return placed


async def test_f02_kill_between_send_and_mark(scene: Scene) -> None:
    """Nobody can know whether it arrived, so that it is sent once more, the same."""
    placed = await scene.sold(await scene.shop.stocked(keys=10), quantity=3)
    scene.telegram.fault("slow", "sendMessage", seconds=1, chat_id=BUYER)
    program = await scene.runs("worker")
    await scene.fault_has_struck()
    async with locked(scene.shop, outbox, outbox.c.order_id == placed.order.id):
        await until(lambda: scene.hand_overs(BUYER), "the keys have arrived")
        await program.kill()
    assert (await scene.goods(placed))["status"] == "pending"

    await scene.runs("worker")
    await scene.leases_end()
    await scene.delivered(placed)
    first, second = scene.hand_overs(BUYER)
    assert first == second
    await scene.everything_holds()


async def test_f03_kill_before_commit(scene: Scene) -> None:
    placed = await scene.places(await scene.shop.stocked(keys=10), quantity=2)
    program = await scene.runs("web")
    async with (
        locked(scene.shop, orders, orders.c.id == placed.order.id),
        asyncio.TaskGroup() as group,
    ):
        call = group.create_task(answered(scene, placed))
        await until(lambda: scene.platform.asked[-1][0] == "api.php", "the callback is believed")
        if not scene.on_sqlite:
            await until_waiting(scene.shop)
        await program.kill()
    assert call.result() is None
    await is_unsold(scene, placed)

    await scene.runs()
    await completed_by_a_repeat(scene, placed)


@pytest.mark.parametrize("moment", ["halts-at-record", "halts-at-commit"])
async def test_f40_kill_between_payment_recorded_and_order_paid(scene: Scene, moment: str) -> None:
    """There is no such state: either all of it is there afterwards, or nothing."""
    placed = await scene.places(await scene.shop.stocked(keys=10), quantity=2)
    await killed_at_a_halt(scene, placed, moment)
    await is_unsold(scene, placed)
    assert await scene.shop.rows(ledger) == []
    await scene.everything_holds()

    await scene.runs()
    await completed_by_a_repeat(scene, placed)


async def test_f40_a_payment_committed_by_itself_is_lost(scene: Scene) -> None:
    """The control: two transactions instead of one, and the callback's repeat mends nothing."""
    placed = await scene.places(await scene.shop.stocked(keys=10), quantity=2)
    await killed_at_a_halt(scene, placed, "commits-at-record")
    assert await scene.shop.rows(payments)

    await scene.runs()
    assert await scene.calls_back(placed) == (200, "success")
    assert await scene.status(placed) is OrderStatus.PENDING
    with pytest.raises(AssertionError, match="I3"):
        await scene.everything_holds()


async def killed_at_a_halt(scene: Scene, placed: Placed, moment: str) -> None:
    program = await scene.runs_changed(moment)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(answered(scene, placed))
        await program.logged(HALTED)
        await program.kill()
    assert call.result() is None


async def answered(scene: Scene, placed: Placed) -> tuple[int, str] | None:
    """The shop's answer to the callback; None when the shop died over it."""
    try:
        return await scene.calls_back(placed)
    except aiohttp.ClientError:
        return None


async def is_unsold(scene: Scene, placed: Placed) -> None:
    assert await scene.status(placed) is OrderStatus.PENDING
    assert await scene.shop.rows(payments) == []
    assert (await scene.shop.stock()).sold == 0
    assert scene.hand_overs() == []


async def completed_by_a_repeat(scene: Scene, placed: Placed) -> None:
    assert await scene.calls_back(placed) == (200, "success")
    await scene.delivered(placed)
    assert len(scene.hand_overs(BUYER)) == 1
    await scene.everything_holds()
