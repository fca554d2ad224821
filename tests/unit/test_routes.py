"""Routing: commands by their word, buttons by their prefix, answers by dialog; errors answered."""

import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.methods import AnswerCallbackQuery, SendMessage, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import CallbackQuery, Chat, Message, Update, User
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from domain.customers import Customer, Permission, Role
from domain.errors import BadSku, DatabaseAway, OrderNotFound, TransactionAborted
from handlers.dispatcher import on_error
from handlers.routes import POPUP_LENGTH, Command, Popup, Routes
from handlers.texts import texts

ANN: Final = 1001
STALE, UNKNOWN, TOO_FAST, SORRY = "expired", "do not know", "too fast", "went wrong"
_ids = itertools.count(1)


class Open(CallbackData, prefix="open"):
    number: int


class Asking(StatesGroup):
    name = State()


class Line(BaseSession):
    """What the bot says, without a line; `refuses` are methods that Telegram does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[TelegramMethod[Any]] = []
        self.refuses: dict[str, int] = {}

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        self.said.append(method)
        if self.refuses.get(method.__api_method__, 0) > 0:
            self.refuses[method.__api_method__] -= 1
            raise TelegramBadRequest(method=method, message="Bad Request: query is too old")
        sent = isinstance(method, SendMessage)
        return cast("TelegramType", _message("sent") if sent else True)

    async def stream_content(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    async def close(self) -> None:
        return


@dataclass
class Gate:
    """A throttle that does as it is told."""

    open: bool = True
    telling: bool = True

    async def allows(self, person_id: int) -> bool:
        return self.open

    async def tells(self, person_id: int) -> bool:
        return self.telling


@dataclass
class Desk:
    """Routes behind a real dispatcher, and one person in front of it."""

    routes: Routes = field(default_factory=Routes)
    gate: Gate = field(default_factory=Gate)
    customer: Customer = field(default_factory=lambda: Customer(ANN, "Ann"))
    line: Line = field(default_factory=Line)

    def __post_init__(self) -> None:
        self.bot = Bot("42:LOCAL-TOKEN-OF-A-TEST", session=self.line)
        self.dispatcher = Dispatcher(storage=MemoryStorage(), throttle=self.gate, t=texts("en"))
        self.dispatcher.message.register(self.routes.on_message)
        self.dispatcher.callback_query.register(self.routes.on_button)
        self.dispatcher.errors.register(on_error)

    async def says(self, text: str | None = None, caption: str | None = None) -> str:
        """Returns what was answered in the chat."""
        message = _message(text, caption)
        return await self._feed(Update(update_id=next(_ids), message=message))

    async def presses(self, data: str | None) -> tuple[str, bool]:
        """Returns the press's one answer: its text, and whether it has to be confirmed."""
        [answer] = await self.answers_to(data)
        return answer.text or "", bool(answer.show_alert)

    async def answers_to(self, data: str | None) -> list[AnswerCallbackQuery]:
        query = CallbackQuery(
            id="1", from_user=_user(), chat_instance="1", data=data, message=_message("m")
        )
        await self._feed(Update(update_id=next(_ids), callback_query=query))
        return [said for said in self.line.said if isinstance(said, AnswerCallbackQuery)]

    async def _feed(self, update: Update) -> str:
        self.line.said.clear()
        await self.dispatcher.feed_update(self.bot, update, customer=self.customer)
        sent = [said.text for said in self.line.said if isinstance(said, SendMessage)]
        return "\n".join(sent)


def _user() -> User:
    return User(id=ANN, is_bot=False, first_name="Ann")


def _message(text: str | None = None, caption: str | None = None) -> Message:
    return Message(
        message_id=next(_ids),
        date=datetime.now(UTC),
        chat=Chat(id=ANN, type="private"),
        from_user=_user(),
        text=text,
        caption=caption,
    )


def echo(routes: Routes, *names: str, permission: Permission | None = None) -> list[Command]:
    """Commands that note how they were called."""
    called: list[Command] = []

    @routes.command(*names, permission=permission)
    async def handler(message: Message, command: Command) -> None:
        called.append(command)

    return called


def opens(
    routes: Routes,
    does: Callable[[Open], Awaitable[str | Popup | None]],
    permission: Permission | None = None,
) -> None:
    @routes.button(Open, permission=permission)
    async def handler(query: CallbackQuery, data: Open) -> str | Popup | None:
        return await does(data)


def raising(error: Exception) -> Callable[[Open], Awaitable[str | Popup | None]]:
    async def does(data: Open) -> str | Popup | None:
        raise error

    return does


def saying(said: str | Popup | None) -> Callable[[Open], Awaitable[str | Popup | None]]:
    async def does(data: Open) -> str | Popup | None:
        return said

    return does


# --- Commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "args"),
    [
        ("/start", "start", ""),
        ("/start p_GAME-1", "start", "p_GAME-1"),
        ("/START@keystall_bot  p_GAME-1 ", "start", "p_GAME-1"),
        ("/import GAME-1\nKEY-1\nKEY-2", "import", "GAME-1\nKEY-1\nKEY-2"),
        ("/import\nKEY-1", "import", "KEY-1"),
        ("/import@shop_bot\nKEY-1", "import", "KEY-1"),
        ("/order\tK7Q2M9", "order", "K7Q2M9"),
        ("/newproduct A 1 Name: 50 % /off", "newproduct", "A 1 Name: 50 % /off"),
    ],
)
async def test_a_command_is_its_word_and_what_stands_behind_it(
    text: str, name: str, args: str
) -> None:
    desk = Desk()
    called = echo(desk.routes, name)
    assert await desk.says(text) == ""
    assert called == [Command(name, args)]


async def test_a_files_caption_is_a_command_too() -> None:
    desk = Desk()
    called = echo(desk.routes, "import")
    await desk.says(caption="/import GAME-1")
    assert called == [Command("import", "GAME-1")]


async def test_one_handler_may_have_several_words() -> None:
    desk = Desk()
    called = echo(desk.routes, "support", "paysupport")
    await desk.says("/support")
    await desk.says("/paysupport")
    assert [command.name for command in called] == ["support", "paysupport"]


@pytest.mark.parametrize("text", ["/nothing", "/", "//", "/@shop_bot", "/\u200b", "/1/2", "/👍"])
async def test_an_unknown_command_gets_a_sentence(text: str) -> None:
    desk = Desk()

    @desk.routes.otherwise
    async def other(message: Message, bot: Bot) -> None:
        await bot.send_message(message.chat.id, "no command")

    said = await desk.says(text)
    assert UNKNOWN in said if len(text) > 1 else said == "no command"


@given(st.text(min_size=1))
async def test_whatever_follows_a_slash_is_answered(text: str) -> None:
    desk = Desk()

    @desk.routes.otherwise
    async def other(message: Message, bot: Bot) -> None:
        await bot.send_message(message.chat.id, "no command")

    with capture_logs() as events:
        assert await desk.says(f"/{text}")
    assert events == []


async def test_an_admins_command_is_unknown_to_a_buyer_and_known_to_the_role() -> None:
    desk = Desk()
    called = echo(desk.routes, "stock", permission=Permission.STOCK)
    strangers = await desk.says("/stock")
    assert strangers == await desk.says("/nothing")
    for role, may in [(Role.SUPPORT, False), (Role.STOCK, True), (Role.OWNER, True)]:
        desk.customer.role = role
        called.clear()
        said = await desk.says("/stock")
        assert (bool(called), said == strangers) == (may, not may)


async def test_features_are_included_in_their_parents_tables() -> None:
    desk, feature = Desk(), Routes()
    called = echo(feature, "feature")
    opens(feature, saying("opened"))
    desk.routes.include(feature)
    await desk.says("/feature")
    assert len(called) == 1
    assert await desk.presses(Open(number=1).pack()) == ("opened", False)


# --- Answers in a dialog --------------------------------------------------------------------


def dialog(routes: Routes, permission: Permission | None = None) -> list[str]:
    """`/ask` asks for a name; returns the names that were told."""
    told: list[str] = []

    @routes.command("ask")
    async def ask(message: Message, state: FSMContext) -> None:
        await state.set_state(Asking.name)

    @routes.answer(Asking.name, permission=permission)
    async def answer(message: Message, state: FSMContext) -> None:
        told.append(message.text or "a file")
        await state.clear()

    @routes.otherwise
    async def other(message: Message, bot: Bot) -> None:
        await bot.send_message(message.chat.id, "nothing was asked")

    return told


async def test_an_answer_goes_to_whoever_asked() -> None:
    desk = Desk()
    told = dialog(desk.routes)
    await desk.says("/ask")
    assert await desk.says("Starfarer") == ""
    assert told == ["Starfarer"]
    assert await desk.says("Starfarer") == "nothing was asked"


async def test_an_answer_may_be_a_file_without_a_word() -> None:
    desk = Desk()
    told = dialog(desk.routes)
    await desk.says("/ask")
    await desk.says()
    assert told == ["a file"]


async def test_a_command_ends_the_question() -> None:
    desk = Desk()
    told = dialog(desk.routes)
    await desk.says("/ask")
    await desk.says("/nothing")
    assert await desk.says("Starfarer") == "nothing was asked"
    assert told == []


async def test_somebody_demoted_meanwhile_is_asked_no_more() -> None:
    desk = Desk()
    told = dialog(desk.routes, permission=Permission.CATALOG)
    desk.customer.role = Role.MANAGER
    await desk.says("/ask")
    desk.customer.role = None
    assert await desk.says("Starfarer") == "nothing was asked"
    assert told == []


# --- Buttons --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answer"),
    [(None, ("", False)), ("Done", ("Done", False)), (Popup("Sold out"), ("Sold out", True))],
)
async def test_a_press_is_answered_with_what_its_handler_says(
    said: str | Popup | None, answer: tuple[str, bool]
) -> None:
    desk = Desk()
    opens(desk.routes, saying(said))
    assert await desk.presses("open:7") == answer


async def test_an_answer_too_long_for_telegram_is_cut() -> None:
    desk = Desk()
    opens(desk.routes, saying("x" * 500))
    assert await desk.presses("open:7") == ("x" * (POPUP_LENGTH - 1) + "…", False)


@pytest.mark.parametrize("said", ["👍" * 150, "x" * 199 + "👍"], ids=["150", "199+1"])
async def test_an_answer_is_measured_as_telegram_does(said: str) -> None:
    """In UTF-16 code units, and never through the middle of a character."""
    desk = Desk()
    opens(desk.routes, saying(said))
    text, _ = await desk.presses("open:7")
    units = len(text.encode("utf-16-le")) // 2
    assert POPUP_LENGTH - 2 < units <= POPUP_LENGTH
    assert said.startswith(text.removesuffix("…"))


@pytest.mark.parametrize(
    "data",
    [
        None,
        "",
        ":",
        "open",
        "open:",
        "open:x",
        "open:7:8",
        "open:7.5",
        "OPEN:7",
        "nothing:7",
        " open:7",
        "open:7" + "0" * 58,
        "open:" + "9" * 5000,
        "open:\x00",
        "open:👍",
    ],
)
async def test_a_forged_press_gets_what_an_old_button_gets(data: str | None) -> None:
    desk = Desk()
    reached: list[int] = []

    async def note(data: Open) -> None:
        reached.append(data.number)

    opens(desk.routes, note)
    text, popup = await desk.presses(data)
    assert (STALE in text and popup and not reached) or all(n > 2**63 for n in reached)


@given(st.text(max_size=64))
async def test_every_press_is_answered_once_whatever_it_holds(data: str) -> None:
    desk = Desk()
    opens(desk.routes, saying("opened"))
    for forged in (data, f"open:{data}"):
        text, _ = await desk.presses(forged)
        assert STALE in text or text == "opened"


async def test_an_admins_button_is_an_old_one_to_a_buyer() -> None:
    desk = Desk()
    opens(desk.routes, saying("opened"), permission=Permission.MONEY)
    assert STALE in (await desk.presses("open:7"))[0]
    desk.customer.role = Role.MANAGER
    assert (await desk.presses("open:7"))[0] == "opened"
    desk.customer.role = None  # with the menu still open
    assert STALE in (await desk.presses("open:7"))[0]


# --- What goes wrong ------------------------------------------------------------------------


async def test_an_expected_failure_of_a_press_is_a_sentence_to_confirm() -> None:
    desk = Desk()
    opens(desk.routes, raising(OrderNotFound()))
    assert await desk.presses("open:7") == ("There is no such order. See /orders.", True)


async def test_an_expected_failure_of_a_command_is_a_sentence() -> None:
    desk = Desk()

    @desk.routes.command("new")
    async def new(message: Message) -> None:
        raise BadSku("<b>")

    assert "SKU" in await desk.says("/new")


async def test_a_popups_text_has_no_markup() -> None:
    desk = Desk()
    opens(desk.routes, raising(BadSku("x")))
    text, _ = await desk.presses("open:7")
    assert "“-”" in text
    assert "&" not in text


async def test_an_unexpected_failure_of_a_press_is_logged_and_answered_once() -> None:
    desk = Desk()
    opens(desk.routes, raising(ZeroDivisionError()))
    with capture_logs() as events:
        text, popup = await desk.presses("open:7")
    assert SORRY in text
    assert popup
    assert [event["event"] for event in events] == ["update failed"]


async def test_an_unexpected_failure_of_a_command_is_logged_and_answered() -> None:
    desk = Desk()

    @desk.routes.command("new")
    async def new(message: Message) -> None:
        raise ZeroDivisionError

    with capture_logs() as events:
        assert SORRY in await desk.says("/new")
    assert [event["event"] for event in events] == ["update failed"]


@pytest.mark.parametrize("error", [DatabaseAway("gone"), TransactionAborted("deadlock")])
async def test_what_was_only_put_off_is_left_to_be_taken_again(error: Exception) -> None:
    desk = Desk()
    opens(desk.routes, raising(error))

    @desk.routes.command("new")
    async def new(message: Message) -> None:
        raise error

    for act in (desk.presses("open:7"), desk.says("/new")):
        with pytest.raises(type(error)):
            await act
        assert desk.line.said == []


async def test_a_press_that_telegram_has_given_up_is_no_failure_of_ours() -> None:
    """After a while away every press that waited is too old; what it asked for was done."""
    desk = Desk()
    opens(desk.routes, saying("opened"))
    desk.line.refuses = {"answerCallbackQuery": 2}
    with capture_logs() as events:
        assert await desk.answers_to("open:7")
    assert [event for event in events if event["log_level"] == "error"] == []


# --- Too fast -------------------------------------------------------------------------------


async def test_a_press_that_came_too_fast_is_answered_all_the_same() -> None:
    desk = Desk(gate=Gate(open=False, telling=False))
    opens(desk.routes, saying("opened"))
    text, popup = await desk.presses("open:7")
    assert TOO_FAST in text
    assert popup


async def test_somebody_typing_too_fast_is_told_now_and_then() -> None:
    desk = Desk(gate=Gate(open=False))
    called = echo(desk.routes, "start")
    assert TOO_FAST in await desk.says("/start")
    desk.gate.telling = False
    assert await desk.says("/start") == ""
    assert called == []
