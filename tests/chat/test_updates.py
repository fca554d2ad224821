"""Updates: one person's in order, different people's side by side, gone only when handled."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiogram import Dispatcher
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message
from aiohttp import web
from structlog.typing import EventDict

from bot import metrics
from bot.background import Background
from bot.sandbox.faults import Kind
from bot.serve import check_token
from bot.updates import Poller
from domain.errors import DatabaseAway, TelegramAway
from handlers.views.part import TextPart
from handlers.views.view import View, lines
from tests import logscan
from tests.chat.captured_logs import captured_logs
from tests.chat.http_side import open_hooked
from tests.chat.local_telegram import ANN, BEN, Local, local_telegram, serving
from tests.chat.shop_chat import ShopChat, open_shop
from tests.faults.line import line_to
from tests.faults.waiting import until


@pytest.fixture(autouse=True)
def events() -> Iterator[list[EventDict]]:
    with captured_logs() as captured:
        yield captured


# --- The poller by itself -------------------------------------------------------------------


@asynccontextmanager
async def polling(dispatcher: Dispatcher) -> AsyncIterator[tuple[Local, Poller]]:
    """A poller that loses no time between two tries; Ann and Ben have started the bot."""
    async with local_telegram() as local, Background() as background:
        poller = Poller(local.bot, dispatcher, background)
        poller._pause = at_once
        await local.ben.says("/start")
        await local.bot.get_updates(offset=-1, timeout=1)
        await local.bot.get_updates(offset=10**9 * 4, timeout=0)
        yield local, poller


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


async def test_in_one_batch_people_are_served_side_by_side_and_each_in_order() -> None:
    dispatcher, done = Dispatcher(), []
    bens_are_done = asyncio.Event()

    @dispatcher.message()
    async def handle(message: Message) -> None:
        if message.chat.id == ANN:
            await bens_are_done.wait()
        done.append(message.text)
        if message.text == "Ben 2":
            bens_are_done.set()

    async with polling(dispatcher) as (local, poller):
        for text in ("1", "2"):
            await local.ann.says(f"Ann {text}")
            await local.ben.says(f"Ben {text}")
        async with asyncio.timeout(5):
            await poller.step()
    assert done == ["Ben 1", "Ben 2", "Ann 1", "Ann 2"]


async def test_a_batch_is_confirmed_when_it_is_handled_and_not_before() -> None:
    dispatcher, seen = Dispatcher(), []

    @dispatcher.message()
    async def handle(message: Message) -> None:
        seen.append(message.text)
        assert len(local.telegram.world.updates) == 1

    async with polling(dispatcher) as (local, poller):
        await local.ann.says("once")
        await poller.step()
        await local.ann.says("twice")
        await poller.step()
    assert seen == ["once", "twice"]


async def test_an_update_that_was_put_off_is_tried_again_and_in_order() -> None:
    dispatcher, tries = Dispatcher(), Counter[str]()
    done = []

    @dispatcher.message()
    async def handle(message: Message) -> None:
        text = message.text or ""
        tries[text] += 1
        if tries[text] < 3:
            raise DatabaseAway("gone")
        done.append(text)

    async with polling(dispatcher) as (local, poller):
        await local.ann.says("1")
        await local.ann.says("2")
        await poller.step()
    assert done == ["1", "2"]
    assert tries == {"1": 3, "2": 3}


async def test_what_is_put_off_for_long_makes_nobody_elses_happen_twice() -> None:
    """A batch that fails is asked for anew, and those in it that were handled are in it too."""
    dispatcher, handled = Dispatcher(), Counter[int]()

    @dispatcher.message()
    async def handle(message: Message) -> None:
        if message.chat.id == ANN and handled[ANN] < 12:
            handled[ANN] += 1
            raise DatabaseAway("gone")
        handled[message.chat.id] += 1

    async with polling(dispatcher) as (local, poller):
        await local.ann.says("put off")
        await local.ben.says("done at once")
        await steps_until(poller, lambda: handled[ANN] > 12)
    assert handled[BEN] == 1


async def test_no_update_is_handled_twice_at_once() -> None:
    """A failed batch is asked for again only when the rest of it has come to its end."""
    dispatcher, at_work = Dispatcher(), Counter[int]()
    most = Counter[int]()
    fails, ann_may_end = [True], asyncio.Event()

    @dispatcher.message()
    async def handle(message: Message) -> None:
        person = message.chat.id
        at_work[person] += 1
        most[person] = max(most[person], at_work[person])
        try:
            if person == BEN and fails[0]:
                raise DatabaseAway("gone")
            if person == ANN:
                async with asyncio.timeout(0.3):
                    await ann_may_end.wait()
        except TimeoutError:
            fails[0] = False
        finally:
            at_work[person] -= 1

    async with polling(dispatcher) as (local, poller):
        await local.ann.says("takes its time")
        await local.ben.says("put off")
        await steps_until(poller, lambda: not fails[0])
        ann_may_end.set()
        await steps_until(poller, lambda: not at_work[ANN])
    assert most[ANN] == 1


async def steps_until(poller: Poller, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():
            try:
                await poller.step()
            except RuntimeError:
                await asyncio.sleep(0.01)


# --- Polling by the whole program -----------------------------------------------------------


async def test_one_persons_messages_are_answered_in_their_order(shop: ShopChat) -> None:
    expected = {
        "/start": "Welcome",
        "/nothing": "do not know this command",
        "/catalog": "Nothing is for sale",
        "/support": "Write to @help_of_the_tests",
    }
    for command in expected:
        await shop.ann.says(command)
    await shop.ann.reads(expected["/support"], timeout=8)
    said = [m["text"] for m in shop.telegram.chat(ANN) if m["from"]["is_bot"]]
    assert [words in text for words, text in zip(expected.values(), said, strict=True)] == [
        True
    ] * 4


async def test_somebody_who_is_hard_to_answer_keeps_nobody_waiting(shop: ShopChat) -> None:
    """Telegram takes one message a second for a chat: who presses fast waits for it alone."""
    await shop.ben.says("/start")
    await shop.ben.reads("Welcome")
    for _ in range(12):
        await shop.ann.says("/help")
    await shop.ann.reads("/catalog")
    began = time.monotonic()
    await shop.ben.says("/help")
    await shop.ben.reads("/catalog", timeout=15)
    assert time.monotonic() - began < 2.0


BAD_DAYS: Final[tuple[Kind, ...]] = ("502", "401", "cut")


async def test_updates_come_again_when_telegram_does(shop: ShopChat) -> None:
    for kind in BAD_DAYS:
        shop.telegram.fault(kind, "getUpdates")
    await shop.ann.says("/start")
    await shop.ann.reads("Welcome", timeout=10)


async def test_an_update_survives_the_databases_absence(
    tmp_path: Path, blank_postgresql_url: str
) -> None:
    async with line_to(blank_postgresql_url) as (line, url), open_shop(tmp_path, url) as shop:
        before = put_off()
        line.goes_down()
        await shop.ann.says("/start")
        await until(lambda: put_off() > before, "the update is put off")
        assert shop.telegram.chat(ANN)[-1]["text"] == "/start"
        line.comes_back()
        await shop.ann.reads("Welcome", timeout=10)
        welcomes = [m for m in shop.telegram.chat(ANN) if "Welcome" in m.get("text", "")]
        assert len(welcomes) == 1


def put_off() -> float:
    """How many updates have been left to be taken again."""
    repeated: Any = metrics.updates.labels(outcome="repeated")  # prometheus_client types none
    return float(repeated._value.get())


# --- The webhook, pushed to by the local Telegram -------------------------------------------


async def test_a_purchase_over_the_webhook(tmp_path: Path, sqlite_url: str) -> None:
    key = "KEY-OVER-THE-WEBHOOK"
    logscan.plant(key)
    async with open_hooked(tmp_path, sqlite_url) as shop:
        await shop.stocks("GAME-1", key)
        await shop.ann.says("/start p_GAME-1")
        await shop.ann.presses("Buy")
        await shop.ann.presses("Test payment")
        await shop.pays_at_the_page(await shop.ann.reads("Held for you until"))
        await shop.ann.reads("🔑")
        assert await shop.ann.codes() == [key]
        assert not [call for call in shop.telegram.calls if call.method == "getUpdates"]


async def test_a_derived_secret_is_as_good_as_a_given_one(tmp_path: Path, sqlite_url: str) -> None:
    async with open_shop(tmp_path, sqlite_url, telegram_mode="webhook") as shop:
        assert len(shop.app.webhook_secret) == 64
        await shop.ann.says("/start")
        await shop.ann.reads("Welcome")


# --- A gateway before Telegram that answers with a page of its own --------------------------


async def gateways_page(request: web.Request) -> web.Response:
    page = "<html><h1>502 Bad Gateway</h1><hr>nginx</html>"
    return web.Response(status=502, text=page, content_type="text/html")


@pytest.fixture
async def gateway() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", gateways_page)
    async with serving(app) as url:
        yield url


async def test_a_gateways_page_is_telegram_being_away_for_a_delivery(
    shop: ShopChat, gateway: str
) -> None:
    messenger = shop.app.messenger
    messenger._bot.session.api = TelegramAPIServer.from_base(gateway)
    with pytest.raises(TelegramAway):
        await messenger.send(ANN, TextPart(View(lines("Paid"))))


async def test_a_gateways_page_stops_no_start(shop: ShopChat, gateway: str) -> None:
    shop.app.bot.session.api = TelegramAPIServer.from_base(gateway)
    await check_token(shop.app)


async def test_after_a_gateways_page_updates_are_asked_for(
    tmp_path: Path, sqlite_url: str
) -> None:
    """Only the first call meets the page; the shop has to come to the others."""
    met: list[str] = []

    async def through(request: web.Request) -> web.StreamResponse:
        if not met:
            met.append(request.path)
            return await gateways_page(request)
        async with (
            aiohttp.ClientSession() as http,
            http.request(
                request.method,
                f"{shop.url}{request.path_qs}",
                data=await request.read(),
                headers={"Content-Type": request.headers.get("Content-Type", "")},
            ) as answer,
        ):
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json"
            )

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", through)
    async with (
        serving(app) as gateway,
        open_shop(tmp_path, sqlite_url, telegram_api_url=gateway) as shop,
    ):
        await shop.ann.says("/start")
        await shop.ann.reads("Welcome", timeout=8)
        assert met
