"""Faults on demand and flood limits, as aiogram's client meets them."""

import asyncio
import time

import pytest
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BufferedInputFile, InputMediaDocument

from bot.sandbox.errors import Refused
from bot.sandbox.faults import Kind
from tests.chat.local_telegram import ANN, BEN, Local, local_telegram


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def sends_until_flooded(local: Local, chat_id: int = ANN) -> tuple[int, int]:
    """How many messages go through, and the seconds to wait then."""
    for count in range(1000):
        try:
            await local.bot.send_message(chat_id, "x")
        except TelegramRetryAfter as flood:
            return count, flood.retry_after
    raise AssertionError("there is no limit")


async def test_chat_takes_a_burst_and_then_one_a_second() -> None:
    clock = Clock()
    async with local_telegram(rate_limits=True, clock=clock) as local:
        assert await sends_until_flooded(local) == (5, 1)
        clock.now = 0.9
        assert await sends_until_flooded(local) == (0, 1)
        clock.now = 3.5
        assert await sends_until_flooded(local) == (3, 1)
        assert len(local.telegram.chat(ANN)) == 8
        assert local.telegram.calls[-1].description == "Too Many Requests: retry after 1"


async def test_album_counts_every_file() -> None:
    clock = Clock()
    async with local_telegram(rate_limits=True, clock=clock) as local:
        await local.bot.send_media_group(
            ANN, [InputMediaDocument(media=BufferedInputFile(b"x", "x")) for _ in range(8)]
        )
        assert await sends_until_flooded(local) == (0, 4)


async def test_edits_actions_and_other_peoples_chats_are_not_counted() -> None:
    clock = Clock()
    async with local_telegram(rate_limits=True, clock=clock) as local:
        sent = await local.bot.send_message(ANN, "0")
        for number in range(1, 40):
            await sent.edit_text(str(number))
            await local.bot.send_chat_action(ANN, "typing")
        assert await sends_until_flooded(local) == (4, 1)
        await local.ben.says("hi")
        assert await sends_until_flooded(local, BEN) == (5, 1)


async def test_all_chats_together_take_thirty_a_second() -> None:
    clock = Clock()
    async with local_telegram(rate_limits=True, clock=clock) as local:
        for person_id in range(2000, 2007):
            person = {"id": person_id, "first_name": "P", "started": True}
            await local.http.post(f"{local.url}/sandbox/people", json=person)
        sent = [await sends_until_flooded(local, person_id) for person_id in range(2000, 2007)]
        assert [count for count, _ in sent] == [5] * 6 + [0]
        clock.now = 0.5
        assert await sends_until_flooded(local, 2006) == (5, 1)


async def test_refused_messages_are_not_counted() -> None:
    async with local_telegram(rate_limits=True, clock=Clock()) as local:
        for _ in range(9):
            with pytest.raises(TelegramBadRequest):
                await local.bot.send_message(ANN, "<b>")
        assert await sends_until_flooded(local) == (5, 1)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("400", TelegramBadRequest),
        ("401", TelegramUnauthorizedError),
        ("403", TelegramForbiddenError),
        ("429", TelegramRetryAfter),
        ("500", TelegramServerError),
        ("502", TelegramServerError),
        ("cut", TelegramNetworkError),
    ],
)
async def test_fault_strikes_as_often_as_asked_before_any_effect(
    kind: Kind, error: type[TelegramAPIError]
) -> None:
    async with local_telegram() as local:
        local.telegram.fault(kind, "sendMessage", count=2)
        for _ in range(2):
            with pytest.raises(error):
                await local.bot.send_message(ANN, "x")
        assert local.telegram.chat(ANN) == []
        await local.bot.send_message(ANN, "x")
        assert [call.ok for call in local.telegram.calls] == [False, False, True]


async def test_cut_after_the_effect_leaves_the_message_sent() -> None:
    async with local_telegram() as local:
        local.telegram.fault("cut_after", "sendMessage")
        with pytest.raises(TelegramNetworkError):
            await local.bot.send_message(ANN, "arrived all the same")
        await local.ann.reads("arrived all the same")
        assert local.telegram.calls[-1].ok


async def test_hanging_call_ends_when_the_client_gives_up() -> None:
    async with local_telegram() as local:
        local.telegram.fault("hang", "sendMessage")
        with pytest.raises(TelegramNetworkError, match="timeout"):
            await local.bot.send_message(ANN, "x", request_timeout=0.1)  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            while not local.telegram.calls:
                await local.bot.get_me()
        assert local.telegram.chat(ANN) == []


async def test_hanging_call_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        async with local_telegram() as local:
            local.telegram.fault("hang", "getMe")
            hanging = group.create_task(broken_call(local))
            while list(local.telegram.faults):
                await local.bot.get_updates()
        assert await hanging


async def broken_call(local: Local) -> bool:
    with pytest.raises(TelegramNetworkError):
        await local.bot.get_me()
    return True


async def test_slow_call_takes_its_time_and_succeeds() -> None:
    async with local_telegram() as local:
        local.telegram.fault("slow", "sendMessage", seconds=0.2)
        started = time.monotonic()
        await local.bot.send_message(ANN, "x")
        assert time.monotonic() - started >= 0.2


async def test_details_are_passed_on() -> None:
    async with local_telegram() as local:
        local.telegram.fault("429", "sendMessage", retry_after=17)
        with pytest.raises(TelegramRetryAfter) as flood:
            await local.bot.send_message(ANN, "x")
        assert flood.value.retry_after == 17
        local.telegram.fault("400", description="Bad Request: can't parse entities: test")
        with pytest.raises(TelegramBadRequest, match="can't parse entities: test"):
            await local.bot.send_message(ANN, "x")
        local.telegram.fault("400", parameters={"migrate_to_chat_id": -100})
        with pytest.raises(TelegramMigrateToChat):
            await local.bot.send_message(ANN, "x")


async def test_fault_without_method_spares_polls_and_one_with_chat_spares_others() -> None:
    async with local_telegram() as local:
        local.telegram.fault("500", chat_id=ANN)
        await local.bot.get_updates()
        await local.ben.says("hi")
        await local.bot.send_message(BEN, "x")
        with pytest.raises(TelegramServerError):
            await local.bot.send_message(ANN, "x")
        local.telegram.fault("502", "getUpdates")
        with pytest.raises(TelegramServerError, match="Bad Gateway"):
            await local.bot.get_updates()


async def test_faults_are_set_seen_and_cleared_over_http() -> None:
    async with local_telegram() as local:
        url = f"{local.url}/sandbox/faults"
        fault = {"kind": "429", "method": "sendMessage", "count": 3, "retry_after": 2}
        async with local.http.post(url, json=fault) as response:
            [waiting] = await response.json()
        assert waiting.items() >= fault.items()
        with pytest.raises(TelegramRetryAfter):
            await local.bot.send_message(ANN, "x")
        assert (await local.get("/sandbox/faults"))[1][0]["count"] == 2
        await local.http.delete(url)
        assert await local.get("/sandbox/faults") == (200, [])
        await local.bot.send_message(ANN, "x")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "flood"},
        {"kind": "500", "count": 0},
        {"kind": "500", "count": "3"},
        {"kind": "500", "weather": "bad"},
    ],
)
async def test_impossible_fault_is_refused(wrong: dict[str, object]) -> None:
    async with local_telegram() as local:
        async with local.http.post(f"{local.url}/sandbox/faults", json=wrong) as response:
            assert response.status == 400
            assert (await response.json())["error"].endswith(".")
        assert list(local.telegram.faults) == []
        with pytest.raises(Refused):
            local.telegram.fault("500", count=0)
