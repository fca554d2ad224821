"""Views on the screen: changed in place where Telegram lets them be, sent anew where not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import BufferedInputFile, CallbackQuery, InlineKeyboardButton, Message
from markupsafe import Markup

from handlers import screen
from handlers.views.view import View, button
from tests.chat.local_telegram import ANN, Local, local_telegram, next_update

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc00000030101001e4ee3600000000049454e44ae426082"
)


class Go(CallbackData, prefix="go"):
    to: str


def view(text: str, photo: str | bytes | None = None) -> View:
    html = Markup(text)  # noqa: S704 - the tests' own
    return View(html, [[button("Go", Go(to="on"))]], photo)


@dataclass
class Screen:
    """A message in Ann's chat, and what a press on it shows."""

    local: Local
    on: Message

    async def shows(self, new: View, *, inaccessible: bool = False) -> Message:
        """Press the message's button and let the press show a view."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._press(inaccessible))
            query = await self._query()
            await query.answer()
        return await screen.show(query, new)

    async def _press(self, inaccessible: bool) -> None:
        await self.local.ann.clicks(
            "go:on", message_id=self.on.message_id, inaccessible=inaccessible
        )

    async def _query(self) -> CallbackQuery:
        update = await next_update(self.local)
        await self.local.bot.get_updates(offset=update.update_id + 1, timeout=0)
        assert update.callback_query is not None
        return update.callback_query.as_(self.local.bot)

    @property
    def chat(self) -> list[tuple[str, bool]]:
        """What the chat holds: each message's words, and whether it has a picture."""
        return [
            (message.get("text") or message.get("caption", ""), "photo" in message)
            for message in self.local.telegram.chat(ANN)
        ]


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with local_telegram() as opened:
        yield opened


async def showing(local: Local, first: View) -> Screen:
    return Screen(local, await screen.send(local.bot, ANN, first))


async def test_a_view_is_sent_with_its_buttons(local: Local) -> None:
    await screen.send(local.bot, ANN, view("<b>Games</b>"))
    assert await local.ann.buttons() == ["Go"]
    [message] = local.telegram.chat(ANN)
    assert message["entities"][0]["type"] == "bold"


async def test_a_view_without_buttons_takes_the_old_ones_away(local: Local) -> None:
    shown = await showing(local, view("Games"))
    await shown.shows(View(Markup("Closed")))
    assert await local.ann.buttons() == []


async def test_a_row_without_buttons_is_no_row(local: Local) -> None:
    row: list[InlineKeyboardButton] = []
    await screen.send(local.bot, ANN, View(Markup("Games"), [row, *view("x").keyboard]))
    assert await local.ann.buttons() == ["Go"]


@pytest.mark.parametrize("photo", [None, PNG], ids=["text", "photo"])
async def test_a_message_changes_in_place(local: Local, photo: bytes | None) -> None:
    shown = await showing(local, view("Games", photo))
    changed = await shown.shows(view("Cards", photo))
    assert changed.message_id == shown.on.message_id
    assert shown.chat == [("Cards", photo is not None)]


async def test_a_photo_may_be_one_that_telegram_has(local: Local) -> None:
    shown = await showing(local, view("Games", PNG))
    assert shown.on.photo is not None
    await shown.shows(view("Cards", shown.on.photo[-1].file_id))
    assert shown.chat == [("Cards", True)]


@pytest.mark.parametrize(("before", "after"), [(None, PNG), (PNG, None)], ids=["to", "from"])
async def test_a_text_and_a_photo_replace_each_other(
    local: Local, before: bytes | None, after: bytes | None
) -> None:
    shown = await showing(local, view("Games", before))
    changed = await shown.shows(view("Cards", after))
    assert changed.message_id != shown.on.message_id
    assert shown.chat == [("Cards", after is not None)]


async def test_an_old_message_that_cannot_be_deleted_stays_and_the_view_comes_once(
    local: Local,
) -> None:
    """Telegram deletes nothing that is older than two days."""
    shown = await showing(local, view("Games"))
    local.telegram.fault(
        "400", "deleteMessage", description="Bad Request: message can't be deleted for everyone"
    )
    await shown.shows(view("Cards", PNG))
    assert shown.chat == [("Games", False), ("Cards", True)]


async def test_the_same_view_again_is_no_failure(local: Local) -> None:
    shown = await showing(local, view("Games"))
    same = await shown.shows(view("Games"))
    assert same.message_id == shown.on.message_id
    assert shown.chat == [("Games", False)]


async def test_a_message_too_old_to_be_seen_is_followed_by_a_new_one(local: Local) -> None:
    shown = await showing(local, view("Games"))
    await shown.shows(view("Cards"), inaccessible=True)
    assert shown.chat == [("Games", False), ("Cards", False)]


@pytest.mark.parametrize(
    "description",
    ["Bad Request: message can't be edited", "Bad Request: message to edit not found"],
)
async def test_a_message_that_cannot_be_changed_is_followed_by_a_new_one(
    local: Local, description: str
) -> None:
    shown = await showing(local, view("Games"))
    local.telegram.fault("400", "editMessageText", description=description)
    await shown.shows(view("Cards"))
    assert shown.chat == [("Games", False), ("Cards", False)]


async def test_a_document_is_followed_by_a_text(local: Local) -> None:
    """A message with a file has no text to edit."""
    sent = await local.bot.send_document(
        ANN,
        BufferedInputFile(b"KEY", "keys.txt"),
        caption="Keys",
        reply_markup=view("x").markup,
    )
    shown = Screen(local, sent)
    await shown.shows(view("Cards"))
    assert shown.chat == [("Keys", False), ("Cards", False)]


async def test_a_view_that_telegram_cannot_take_is_our_fault_and_seen(local: Local) -> None:
    shown = await showing(local, view("Games"))
    with pytest.raises(TelegramBadRequest):
        await shown.shows(view("<b>never closed"))


async def test_a_query_without_its_bot_is_a_mistake() -> None:
    fields: dict[str, Any] = {"id": 1, "is_bot": False, "first_name": "Ann"}
    query = CallbackQuery.model_validate({"id": "1", "from": fields, "chat_instance": "1"})
    with pytest.raises(RuntimeError):
        await screen.show(query, view("Games"))
