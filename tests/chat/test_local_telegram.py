"""Messages of the bot in the local Telegram, sent by aiogram's own client."""

import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramNotFound
from aiogram.methods import TelegramMethod
from aiogram.types import (
    CopyTextButton,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    LinkPreviewOptions,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
    ReplyParameters,
)

from tests.chat.local_telegram import ANN, BEN, local_telegram


def keyboard(*buttons: InlineKeyboardButton) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[button] for button in buttons])


def button(data: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(text="Buy", callback_data=data)


async def test_message_arrives_with_all_that_was_asked_for() -> None:
    async with local_telegram() as local:
        first = await local.bot.send_message(ANN, "first")
        sent = await local.bot.send_message(
            ANN,
            "Hi <b>there</b>",
            reply_markup=keyboard(button("buy")),
            reply_parameters=ReplyParameters(message_id=first.message_id),
            protect_content=True,
            message_effect_id="5046509860389126442",
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
        assert sent.reply_to_message is not None
        assert sent.reply_to_message.text == "first"
        assert sent.from_user is not None
        assert (sent.from_user.id, sent.from_user.is_bot) == (local.bot.id, True)
        read = await local.ann.reads("there")
        assert read["entities"] == [{"type": "bold", "offset": 3, "length": 5}]
        assert read["has_protected_content"] is True
        assert read["effect_id"] == "5046509860389126442"
        assert read["link_preview_options"] == {"is_disabled": True}
        assert await local.ann.buttons() == ["Buy"]
        assert read == local.telegram.chat(ANN)[-1]


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("x" * 4097, "message is too long"),
        ("🔑" * 2049, "message is too long"),
        (" \n ", "message text is empty"),
        ("<b> </b>", "message text is empty"),
        ("<b>x", "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
    ],
)
async def test_bad_text_is_refused(text: str, description: str) -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest) as refusal:
            await local.bot.send_message(ANN, text)
        assert refusal.value.message == f"Bad Request: {description}"
        assert local.telegram.chat(ANN) == []


async def test_longest_text_counts_after_parsing() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_message(ANN, f"<b>{'🔑' * 2048}</b>")
        assert sent.text == "🔑" * 2048


@pytest.mark.parametrize(
    ("markup", "description"),
    [
        (keyboard(button("x" * 65)), "BUTTON_DATA_INVALID"),
        (keyboard(button("ключ" * 9)), "BUTTON_DATA_INVALID"),
        (keyboard(button("")), "BUTTON_DATA_INVALID"),
        (
            keyboard(InlineKeyboardButton(text="Copy", copy_text=CopyTextButton(text="k" * 257))),
            "BUTTON_COPY_TEXT_INVALID",
        ),
        (
            keyboard(InlineKeyboardButton(text=" ", callback_data="x")),
            "inline keyboard button text must be non-empty",
        ),
        (
            keyboard(InlineKeyboardButton(text="Nothing")),
            "text buttons are unallowed in the inline keyboard",
        ),
        (
            keyboard(InlineKeyboardButton(text="Link", url="no link")),
            "inline keyboard button URL 'no link' is invalid: Wrong HTTP URL specified",
        ),
        (keyboard(InlineKeyboardButton(text="Pay", pay=True)), "BUTTON_TYPE_INVALID"),
        (keyboard(*[button("x")] * 101), "reply markup is too long"),
    ],
)
async def test_bad_keyboard_is_refused(markup: InlineKeyboardMarkup, description: str) -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest) as refusal:
            await local.bot.send_message(ANN, "Choose", reply_markup=markup)
        assert refusal.value.message == f"Bad Request: {description}"


async def test_keyboard_keeps_its_buttons_as_sent() -> None:
    async with local_telegram() as local:
        markup = keyboard(
            InlineKeyboardButton(text="Pay here", url="https://pay.example/1", style="success"),
            InlineKeyboardButton(text="Copy", copy_text=CopyTextButton(text="AAAA-BBBB")),
            button("x" * 64),
        )
        sent = await local.bot.send_message(ANN, "Choose", reply_markup=markup)
        assert sent.reply_markup is not None
        assert sent.reply_markup.model_dump() == markup.model_dump()
        assert await local.ann.presses("Copy") == {"copied": "AAAA-BBBB"}
        assert await local.ann.presses("Pay here") == {"url": "https://pay.example/1"}


async def test_reply_keyboard_belongs_to_the_chat() -> None:
    async with local_telegram() as local:
        path = f"/sandbox/people/{ANN}/keyboard"
        markup = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Yes")]])
        sent = await local.bot.send_message(ANN, "Sure?", reply_markup=markup)
        assert sent.reply_markup is None
        assert await local.get(path) == (200, {"keyboard": [[{"text": "Yes"}]]})
        await local.bot.send_message(ANN, "How many?", reply_markup=ForceReply())
        assert await local.get(path) == (200, {"force_reply": True})
        await local.bot.send_message(ANN, "Done", reply_markup=ReplyKeyboardRemove())
        assert await local.get(path) == (200, None)


async def test_reply_to_nothing_is_refused_unless_allowed() -> None:
    async with local_telegram() as local:
        nothing = ReplyParameters(message_id=999)
        with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
            await local.bot.send_message(ANN, "x", reply_parameters=nothing)
        allowed = ReplyParameters(message_id=999, allow_sending_without_reply=True)
        sent = await local.bot.send_message(ANN, "x", reply_parameters=allowed)
        assert sent.reply_to_message is None


async def test_bot_reaches_only_those_who_started_it_and_do_not_block_it() -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest, match="Bad Request: chat not found"):
            await local.bot.send_message(999, "x")
        with pytest.raises(TelegramForbiddenError, match="bot can't initiate conversation with a"):
            await local.bot.send_message(BEN, "x")
        await local.ben.says("hello")
        await local.bot.send_message(BEN, "x")
        await local.ben.blocks()
        with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
            await local.bot.send_message(BEN, "x")
        await local.ben.unblocks()
        await local.bot.send_message(BEN, "welcome back")
        await local.ben.reads("welcome back")


async def test_edit_replaces_text_and_drops_the_keyboard() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_message(ANN, "<b>one</b>", reply_markup=keyboard(button("x")))
        await local.ann.says("next")
        await local.bot.edit_message_text("two", chat_id=ANN, message_id=sent.message_id)
        message = await local.ann.reads("two")
        assert message["message_id"] == sent.message_id
        assert message.keys().isdisjoint({"entities", "reply_markup"})
        assert message["edit_date"] >= message["date"]


async def test_keyboard_alone_can_be_edited() -> None:
    async with local_telegram() as local:
        sent = await local.bot.send_message(ANN, "<b>one</b>")
        await sent.edit_reply_markup(reply_markup=keyboard(button("x")))
        message = await local.ann.reads("one")
        assert message["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
        assert await local.ann.buttons() == ["Buy"]


async def test_edit_that_changes_nothing_is_refused() -> None:
    async with local_telegram() as local:
        markup = keyboard(button("x"))
        sent = await local.bot.send_message(ANN, "<b>one</b>", reply_markup=markup)
        with pytest.raises(TelegramBadRequest) as refusal:
            await sent.edit_text("<strong>one</strong> ", reply_markup=markup)
        assert refusal.value.message == (
            "Bad Request: message is not modified: specified new message content and reply "
            "markup are exactly the same as a current content and reply markup of the message"
        )
        assert "edit_date" not in local.telegram.chat(ANN)[0]
        await sent.edit_text("<i>one</i>", reply_markup=markup)
        with pytest.raises(TelegramBadRequest, match="message is not modified"):
            await sent.edit_text("<i>one</i>", reply_markup=markup)


async def test_only_the_bots_own_present_messages_can_be_edited() -> None:
    async with local_telegram() as local:
        said = await local.ann.says("mine")
        sent = await local.bot.send_message(ANN, "text")
        with pytest.raises(TelegramBadRequest, match="message to edit not found"):
            await local.bot.edit_message_text("x", chat_id=ANN, message_id=999)
        with pytest.raises(TelegramBadRequest, match="message can't be edited"):
            await local.bot.edit_message_text("x", chat_id=ANN, message_id=said["message_id"])
        with pytest.raises(TelegramBadRequest, match="there is no caption in the message to edit"):
            await sent.edit_caption(caption="x")


async def test_deleted_messages_are_gone() -> None:
    async with local_telegram() as local:
        sent = [await local.bot.send_message(ANN, text) for text in "abc"]
        await local.bot.delete_message(ANN, sent[0].message_id)
        with pytest.raises(TelegramBadRequest, match="message to delete not found"):
            await local.bot.delete_message(ANN, sent[0].message_id)
        await local.bot.delete_messages(ANN, [message.message_id for message in sent[:2]])
        assert [message["text"] for message in await local.ann.messages()] == ["c"]
        await local.ann.clears()
        assert await local.ann.messages() == []


class GetStickerSet(TelegramMethod[bool]):
    """Something that the local Telegram does not know."""

    __returning__ = bool
    __api_method__ = "getStickerSet"


async def test_unknown_method_and_wrong_token_are_refused() -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramNotFound, match="Not Found"):
            await local.bot(GetStickerSet())
        async with local.http.get(f"{local.url}/bot42:WRONG/getMe") as response:
            refusal = {"ok": False, "error_code": 401, "description": "Unauthorized"}
            assert (response.status, await response.json()) == (401, refusal)


async def test_calls_come_as_query_form_or_json_in_any_case() -> None:
    async with local_telegram() as local:
        url = f"{local.url}/bot42:LOCAL-TOKEN/sendmessage"
        await local.http.get(url, params={"chat_id": ANN, "text": "query"})
        await local.http.post(url, data={"chat_id": ANN, "text": "form"})
        await local.http.post(url, json={"chat_id": str(ANN), "text": "json"})
        assert [message["text"] for message in await local.ann.messages()] == [
            "query",
            "form",
            "json",
        ]
        async with local.http.post(
            url, data=b"{", headers={"Content-Type": "application/json"}
        ) as r:
            assert (await r.json())["description"] == "Bad Request: can't parse request body"


async def test_log_tells_calls_in_order_without_secrets_or_polls() -> None:
    async with local_telegram() as local:
        await local.bot.get_updates()
        await local.bot.send_message(ANN, "hello")
        with pytest.raises(TelegramBadRequest):
            await local.bot.send_message(999, "nobody")
        await local.bot.set_webhook("http://127.0.0.1:9/", secret_token="hidden-secret")
        assert [(call.method, call.ok, call.error_code) for call in local.telegram.calls] == [
            ("sendMessage", True, None),
            ("sendMessage", False, 400),
            ("setWebhook", True, None),
        ]
        assert "hidden-secret" not in repr(local.telegram.calls[-1].params)
        assert "hello" not in repr(local.telegram.calls)
        status, calls = await local.get("/sandbox/calls?after=2")
        assert (status, calls[0]["description"]) == (200, "Bad Request: chat not found")


async def test_action_is_shown_and_chat_is_told() -> None:
    async with local_telegram() as local:
        assert await local.bot.send_chat_action(ANN, "upload_document")
        with pytest.raises(TelegramBadRequest, match="wrong parameter action in request"):
            await local.bot.send_chat_action(ANN, "dancing")
        chat = await local.bot.get_chat(ANN)
        assert (chat.type, chat.first_name, chat.username) == ("private", "Ann", "ann")
        member = await local.bot.get_chat_member(ANN, ANN)
        assert (member.status, member.user.id) == ("member", ANN)
