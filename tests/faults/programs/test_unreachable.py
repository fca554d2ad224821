"""Telegram that is not there, a buyer who is not, and a token that is no more."""

import sqlalchemy as sa

from bot.worker import LANES
from domain.catalog import Variant
from domain.orders import OrderException
from storage.tables import attempts, orders, outbox
from tests import logscan
from tests.chat.shop_chat import free_port
from tests.faults.line import line_to
from tests.faults.scene import BUYER, OWNER, TOKEN, Scene, now
from tests.faults.waiting import until

NEW_TOKEN = "42:THE-TOKEN-THAT-CAME-AFTER-IT"


async def test_f07_refused_connections_are_retried_until_telegram_is_back(scene: Scene) -> None:
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    port = free_port()
    await scene.runs("worker", TELEGRAM_API_URL=f"http://127.0.0.1:{port}")
    await until(lambda: failed_attempts(scene), "nobody listens")
    async with line_to(scene.telegram_url, port):
        await scene.delivered(placed)
    assert len(scene.hand_overs()) == 1
    await scene.everything_holds()


async def test_f07_a_name_that_is_not_resolved_is_retried(scene: Scene) -> None:
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    program = await scene.runs("worker", TELEGRAM_API_URL="https://telegram.invalid")
    await until(lambda: failed_attempts(scene), "the name is not resolved")
    await program.kill()
    await scene.runs("worker")
    await scene.delivered(placed)
    await scene.everything_holds()


async def test_f07_an_outage_of_telegrams_sends_no_order_before_a_person(
    sqlite_scene: Scene,
) -> None:
    """Nothing was sent, and nothing is wrong with the orders: they wait for Telegram."""
    scene = sqlite_scene
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    await scene.runs("worker", TELEGRAM_API_URL=address, DELIVERY_MAX_ATTEMPTS="1")
    await until(lambda: failed_attempts(scene), "nobody listens")
    async with line_to(scene.telegram_url, port):
        await scene.waits_end()
        await scene.delivered(placed, seconds=3)


async def failed_attempts(scene: Scene) -> int:
    return len(await scene.shop.rows(outbox, outbox.c.error == "TelegramUnreachable"))


async def test_f08_who_has_blocked_the_bot_gets_the_keys_on_coming_back(scene: Scene) -> None:
    """Nothing is sent to a closed door twice; the keys stay the buyer's."""
    placed = await scene.sold(await scene.shop.stocked(keys=10), 2)
    buyer = scene.person()
    await buyer.blocks()
    program = await scene.runs()
    await scene.person(OWNER).reads(f"Order {placed.order.number}: not delivered")
    assert len(scene.sends_to(BUYER)) == 1
    assert (await scene.shop.order(placed)).exception is OrderException.UNDELIVERABLE
    assert (await scene.shop.stock()).sold == 2

    await program.kill()
    await buyer.unblocks()
    await scene.runs()
    await buyer.says("/start")
    await scene.delivered(placed)
    assert len(scene.hand_overs(BUYER)) == 1
    await buyer.says("/orders")
    await buyer.presses(placed.order.number)
    await until(lambda: len(scene.hand_overs(BUYER)) == 2, "the keys are shown again")
    assert (await scene.shop.order(placed)).exception is None
    await scene.everything_holds()


async def test_f10_a_revoked_token_stops_all_sending(scene: Scene) -> None:
    """It is told by log and metric, and costs no order an attempt."""
    variant = await scene.shop.stocked(keys=20)
    placed = [await scene.sold(variant, 1, BUYER + nth) for nth in range(12)]
    scene.telegram.fault("401", "sendMessage", count=1000)
    program = await scene.runs()
    await program.logged('"level": "critical"', times=LANES)
    assert "keystall_token_revoked 1.0" in await metrics(scene)
    await something_else_is_done(scene, variant)
    assert len(sends(scene)) == LANES
    rows = await scene.shop.rows(outbox, outbox.c.topic == "goods")
    assert {(row["status"], row["attempt_count"]) for row in rows} == {("pending", 0)}
    await program.kill()

    scene.telegram.faults.clear()
    await scene.runs("worker")
    await scene.waits_end()
    await scene.delivered(*placed)
    await scene.everything_holds()


async def test_f10_a_revoked_token_is_refused_at_the_start(sqlite_scene: Scene) -> None:
    scene = sqlite_scene
    logscan.plant(NEW_TOKEN)
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    scene.telegram.token = NEW_TOKEN
    program = await scene.starts()
    assert await program.ends() == 2
    assert program.logs.startswith("BOT_TOKEN: ")
    assert TOKEN not in program.logs
    await scene.runs(BOT_TOKEN=NEW_TOKEN)
    await scene.delivered(placed)
    await scene.everything_holds()


def sends(scene: Scene) -> list[int]:
    return [call.n for call in scene.telegram.calls if call.method == "sendMessage"]


async def metrics(scene: Scene) -> str:
    async with scene.http.get(f"{scene.url}/metrics") as response:
        return await response.text()


async def something_else_is_done(scene: Scene, variant: Variant) -> None:
    """The program lives on: an overdue order expires."""
    overdue = await scene.places(variant, 1, BUYER + 20)
    past = sa.update(orders).where(orders.c.id == overdue.order.id)
    await scene.shop.executes(past.values(reserved_until=now()))
    turn = sa.update(attempts).where(attempts.c.order_id == overdue.order.id)
    await scene.shop.executes(turn.values(poll_at=now()))  # EPay's word, that it was not paid

    async def expired() -> bool:
        return not (await scene.shop.order(overdue)).is_pending

    await until(expired, "the overdue order expires")
