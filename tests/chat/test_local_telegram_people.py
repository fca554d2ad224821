"""The people's side: accounts, chats, live events, and the tests' own driver of a person."""

import asyncio
import io
from typing import Any

import pytest
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from aiohttp import FormData, MultipartWriter

from tests.chat.local_telegram import ANN, BEN, Local, local_telegram
from tests.people import Refusal


def keyboard(*labels: str) -> InlineKeyboardMarkup:
    buttons = [InlineKeyboardButton(text=label, callback_data=label) for label in labels]
    return InlineKeyboardMarkup(inline_keyboard=[buttons])


async def test_people_are_listed_added_and_changed() -> None:
    async with local_telegram() as local:
        people = f"{local.url}/sandbox/people"
        added = {"id": 1003, "first_name": "Cai", "language_code": "zh", "role": "admin"}
        async with local.http.post(people, json=added) as response:
            assert (response.status, (await response.json())["stars"]) == (201, 1000)
        async with local.http.patch(f"{people}/1003", json={"stars": 5}) as response:
            assert (await response.json())["stars"] == 5
        listed = (await local.get("/sandbox/people"))[1]
        assert [person["first_name"] for person in listed] == ["Ann", "Ben", "Cai"]
        assert listed[2] == {
            "id": 1003,
            "first_name": "Cai",
            "last_name": "",
            "username": None,
            "language_code": "zh",
            "role": "admin",
            "stars": 5,
            "blocked": False,
            "started": False,
        }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"id": 1001, "first_name": "Twin"}),
        ("POST", "", {"first_name": "Nobody"}),
        ("POST", "", {"id": 7, "first_name": "X", "role": "king"}),
        ("POST", "", {"id": 7, "first_name": "X", "age": 40}),
        ("POST", "", {"id": True, "first_name": "X"}),
        ("PATCH", "/1001", {"id": 7}),
        ("PATCH", "/1001", {"stars": "many"}),
        ("POST", "/1001/say", {"text": " "}),
        ("POST", "/1001/say", {"text": "x" * 4097}),
        ("POST", "/1001/say", {"text": 7}),
        ("POST", "/1001/say", {"text": "x", "reply_to_message_id": "y"}),
        ("POST", "/1001/say", ["x"]),
        ("POST", "/1001/upload", {}),
        ("POST", "/1001/block", {"blocked": 1}),
        ("POST", "/1001/click", {"data": "x"}),
        ("POST", "/ann/say", {"text": "x"}),
        ("GET", "/1001/messages?after_revision=x", None),
        ("GET", "/1001/messages?after_revision=0&wait=x", None),
    ],
)
async def test_wrong_input_gets_a_sentence(method: str, path: str, body: object) -> None:
    async with (
        local_telegram() as local,
        local.http.request(method, f"{local.url}/sandbox/people{path}", json=body) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"].endswith(".")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("9/say", {"text": "x"}),
        ("1001/say", {"text": "x", "reply_to_message_id": 9}),
        ("1001/click", {"message_id": 9, "data": "x"}),
        ("1001/pay", {"message_id": 9}),
        ("1001/pay", {"invoice": "none"}),
    ],
)
async def test_what_is_not_there_is_404(path: str, body: dict[str, object]) -> None:
    async with (
        local_telegram() as local,
        local.http.post(f"{local.url}/sandbox/people/{path}", json=body) as response,
    ):
        assert response.status == 404
        assert "error" in await response.json()


async def test_uploads_are_checked_like_messages() -> None:
    async with local_telegram() as local:
        with pytest.raises(Refusal, match="A caption holds at most 1024 characters"):
            await local.ann.uploads("x.txt", b"x", caption="x" * 1025)
        with pytest.raises(Refusal, match="Telegram does not take this file"):
            await local.ann.uploads("x.txt", b"")
        form = FormData({"as": "film", "file": io.BytesIO(b"x")})
        path = f"{local.url}/sandbox/people/{ANN}/upload"
        async with local.http.post(path, data=MultipartWriter("form-data")) as response:
            assert (await response.json())["error"] == "There is no file in the upload."
        async with local.http.post(path, data=form) as response:
            assert response.status == 400
        async with local.http.post(path.replace("upload", "say"), data=b"{") as response:
            assert (await response.json())["error"] == "The body is no JSON."
        assert await local.get("/sandbox/files/none") == (404, {"error": "There is no such file."})


async def test_changed_person_writes_under_the_new_name() -> None:
    async with local_telegram() as local:
        change = {"first_name": "Anna", "language_code": "ru"}
        await local.http.patch(f"{local.url}/sandbox/people/{ANN}", json=change)
        message = await local.ann.says("/start")
        assert message["from"]["language_code"] == "ru"
        assert message["chat"]["first_name"] == "Anna"
        assert message["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]


async def test_blocked_bot_hears_nothing() -> None:
    async with local_telegram() as local:
        await local.ann.blocks()
        with pytest.raises(Refusal, match="Ann has blocked the bot"):
            await local.ann.says("hello?")
        assert [bool(update.my_chat_member) for update in await local.bot.get_updates()] == [True]


async def test_menu_follows_scope_and_language() -> None:
    async with local_telegram() as local:

        async def set_menu(word: str, **audience: Any) -> None:  # whatever the method takes
            command = BotCommand(command="start", description=word)
            await local.bot.set_my_commands([command], **audience)

        async def menu(query: str) -> list[str]:
            bot = (await local.get(f"/sandbox/bot?{query}"))[1]
            assert (bot["id"], bot["username"]) == (42, "local_shop_bot")
            return [command["description"] for command in bot["commands"]]

        assert await menu("") == []
        await set_menu("Start")
        await set_menu("开始", language_code="zh")
        assert (await menu("language=zh"), await menu("language=ru")) == (["开始"], ["Start"])
        await set_menu("Private", scope=BotCommandScopeAllPrivateChats())
        await set_menu("Boss", scope=BotCommandScopeChat(chat_id=ANN))
        assert await menu(f"person={ANN}&language=zh") == ["Boss"]
        assert await menu(f"person={BEN}") == ["Private"]
        await local.bot.delete_my_commands(scope=BotCommandScopeAllPrivateChats())
        assert await menu("language=zh") == ["开始"]
        assert [c.description for c in await local.bot.get_my_commands()] == ["Start"]


async def test_bot_describes_itself() -> None:
    async with local_telegram() as local:
        await local.bot.set_my_description("Sells keys")
        await local.bot.set_my_short_description("Keys", language_code="ru")
        assert (await local.bot.get_my_description()).description == "Sells keys"
        assert (await local.bot.get_my_short_description()).short_description == ""
        assert (await local.bot.get_my_name()).name == "Local shop"


async def events_of(local: Local, count: int, ready: asyncio.Event) -> list[dict[str, Any]]:
    """The first events after the watcher is there."""
    async with local.http.ws_connect(f"{local.url}/sandbox/events") as socket:
        ready.set()
        return [await socket.receive_json(timeout=5) for _ in range(count)]


async def test_watchers_see_everything_as_it_happens() -> None:
    async with local_telegram(callback_timeout=0.05) as local, asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        watching = group.create_task(events_of(local, 10, ready))
        await ready.wait()
        sent = await local.bot.send_message(ANN, "one")
        await sent.edit_text("two")
        await local.bot.send_chat_action(ANN, "typing")
        await sent.delete()
        await local.bot.set_my_commands([])
        local.telegram.fault("500", "getMe")
        events = await watching
        assert [event["type"] for event in events] == [
            "message",
            "call",
            "edited",
            "call",
            "action",
            "call",
            "deleted",
            "call",
            "commands",
            "call",
        ]
        assert events[0]["person"] == ANN
        assert events[2]["message"]["text"] == "two"
        assert events[6]["message_ids"] == [sent.message_id]
        assert events[3]["call"]["method"] == "editMessageText"


async def test_leaving_closes_the_watchers() -> None:
    async with (
        asyncio.timeout(5),
        local_telegram() as local,
        local.http.ws_connect(f"{local.url}/sandbox/events") as socket,
    ):
        local.telegram.close()
        assert (await socket.receive()).type.name == "CLOSE"


async def test_revision_tells_what_is_new() -> None:
    async with local_telegram() as local:
        path = f"/sandbox/people/{ANN}/messages"
        first = await local.bot.send_message(ANN, "one")
        await local.bot.send_message(ANN, "two")
        changes = (await local.get(f"{path}?after_revision=0"))[1]
        assert [message["text"] for message in changes["messages"]] == ["one", "two"]
        await first.edit_text("one again")
        later = (await local.get(f"{path}?after_revision={changes['revision']}&wait=5"))[1]
        assert [message["text"] for message in later["messages"]] == ["one again"]
        assert later["revision"] == changes["revision"] + 1
        none = (await local.get(f"{path}?after_revision={later['revision']}&wait=0.01"))[1]
        assert none == {"revision": later["revision"], "messages": []}


async def test_person_reads_only_what_came_since_their_last_action() -> None:
    async with local_telegram() as local:
        old = await local.bot.send_message(ANN, "Order paid")
        await local.ann.says("/start")
        with pytest.raises(AssertionError, match="no message with 'paid'"):
            await local.ann.reads("paid", timeout=0.05)
        assert (await local.ann.reads("paid", ever=True))["message_id"] == old.message_id
        await old.edit_text("Order paid and sent")
        await local.bot.send_message(ANN, "Something else")
        assert (await local.ann.reads("paid"))["message_id"] == old.message_id


async def test_person_waits_for_what_is_still_to_come() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        await local.ann.says("/start")
        [started] = await local.bot.get_updates()
        reading = group.create_task(local.ann.reads("at last"))
        pressing = group.create_task(local.ann.presses("Catalog"))
        await local.bot.send_message(ANN, "not yet", reply_markup=keyboard("Help"))
        await local.bot.send_message(ANN, "at last", reply_markup=keyboard("Catalog"))
        assert (await reading)["text"] == "at last"
        [update] = await local.bot.get_updates(offset=started.update_id + 1, timeout=5)
        query = update.callback_query
        assert query is not None
        assert query.data == "Catalog"
        await query.answer()
        assert (await pressing)["answered"] is True


async def test_failed_press_names_the_labels_and_no_texts() -> None:
    async with local_telegram() as local:
        await local.bot.send_message(ANN, "<code>AAAA</code>", reply_markup=keyboard("Orders"))
        with pytest.raises(AssertionError) as failure:
            await local.ann.presses("Catalog", timeout=0.05)
        assert "Orders" in str(failure.value)
        assert "AAAA" not in str(failure.value)


async def test_newest_button_wins_unless_a_message_is_named() -> None:
    async with local_telegram(callback_timeout=0.01) as local:
        first = await local.bot.send_message(ANN, "one", reply_markup=keyboard("Next 1"))
        await local.bot.send_message(ANN, "two", reply_markup=keyboard("Next 2"))
        await local.ann.presses("Next")
        await local.ann.presses("Next", message={"message_id": first.message_id})
        queries = [update.callback_query for update in await local.bot.get_updates()]
        assert [query.data for query in queries if query] == ["Next 2", "Next 1"]


async def test_codes_are_collected_in_order() -> None:
    async with local_telegram() as local:
        await local.ann.says("not <code>mine</code>")
        await local.bot.send_message(ANN, "🔑 <code>A-1</code>\n<code>Б&amp;2</code>")
        await local.bot.send_message(ANN, "and <code>C-3</code>")
        assert await local.ann.codes() == ["A-1", "Б&2", "C-3"]


async def test_page_is_served_or_said_to_be_missing() -> None:
    async with local_telegram() as local, local.http.get(local.url) as response:
        assert (response.status, response.content_type) in (
            (200, "text/html"),
            (404, "application/json"),
        )
