"""What processes share through Redis, and how they do without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.base import StorageKey
from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.typing import EventDict

import storage.redis
from bot.shared import Dialogs, SharedPace, SharedThrottle
from bot.throttle import BURST
from storage.redis import Buckets
from tests import logscan
from tests.chat.captured_logs import captured_logs
from tests.chat.shop_chat import ANN, ShopChat, open_shop
from tests.faults.line import line_to
from tests.faults.waiting import until

CHAT_BURST: Final = 5
KEY: Final = StorageKey(bot_id=42, chat_id=ANN, user_id=ANN)
# What somebody who pressed a button may be made to wait where Redis is away.
PATIENCE: Final = 1.0


class Asking(StatesGroup):
    name = State()


@pytest.fixture(autouse=True)
def events() -> Iterator[list[EventDict]]:
    with captured_logs() as captured:
        yield captured


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    """A client of its own, as each process has."""
    redis = storage.redis.connect(url)
    try:
        yield redis
    finally:
        await redis.aclose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connected(redis_url) as client:
        yield client


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Redis]:
    """Another process's client."""
    async with connected(redis_url) as client:
        yield client


async def gone_at() -> int:
    """A port at which nobody listens."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@asynccontextmanager
async def mute() -> AsyncIterator[str]:
    """A Redis that takes connections and never says a word: the worst kind of away."""
    closing = asyncio.Event()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.transport.abort()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    finally:
        closing.set()
        server.close()


# --- Buckets --------------------------------------------------------------------------------


async def test_processes_draw_from_one_bucket(redis: Redis, other: Redis) -> None:
    both = [Buckets(redis), Buckets(other)]
    waits = [await buckets.take("x", burst=4, a_second=0.1, queue=False) for buckets in both * 3]
    assert [wait == 0 for wait in waits] == [True] * 4 + [False] * 2


async def test_who_queues_is_given_later_and_later_times(redis: Redis) -> None:
    buckets = Buckets(redis)
    waits = [await buckets.take("x", burst=1, a_second=2, queue=True) for _ in range(4)]
    assert waits == pytest.approx([0, 0.5, 1.0, 1.5], abs=0.1)


async def test_who_does_not_queue_takes_nothing_from_those_who_do(redis: Redis) -> None:
    buckets = Buckets(redis)
    await buckets.take("x", burst=1, a_second=2, queue=False)
    for _ in range(5):
        await buckets.take("x", burst=1, a_second=2, queue=False)
    assert await buckets.take("x", burst=1, a_second=2, queue=True) <= 0.5


async def test_a_bucket_fills_again(redis: Redis) -> None:
    buckets = Buckets(redis)
    assert await buckets.take("x", burst=1, a_second=20, queue=False) == 0
    wait = await buckets.take("x", burst=1, a_second=20, queue=False)
    await asyncio.sleep(wait)
    assert await buckets.take("x", burst=1, a_second=20, queue=False) == 0


async def test_a_full_bucket_is_not_kept(redis: Redis) -> None:
    await Buckets(redis).take("x", burst=30, a_second=3, queue=False)
    [name] = await redis.keys()
    assert name.startswith(b"keystall:")
    assert 0 < await redis.pttl(name) <= 2000


# --- Pace and throttle ----------------------------------------------------------------------


async def test_two_processes_keep_one_pace_for_a_chat(redis: Redis, other: Redis) -> None:
    paces = [SharedPace(Buckets(client)) for client in (redis, other)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for nth in range(CHAT_BURST + 2):
            tasks.create_task(paces[nth % 2].wait(ANN))
    assert 1.8 <= time.monotonic() - began <= 4


async def test_two_processes_keep_one_pace_for_all_chats(redis: Redis, other: Redis) -> None:
    paces = [SharedPace(Buckets(client)) for client in (redis, other)]
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for nth in range(48):
            tasks.create_task(paces[nth % 2].wait(nth))
    assert 1.4 <= time.monotonic() - began <= 3


async def test_two_processes_let_one_person_through_as_often_as_one_does(
    redis: Redis, other: Redis
) -> None:
    throttles = [SharedThrottle(Buckets(client)) for client in (redis, other)]
    passed = sum([await throttles[nth % 2].allows(ANN) for nth in range(3 * BURST)])
    assert BURST <= passed <= BURST + 3  # a busy machine takes its time for ninety questions
    assert [await throttle.tells(ANN) for throttle in throttles] == [True, False]


# --- Dialogs --------------------------------------------------------------------------------


async def test_a_dialog_goes_on_in_another_process(redis: Redis, other: Redis) -> None:
    here, there = Dialogs(redis), Dialogs(other)
    await here.set_state(KEY, Asking.name)
    await here.set_data(KEY, {"sku": "GAME-1"})
    assert await there.get_state(KEY) == Asking.name.state
    assert await there.get_data(KEY) == {"sku": "GAME-1"}
    await there.set_state(KEY, None)
    assert await here.get_state(KEY) is None


async def test_a_dialog_that_nobody_ends_is_forgotten(redis: Redis) -> None:
    dialogs = Dialogs(redis)
    await dialogs.set_state(KEY, Asking.name)
    await dialogs.set_data(KEY, {"sku": "GAME-1"})
    names = await redis.keys()
    assert len(names) == 2
    for name in names:
        assert 0 < await redis.ttl(name) <= 24 * 3600


async def test_two_bots_on_one_redis_have_two_dialogs(redis: Redis) -> None:
    dialogs = Dialogs(redis)
    await dialogs.set_state(KEY, Asking.name)
    assert await dialogs.get_state(StorageKey(bot_id=43, chat_id=ANN, user_id=ANN)) is None


async def test_what_is_kept_is_kept_under_the_shops_name(redis: Redis) -> None:
    await Dialogs(redis).set_state(KEY, Asking.name)
    assert all(name.startswith(b"keystall:") for name in await redis.keys())


# --- Wake-ups -------------------------------------------------------------------------------


async def test_a_ring_in_one_process_is_heard_in_another(redis: Redis, other: Redis) -> None:
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in storage.redis.rings(redis):
            heard.set()
            return

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(listen())
        while not heard.is_set():  # until the subscription stands, a ring goes unheard
            await storage.redis.ring(other)
            await asyncio.sleep(0.02)


# --- Without it -----------------------------------------------------------------------------


async def test_a_redis_that_is_gone_is_given_up_soon() -> None:
    async with connected(f"redis://127.0.0.1:{await gone_at()}/0") as client:
        began = time.monotonic()
        with pytest.raises(RedisError):
            await Buckets(client).take("x", burst=1, a_second=1, queue=False)
        assert not await storage.redis.answers(client)
        await storage.redis.ring(client)
        assert time.monotonic() - began < PATIENCE


async def test_a_redis_that_says_nothing_is_given_up_soon() -> None:
    async with mute() as url, connected(url) as client:
        began = time.monotonic()
        with pytest.raises(RedisError):
            await Buckets(client).take("x", burst=1, a_second=1, queue=False)
        assert time.monotonic() - began < PATIENCE


async def test_without_redis_each_process_keeps_its_own_limits() -> None:
    async with connected(f"redis://127.0.0.1:{await gone_at()}/0") as client:
        throttle = SharedThrottle(Buckets(client))
        passed = sum([await throttle.allows(ANN) for _ in range(BURST + 10)])
        assert BURST <= passed < BURST + 10
        assert [await throttle.tells(ANN) for _ in range(2)] == [True, False]
        await SharedPace(Buckets(client)).wait(ANN)


async def test_without_redis_nobody_is_in_a_dialog(events: list[EventDict]) -> None:
    async with connected(f"redis://127.0.0.1:{await gone_at()}/0") as client:
        dialogs = Dialogs(client)
        await dialogs.set_state(KEY, Asking.name)
        await dialogs.set_data(KEY, {"sku": "GAME-1"})
        assert await dialogs.get_state(KEY) is None
        assert await dialogs.get_data(KEY) == {}
    assert {event["log_level"] for event in events} == {"warning"}


async def buys(shop: ShopChat, sku: str) -> None:
    has = len(await shop.ann.codes())
    await shop.ann.says(f"/start p_{sku}")
    await shop.ann.presses("Buy")
    await shop.ann.presses("Test payment")
    await shop.pays_at_the_page(await shop.ann.reads("Held for you until"))

    async def has_more() -> bool:
        return len(await shop.ann.codes()) > has

    await until(has_more, "the key")


async def test_a_redis_lost_in_the_middle_costs_a_dialog_and_no_sale(
    tmp_path: Path, sqlite_url: str, redis_url: str, events: list[EventDict]
) -> None:
    keys = ["KEY-BEFORE-REDIS-WENT", "KEY-WHILE-IT-IS-AWAY", "KEY-AFTER-IT-IS-BACK"]
    for key in keys:
        logscan.plant(key)
    async with (
        line_to(redis_url) as (line, url),
        open_shop(tmp_path, sqlite_url, redis_url=url) as shop,
    ):
        await shop.stocks("GAME-1", *keys)
        await buys(shop, "GAME-1")
        await shop.owner.says("/import GAME-1")
        line.goes_down()
        await shop.owner.says("KEY-THAT-NOBODY-ASKED-FOR")
        await shop.owner.reads("")
        await buys(shop, "GAME-1")
        line.comes_back()
        await buys(shop, "GAME-1")
        assert await shop.ann.codes() == keys
    assert [event for event in events if event["log_level"] == "error"] == []


async def test_a_redis_that_says_nothing_slows_a_sale_down_and_does_not_stop_it(
    tmp_path: Path, sqlite_url: str
) -> None:
    logscan.plant("KEY-BESIDE-A-MUTE-REDIS")
    async with mute() as url, open_shop(tmp_path, sqlite_url, redis_url=url) as shop:
        began = time.monotonic()
        await shop.ann.says("/start")
        await shop.ann.reads("Welcome", timeout=15)
        assert time.monotonic() - began < 5 * PATIENCE


async def test_the_shop_stops_at_once_though_it_listens_for_rings(
    tmp_path: Path, sqlite_url: str, redis_url: str
) -> None:
    async with open_shop(tmp_path, sqlite_url, redis_url=redis_url) as shop:
        await shop.ann.says("/start")
        await shop.ann.reads("Welcome")
        began = time.monotonic()
        await shop.app.background.stop()
        assert time.monotonic() - began < 5.0
