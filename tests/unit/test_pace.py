"""Telegram's limits: waited for before they are hit, waited out where they are."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramBadRequest, TelegramRetryAfter
from aiogram.methods import (
    AnswerCallbackQuery,
    CopyMessage,
    EditMessageText,
    ForwardMessage,
    GetMe,
    SendChatAction,
    SendDocument,
    SendInvoice,
    SendMediaGroup,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import InlineKeyboardMarkup

from bot.pace import CHAT_BURST, OVER_ALL, PATIENCE, LocalPace, PaceMiddleware, PatienceMiddleware

ANN = 1001
SAYS = SendMessage(chat_id=ANN, text="x")


class StubSession(BaseSession):
    """Answers what it is told to answer, without a line."""

    def __init__(self, *answers: Exception | None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = list(answers)

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        self.asked.append(method.__api_method__)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return cast("TelegramType", None)  # nobody looks at it

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    async def close(self) -> None:
        return


class Asked:
    """A pace that notes for which chats it was asked."""

    def __init__(self) -> None:
        self.chats: list[int] = []

    async def wait(self, chat_id: int) -> None:
        self.chats.append(chat_id)


def paced(pace: Asked, session: StubSession) -> Bot:
    session.middleware(PatienceMiddleware())
    session.middleware(PaceMiddleware(pace))
    return Bot("42:LOCAL-TOKEN-OF-A-TEST", session=session)


def flood(seconds: int) -> TelegramRetryAfter:
    return TelegramRetryAfter(method=SAYS, message="Too Many Requests", retry_after=seconds)


@pytest.mark.parametrize(
    "method",
    [
        SAYS,
        SendPhoto(chat_id=ANN, photo="id"),
        SendDocument(chat_id=ANN, document="id"),
        SendMediaGroup(chat_id=ANN, media=[]),
        SendInvoice(
            chat_id=ANN, title="t", description="d", payload="p", currency="XTR", prices=[]
        ),
        CopyMessage(chat_id=ANN, from_chat_id=1, message_id=1),
        ForwardMessage(chat_id=ANN, from_chat_id=1, message_id=1),
    ],
    ids=lambda method: str(method.__api_method__),
)
async def test_every_message_waits_for_its_turn(method: TelegramMethod[Any]) -> None:
    pace = Asked()
    await paced(pace, StubSession())(method)
    assert pace.chats == [ANN]


@pytest.mark.parametrize(
    "method",
    [
        GetMe(),
        SendChatAction(chat_id=ANN, action="typing"),
        AnswerCallbackQuery(callback_query_id="1"),
        EditMessageText(
            chat_id=ANN,
            message_id=1,
            text="x",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[]),
        ),
        SendMessage(chat_id="@channel", text="x"),
    ],
    ids=lambda method: str(method.__api_method__),
)
async def test_nothing_else_waits(method: TelegramMethod[Any]) -> None:
    pace = Asked()
    await paced(pace, StubSession())(method)
    assert pace.chats == []


async def test_a_short_flood_wait_is_waited_out_in_turn() -> None:
    pace, session = Asked(), StubSession(flood(0))
    await paced(pace, session)(SAYS)
    assert session.asked == ["sendMessage"] * 2
    assert pace.chats == [ANN] * 2


async def test_a_long_flood_wait_is_nobodys_to_sit_out() -> None:
    session = StubSession(flood(int(PATIENCE) + 1))
    with pytest.raises(TelegramRetryAfter):
        await paced(Asked(), session)(SAYS)
    assert session.asked == ["sendMessage"]


async def test_a_second_flood_wait_is_one_too_many() -> None:
    session = StubSession(flood(0), flood(0))
    with pytest.raises(TelegramRetryAfter):
        await paced(Asked(), session)(SAYS)
    assert session.asked == ["sendMessage"] * 2


async def test_what_is_refused_is_not_repeated() -> None:
    session = StubSession(TelegramBadRequest(method=SAYS, message="Bad Request"))
    with pytest.raises(TelegramBadRequest):
        await paced(Asked(), session)(SAYS)
    assert session.asked == ["sendMessage"]


async def seconds_for(pace: LocalPace, *chats: int) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for chat_id in chats:
            tasks.create_task(pace.wait(chat_id))
    return loop.time() - began


async def test_a_chat_takes_a_burst_at_once() -> None:
    assert await seconds_for(LocalPace(), *[ANN] * CHAT_BURST) < 0.5


async def test_a_chat_takes_one_a_second_after_its_burst() -> None:
    assert await seconds_for(LocalPace(), *[ANN] * (CHAT_BURST + 1)) >= 0.9


async def test_all_chats_together_take_thirty_a_second() -> None:
    took = await seconds_for(LocalPace(), *range(OVER_ALL))
    assert 0.8 <= took <= 1.5


async def test_no_second_takes_more_than_telegram_does() -> None:
    loop = asyncio.get_running_loop()
    pace, sent = LocalPace(), []

    async def send(chat_id: int) -> None:
        await pace.wait(chat_id)
        sent.append(loop.time())

    async with asyncio.TaskGroup() as tasks:
        for chat_id in range(45):
            tasks.create_task(send(chat_id))
    # The first tenth of a second is a burst; a margin for a busy machine's clock.
    within = max(sum(at <= other < at + 0.95 for other in sent) for at in sent)
    assert within <= OVER_ALL + 3


async def test_a_crowd_does_not_fill_the_memory() -> None:
    pace = LocalPace()
    pace._over_all.max_rate = 1e9
    for chat_id in range(10_050):
        await pace.wait(chat_id)
    assert len(pace._chats) == 10_000
