"""What the local Telegram refuses, in Telegram's words, to whoever calls it without a client."""

import pytest

from bot.sandbox.events import BACKLOG, Events
from bot.sandbox.files import Files
from bot.sandbox.params import Upload
from tests.chat.local_telegram import ANN, local_telegram
from tests.people import Json

BUTTON = {"text": "x", "callback_data": "x"}


def markup(*buttons: object) -> Json:
    return {"chat_id": ANN, "text": "x", "reply_markup": {"inline_keyboard": [list(buttons)]}}


def text(**more: object) -> Json:
    return {"chat_id": ANN, "text": "x", **more}


@pytest.mark.parametrize(
    ("method", "values", "description"),
    [
        ("sendMessage", {"text": "x"}, "chat_id is empty"),
        ("sendMessage", {"chat_id": "@ann", "text": "x"}, "chat not found"),
        ("sendMessage", text(reply_markup="{"), "can't parse reply keyboard markup JSON object"),
        ("sendMessage", text(reply_markup=[]), "object expected as reply markup"),
        (
            "sendMessage",
            text(reply_markup={"inline_keyboard": {}}),
            'field "inline_keyboard" must be of type Array',
        ),
        (
            "sendMessage",
            text(reply_markup={"inline_keyboard": [BUTTON]}),
            'field "inline_keyboard" must be an Array of Arrays',
        ),
        (
            "sendMessage",
            text(reply_markup={"keyboard": [[{"text": ""}]]}),
            "keyboard button text must be non-empty",
        ),
        (
            "sendMessage",
            markup("x"),
            "can't parse inline keyboard button: expected an Object",
        ),
        ("sendMessage", markup({**BUTTON, "url": "https://a.example"}), "BUTTON_TYPE_INVALID"),
        ("sendMessage", markup({**BUTTON, "style": "pink"}), "invalid button style specified"),
        ("sendMessage", text(reply_parameters=[7]), "object expected as reply parameters"),
        (
            "sendMessage",
            text(entities=[{"type": "bold"}]),
            "can't parse MessageEntity: an Object with offset and length expected",
        ),
        (
            "editMessageText",
            text(message_id=1, reply_markup={"force_reply": True}),
            "inline keyboard expected",
        ),
        ("editMessageText", text(), "message identifier is not specified"),
        (
            "editMessageText",
            text(message_id=1, **markup({"text": "x", "pay": True})),
            "BUTTON_TYPE",
        ),
        (
            "editMessageMedia",
            {"chat_id": ANN, "message_id": 1, "media": {"type": "video"}},
            "can't parse InputMedia: type photo or document expected",
        ),
        (
            "deleteMessages",
            {"chat_id": ANN, "message_ids": []},
            "message identifiers are not specified",
        ),
        (
            "deleteMessages",
            {"chat_id": ANN, "message_ids": list(range(1, 102))},
            "too many message identifiers specified",
        ),
        ("sendMediaGroup", {"chat_id": ANN}, "expected an Array of InputMedia"),
        ("sendMediaGroup", {"chat_id": ANN, "media": "[]"}, "there are no messages to send"),
        ("setMyCommands", {}, "expected an Array of BotCommand"),
        ("setMyCommands", {"commands": ["start"]}, "expected an Array of BotCommand"),
        ("setMyCommands", {"commands": [{"command": "Start"}]}, "BOT_COMMAND_INVALID"),
        ("setMyCommands", {"commands": [{"command": "x"}]}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ("setMyCommands", {"commands": [{}] * 101}, "BOT_COMMANDS_TOO_MUCH"),
        (
            "getMyCommands",
            {"scope": {"type": "planet"}},
            "can't parse BotCommandScope: unsupported type specified",
        ),
        ("setMyName", {"name": "x" * 65}, "BOT_NAME_INVALID"),
        ("getChatMember", {"chat_id": ANN, "user_id": 9}, "user not found"),
        ("getStarTransactions", {"limit": 101}, "LIMIT_INVALID"),
        ("sendInvoice", {"chat_id": ANN}, 'parameter "title" is required'),
        (
            "answerShippingQuery",
            {"shipping_query_id": "1", "ok": True},
            "expected an Array of shipping options",
        ),
        ("answerPreCheckoutQuery", {"ok": True}, "query is too old and response timeout expired"),
    ],
)
async def test_wrong_call_is_refused(method: str, values: Json, description: str) -> None:
    async with local_telegram() as local:
        await local.bot.send_message(ANN, "the first message")
        status, answer = await local.api(method, **values)
        assert (status, answer["ok"], answer["error_code"]) == (400, False, 400)
        assert answer["description"].startswith(f"Bad Request: {description}")
        assert [message["text"] for message in local.telegram.chat(ANN)] == ["the first message"]


async def test_keyboard_without_buttons_is_none() -> None:
    async with local_telegram() as local:
        assert "reply_markup" not in (await local.api("sendMessage", **markup()))[1]["result"]


async def test_name_can_be_set_per_language() -> None:
    async with local_telegram() as local:
        assert await local.bot.set_my_name("Ключи", language_code="ru")
        assert (await local.bot.get_my_name("ru")).name == "Ключи"
        assert (await local.bot.get_my_star_balance()).amount == 0


async def test_slow_watcher_loses_the_oldest_events() -> None:
    events = Events()
    watcher = events.watch()
    for number in range(BACKLOG + 1):
        events.publish("action", number=number)
    assert await watcher.next() == {"type": "action", "number": 1}
    events.close()
    assert await events.watch().next() is None


def test_oldest_files_are_forgotten() -> None:
    files = Files(bytes_kept=10)
    first, second = (files.keep(Upload(name, b"123456")) for name in "ab")
    assert files.get(first.id) is None
    assert files.at(first.path) is None
    assert files.get(second.id) is second
