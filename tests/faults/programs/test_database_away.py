"""The database is away, locked, or does not show an order yet, and money comes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain import checkout
from domain.catalog import Variant
from domain.checkout import Request
from domain.orders import Order, OrderStatus
from storage.tables import attempts, orders, payments
from storage.unit_of_work import SqlUnitOfWork
from tests.faults.line import Line, line_to
from tests.faults.locks import locked_file
from tests.faults.process import Program
from tests.faults.scene import BUYER, Scene, now
from tests.faults.waiting import until
from tests.payments.epay_standin import Trade
from tests.shop import RULES, Shop

SECRET = "the-webhook-secret-of-a-locked-shop"
UPDATE = {
    "update_id": 1,
    "message": {
        "message_id": 1,
        "date": 1,
        "chat": {"id": BUYER, "type": "private"},
        "from": {"id": BUYER, "is_bot": False, "first_name": "Buyer"},
        "text": "/start",
    },
}


class CommitsWhenTold(SqlUnitOfWork):
    """Everything is written, and nobody else sees it until `go_on`."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.database)
        self.is_written, self.go_on = asyncio.Event(), asyncio.Event()
        self.number = ""  # the attempt's

    async def commit(self) -> None:
        assert self._connection is not None
        self.number = (
            await self._connection.scalars(attempts.select().with_only_columns(attempts.c.number))
        ).one()
        self.is_written.set()
        await self.go_on.wait()
        await super().commit()


async def test_f33_a_callback_before_the_orders_commit_is_reconciled(scene: Scene) -> None:
    """Until somebody looks for such payments, the order knows nothing of its money."""
    variant = await scene.shop.stocked(keys=10)
    web = await scene.runs("web")
    uow = CommitsWhenTold(scene.shop)
    async with asyncio.TaskGroup() as group:
        placing = group.create_task(places(scene, uow, variant))
        await uow.is_written.wait()
        call = group.create_task(pays_early(scene, uow.number))
        # SQLite's writers wait for each other: there the callback comes after the commit.
        await until(
            lambda: call.done() or (scene.on_sqlite and scene.platform.asked), "it has come"
        )
        uow.go_on.set()
    assert call.result() == (200, "success")
    order, _, _ = placing.result()
    if not scene.on_sqlite:
        assert (await scene.shop.rows(payments))[0]["order_id"] is None
        assert (await stored(scene, order)).status is OrderStatus.PENDING
    await somebody_looks(scene, web)
    await until(lambda: scene.hand_overs(BUYER), "the keys have arrived")
    await scene.at_rest()
    assert len(scene.hand_overs(BUYER)) == 1
    await scene.everything_holds()


async def somebody_looks(scene: Scene, web: Program) -> None:
    if scene.on_sqlite:  # which takes one process
        await web.kill()
        await scene.runs()
    else:
        await scene.runs("worker")


async def places(scene: Scene, uow: SqlUnitOfWork, variant: Variant) -> tuple[Order, object, bool]:
    buyer = await scene.shop.buyer(BUYER)
    request = Request("early", buyer.id, variant.id, 1, variant.price)
    return await checkout.place_order(uow, scene.epay, request, RULES, now=now())


async def pays_early(scene: Scene, number: str) -> tuple[int, str]:
    told = {
        "out_trade_no": number,
        "name": "GAME",
        "money": "4.99",
        "notify_url": f"{scene.url}/payments/epay/notify",
    }
    scene.platform.trades[number] = Trade("2026112000000001", told)
    scene.platform.pay(number)
    return await scene.platform.notify(scene.http, number)


async def stored(scene: Scene, order: Order) -> Order:
    async with scene.shop.uow() as uow:
        return await uow.orders.get(order.id)


async def test_f34_a_callback_without_a_database_is_asked_for_again(
    postgresql_scene: Scene,
) -> None:
    scene = postgresql_scene
    placed = await scene.places(await scene.shop.stocked(keys=10))
    async with through_a_line(scene) as line:
        line.goes_down()
        assert await scene.calls_back(placed) == (500, "fail")
        assert await readiness(scene) == (503, "not ready: database\n")
        assert await scene.shop.rows(payments) == []
        line.comes_back()
        assert await scene.calls_back(placed) == (200, "success")
        await scene.delivered(placed)
        assert (await readiness(scene))[0] == 200
    await scene.everything_holds()


async def test_f34_a_line_cut_in_mid_callback_is_not_noticed(postgresql_scene: Scene) -> None:
    """Nothing was written then, so that the whole of it is done again at once."""
    scene = postgresql_scene
    placed = await scene.places(await scene.shop.stocked(keys=10))
    async with through_a_line(scene) as line:
        line.cut_at = b"INSERT INTO ledger"
        assert await scene.calls_back(placed) == (200, "success")
        assert line.is_cut
        await scene.delivered(placed)
    await scene.everything_holds()


@asynccontextmanager
async def through_a_line(scene: Scene) -> AsyncIterator[Line]:
    """The program's database is at the other end of a line."""
    async with line_to(scene.settings()["DATABASE_URL"]) as (line, url):
        program = await scene.runs(DATABASE_URL=url)
        yield line
        await program.kill()


async def readiness(scene: Scene) -> tuple[int, str]:
    async with scene.http.get(f"{scene.url}/readyz") as response:
        return response.status, await response.text()


async def test_f34_f50_a_locked_file_is_tried_again_and_then_said_to_be_busy(
    sqlite_scene: Scene,
) -> None:
    """The tries are bounded: a payment platform is told to come again, and so is Telegram."""
    scene = sqlite_scene
    placed = await scene.places(await scene.shop.stocked(keys=10))
    await scene.runs_changed("impatient", TELEGRAM_MODE="webhook", TELEGRAM_WEBHOOK_SECRET=SECRET)
    with locked_file(scene.shop):
        assert await scene.calls_back(placed) == (500, "fail")
        assert await pushed(scene) == 503
    assert await scene.status(placed) is OrderStatus.PENDING
    assert await scene.shop.rows(payments) == []

    assert await scene.calls_back(placed) == (200, "success")
    assert await pushed(scene) == 200
    await scene.delivered(placed)
    await scene.everything_holds()


async def pushed(scene: Scene) -> int:
    """The answer to an update that Telegram pushes."""
    header = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    url = f"{scene.url}/telegram/webhook"
    async with scene.http.post(url, json=UPDATE, headers=header) as response:
        return response.status


async def test_f50_a_press_on_a_locked_shop_is_done_once_when_it_opens(
    sqlite_scene: Scene,
) -> None:
    scene = sqlite_scene
    await scene.shop.stocked(keys=10)
    program = await scene.runs_changed("impatient")
    buyer = scene.person()
    await buyer.says("/start p_GAME")
    await buyer.presses("Buy")
    async with asyncio.TaskGroup() as group:
        with locked_file(scene.shop):
            press = group.create_task(buyer.presses("EPay"))
            await program.logged("update to be repeated")
    assert press.result()["answered"]
    await buyer.reads("Held for you until")
    assert len(await scene.shop.rows(orders)) == 1
    await scene.everything_holds()
