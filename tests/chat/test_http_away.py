"""The shop over HTTP while its services are away, and in other settings."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from structlog.typing import EventDict

from tests.chat.captured_logs import captured_logs
from tests.chat.http_side import EPAY_KEY, get, open_hooked, post, update
from tests.chat.shop_chat import ANN, ShopChat, open_shop
from tests.faults.line import line_to

# Whoever asks whether the shop is ready takes a late answer for a no.
PROBE_SECONDS = 4.8  # less than SQLite waits for a lock
PROBE = aiohttp.ClientTimeout(total=PROBE_SECONDS)


@pytest.fixture(autouse=True)
def events() -> Iterator[list[EventDict]]:
    with captured_logs() as captured:
        yield captured


async def test_while_updates_are_polled_for_there_is_no_webhook(shop: ShopChat) -> None:
    assert await post(shop, b"{}") == 404


async def test_away_from_its_database_the_shop_lives_is_not_ready_and_has_all_repeated(
    tmp_path: Path, blank_postgresql_url: str
) -> None:
    body = json.dumps(update()).encode()
    async with (
        line_to(blank_postgresql_url) as (line, url),
        open_hooked(tmp_path, url) as shop,
    ):
        await shop.ann.clears()
        line.goes_down()
        assert await get(shop, "/readyz", timeout=PROBE) == (503, "not ready: database\n")
        assert await get(shop, "/healthz") == (200, "ok\n")
        assert await shop.callback("epay", data=paid()) == (500, "fail")
        assert await post(shop, body) == 503
        assert shop.telegram.chat(ANN) == []
        line.comes_back()
        assert await get(shop, "/readyz") == (200, "ready\n")
        assert await shop.callback("epay", data=paid()) == (200, "success")
        assert await post(shop, body) == 200
        assert shop.telegram.chat(ANN)


def paid() -> dict[str, str]:
    """What EPay tells of a payment for an order that the shop does not know."""
    told = {
        "pid": "1001",
        "trade_no": "T-1",
        "out_trade_no": "K7Q2M9",
        "money": "4.99",
        "trade_status": "TRADE_SUCCESS",
    }
    signed = "&".join(f"{name}={value}" for name, value in sorted(told.items())) + EPAY_KEY
    return told | {"sign": hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest()}


async def test_a_database_that_somebody_holds_locked_is_not_waited_for(
    shop: ShopChat, sqlite_url: str
) -> None:
    """By a copy being made of an SQLite file, for one."""
    other = sqlite3.connect(sqlite_url.partition(":///")[2], check_same_thread=False)
    try:
        # In a thread: the shop's own transaction has to go on to let go of the lock.
        await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
        assert await get(shop, "/readyz", timeout=PROBE) == (503, "not ready: database\n")
    finally:
        other.close()


async def test_away_from_redis_the_shop_says_so(
    tmp_path: Path, sqlite_url: str, redis_url: str
) -> None:
    async with (
        line_to(redis_url) as (line, url),
        open_shop(tmp_path, sqlite_url, redis_url=url) as shop,
    ):
        assert await get(shop, "/readyz") == (200, "ready\n")
        line.goes_down()
        assert await get(shop, "/readyz", timeout=PROBE) == (503, "not ready: redis\n")
        assert await get(shop, "/healthz") == (200, "ok\n")
        line.comes_back()
        assert await get(shop, "/readyz", timeout=PROBE) == (200, "ready\n")
