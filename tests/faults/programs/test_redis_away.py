"""Redis goes down or forgets everything in the middle of a sale."""

import time

from tests import redis_databases
from tests.faults.line import line_to
from tests.faults.scene import BUYER, Scene
from tests.people import Chat

PATIENCE = 20.0  # seconds that a press may take without Redis, on a busy machine


async def test_f56_selling_goes_on_without_redis(scene: Scene, redis_url: str) -> None:
    await scene.shop.stocked(keys=10)
    async with line_to(redis_url) as (line, url):
        program = await scene.runs(REDIS_URL=url)
        buyer = scene.person()
        await opens_the_preview(buyer)
        line.goes_down()
        async with scene.http.get(f"{scene.url}/readyz") as response:
            assert (response.status, await response.text()) == (503, "not ready: redis\n")
        began = time.monotonic()
        await buyer.presses("EPay")
        await buyer.reads("Held for you until", timeout=PATIENCE)
        assert time.monotonic() - began < PATIENCE
        await pays_and_gets_the_key(scene, buyer)
        await buyer.says("/orders")
        await buyer.reads("order", timeout=PATIENCE)
        line.comes_back()
        await opens_the_preview(buyer)
        await program.kill()
    await scene.everything_holds()


async def test_f57_what_redis_forgets_is_a_dialog_and_no_money(
    scene: Scene, redis_url: str
) -> None:
    await scene.shop.stocked(keys=10)
    await scene.runs(REDIS_URL=redis_url)
    buyer = scene.person()
    await opens_the_preview(buyer)
    await buyer.presses("EPay")
    await buyer.reads("Held for you until")
    await buyer.says("/start p_GAME")
    await buyer.presses("1")
    redis_databases.flush(redis_url)
    await buyer.says("2")
    await buyer.reads("")  # an answer, though the question is forgotten
    await pays_and_gets_the_key(scene, buyer)

    await buyer.says("/start p_GAME")
    await buyer.presses("1")
    await buyer.says("3")
    await buyer.presses("Buy")
    await buyer.reads("14.97")
    await scene.everything_holds()


async def opens_the_preview(buyer: Chat) -> None:
    await buyer.says("/start p_GAME")
    await buyer.presses("Buy")
    await buyer.reads("4.99")


async def pays_and_gets_the_key(scene: Scene, buyer: Chat) -> None:
    [number] = scene.platform.trades
    scene.platform.pay(number)
    assert await scene.platform.notify(scene.http, number) == (200, "success")
    await buyer.reads("🔑", timeout=15, ever=True)
    assert len(scene.hand_overs(BUYER)) == 1
