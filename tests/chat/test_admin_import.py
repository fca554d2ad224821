"""Keys into the shop by chat: every way in, every report, and the way back."""

import io
from pathlib import Path

import pytest
import xlsxwriter
from markupsafe import Markup

from domain.customers import Role
from handlers.admin.notice import Notice
from handlers.views import admin_buttons as buttons
from handlers.views.view import View
from tests.chat.buying import put_on_sale
from tests.chat.counter import PNG, Counter, admin, asks, forges, known
from tests.chat.local_telegram import ANN, local_telegram
from tests.chat.shop_chat import BEN, ShopChat
from tests.logscan import plant
from tests.people import Chat

KEYS = ["IMPORTED-KEY-1", "IMPORTED-KEY-2", "IMPORTED-KEY-3"]
FILE = "\n".join(KEYS).encode()


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


@pytest.fixture(autouse=True)
async def stocked(shop: ShopChat) -> None:
    for key in KEYS:
        plant(key)
    await put_on_sale(shop)


async def available(shop: ShopChat, sku: str = "GAME-1") -> int:
    async with shop.app.new_uow() as uow:
        return (await uow.stock.counts(sku))[0].available


async def reports(shop: ShopChat) -> list[str]:
    return [m["text"] for m in await shop.owner.messages() if "Imported:" in m.get("text", "")]


async def test_a_caption_imports_its_file(shop: ShopChat, owner: Chat) -> None:
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    report = await owner.reads("Imported: 3")
    assert report["text"].splitlines()[1:4] == ["Imported: 3", "Duplicates: 0", "Invalid: 0"]
    assert report["reply_to_message"]["document"]["file_name"] == "keys.txt"
    assert await available(shop) == 3


async def test_a_reply_imports_the_file_that_it_replies_to(owner: Chat) -> None:
    file = await owner.uploads("keys.txt", FILE)
    await owner.says("/import game-1", reply_to=file["message_id"])
    await owner.reads("Imported: 3")


async def test_keys_are_imported_from_the_lines_below(owner: Chat) -> None:
    await owner.says("\n".join(["/import GAME-1", *KEYS, KEYS[0]]))
    report = await owner.reads("Imported: 3")
    assert "Duplicates: 1" in report["text"]


async def test_bad_lines_are_named_by_their_numbers(owner: Chat) -> None:
    content = b"\n".join([b"IMPORTED-KEY-1", *[b"bad\x00key"] * 12, b"IMPORTED-KEY-2"])
    await owner.uploads("keys.txt", content, caption="/import GAME-1")
    report = await owner.reads("Imported: 2")
    assert "Invalid: 12 (lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)" in report["text"]


async def test_what_is_missing_is_asked_for(owner: Chat) -> None:
    await asks(owner, "/import", "Which product")
    await owner.presses("GAME-1")
    await owner.reads("Send the keys for GAME-1")
    await owner.uploads("keys.txt", FILE)
    await owner.reads("Imported: 3")
    await asks(owner, "/import GAME-1", "Send the keys for GAME-1")
    assert "Duplicates: 1" in (await asks(owner, KEYS[0], "Imported: 0"))["text"]


async def test_a_photo_instead_of_keys_leaves_the_question_open(owner: Chat) -> None:
    await asks(owner, "/import GAME-1", "Send the keys")
    await owner.uploads("p.png", PNG, as_photo=True)
    await owner.reads("no keys in this message")
    await asks(owner, KEYS[0], "Imported: 1")


@pytest.mark.parametrize("as_file", [True, False])
async def test_a_forgotten_sku_is_chosen_below_the_keys(
    shop: ShopChat, as_file: bool, owner: Chat
) -> None:
    """The keys are not sent again, and the dialog does not hold them."""
    if as_file:
        await owner.uploads("keys.txt", FILE, caption="/import")
    else:
        await owner.says("\n".join(["/import", *KEYS]))
    question = await owner.reads("Which product")
    first = await forges(owner, buttons.ImportInto(sku="GAME-1"), question)
    second = await forges(owner, buttons.ImportInto(sku="GAME-1"), question)
    assert (first, "under way" in second) == ("", True)
    await owner.reads("Imported: 3", ever=True)
    assert len(await reports(shop)) == 1


async def test_a_question_that_outlived_its_keys_says_so(owner: Chat) -> None:
    message = await asks(owner, "/admin", "Admin")
    layout = buttons.Layout(sku="GAME-1", column=1, delimiter=0)
    assert "gone" in await forges(owner, layout, message)
    answer = await owner.clicks(layout.pack(), message_id=1, inaccessible=True)
    assert "gone" in answer["text"]


async def test_a_table_asks_for_its_column_and_shows_no_key(owner: Chat) -> None:
    rows = "\n".join(f"{nth};{key};x" for nth, key in enumerate(KEYS))
    await owner.uploads("keys.csv", rows.encode(), caption="/import GAME-1")
    question = await owner.reads("Which column")
    assert "IM…" in question["text"]
    assert KEYS[0] not in question["text"]
    await owner.presses("Column 2")
    await owner.reads("Imported: 3")
    assert "Reading" not in str(await owner.messages())


async def test_a_table_that_could_be_split_in_two_ways_asks_for_the_delimiter(owner: Chat) -> None:
    rows = "\n".join(f"{nth},a;{key},b" for nth, key in enumerate(KEYS))
    await owner.uploads("keys.csv", rows.encode(), caption="/import GAME-1")
    await owner.reads("between the columns")
    await owner.presses("Comma")
    await owner.reads("Which column")
    await owner.presses("Column 2")
    await owner.reads("Imported: 3")


async def test_a_line_is_a_key_where_nothing_splits_it(owner: Chat) -> None:
    rows = "\n".join(f"{nth},a;{key},b" for nth, key in enumerate(KEYS))
    await owner.uploads("keys.csv", rows.encode(), caption="/import GAME-1")
    await owner.presses("each line is a key")
    await owner.reads("Imported: 3")


async def test_a_workbook_is_imported(owner: Chat) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        for row, cell in enumerate(["key", *KEYS]):
            sheet.write(row, 0, cell)
    await owner.uploads("keys.xlsx", content.getvalue(), caption="/import GAME-1")
    await owner.reads("Imported: 3", timeout=15)


async def test_a_key_is_a_duplicate_in_every_product(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop, "GAME-2")
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    await owner.reads("Imported: 3")
    await owner.uploads("keys.txt", FILE, caption="/import GAME-2")
    report = await owner.reads("Imported: 0")
    assert "Duplicates: 3" in report["text"]
    assert "reply_markup" not in report


async def test_an_import_is_undone_once_and_says_what_was_sold(
    shop: ShopChat, owner: Chat
) -> None:
    counter = await Counter.opened(shop, stock=0)
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    report = await owner.reads("Imported: 3")
    await counter.sold()
    await owner.presses("Undo", message=report)
    undone = await owner.reads("Undone")
    assert "Withdrawn: 2. Already sold or reserved: 1." in undone["text"]
    assert await available(shop) == 0
    answer = await forges(owner, buttons.Undo(batch=1), undone)
    assert "undone before" in answer
    assert "no such import" in await forges(owner, buttons.Undo(batch=99), undone)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("keys.txt", b"\n \n", "empty"),
        ("keys.pdf", b"%PDF-1.4", ".txt, .csv or .xlsx"),
        ("keys.xlsx", b"no workbook", "damaged"),
    ],
)
async def test_a_file_that_cannot_be_read_gets_a_sentence(
    shop: ShopChat, name: str, content: bytes, sentence: str, owner: Chat
) -> None:
    await owner.uploads(name, content, caption="/import GAME-1")
    await owner.reads(sentence)
    assert await reports(shop) == []


async def test_a_file_that_telegram_keeps_from_bots_goes_by_the_server(owner: Chat) -> None:
    await owner.uploads("keys.txt", bytes(20 * 1024 * 1024 + 1), caption="/import GAME-1")
    await owner.reads("keystall import GAME-1 FILE")


async def test_a_download_that_fails_is_told_of(shop: ShopChat, owner: Chat) -> None:
    shop.telegram.fault("500", "getFile")
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    await owner.reads("did not give me the file")


async def test_an_import_into_nothing_fetches_nothing(shop: ShopChat, owner: Chat) -> None:
    await owner.uploads("keys.txt", FILE, caption="/import NONE")
    await owner.reads("no such product")
    assert "getFile" not in {call.method for call in shop.telegram.calls}


async def test_what_nobody_expected_is_told_of_and_logged_without_keys(
    shop: ShopChat, owner: Chat
) -> None:
    def broken(path: Path, name: str, **asked: object) -> None:
        raise MemoryError(path.read_text())

    shop.app.dispatcher["open_key_file"] = broken
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    await owner.reads("went wrong")


async def test_a_report_reaches_the_chat_once_though_telegram_stumbles(
    shop: ShopChat, owner: Chat
) -> None:
    shop.telegram.fault("cut_after", "editMessageText")
    await owner.uploads("keys.txt", FILE, caption="/import GAME-1")
    await owner.reads("Imported: 3")
    await asks(owner, "/stock GAME-1", "available: 3")
    assert len(await reports(shop)) == 1


async def test_progress_is_shown_now_and_then_and_the_end_in_any_case() -> None:
    async with local_telegram() as local:
        notice = Notice(local.bot, await local.bot.send_message(ANN, "Reading …"))
        await notice.progress(View(Markup("Read 1 lines …")))
        assert local.telegram.chat(ANN)[-1]["text"] == "Reading …"
        notice._shown_at = float("-inf")
        await notice.progress(View(Markup("Read 2 lines …")))
        assert local.telegram.chat(ANN)[-1]["text"] == "Read 2 lines …"
        await notice.end(View(Markup("done")))
        await notice.end(View(Markup("done")))
        await local.ann.clears()
        await notice.end(View(Markup("done all the same")))
        assert [m["text"] for m in local.telegram.chat(ANN)] == ["done all the same"]


async def test_only_those_who_tend_the_stock_import_and_undo(shop: ShopChat, owner: Chat) -> None:
    await owner.says(f"/import GAME-1\n{KEYS[0]}")
    await owner.reads("Imported: 1")
    ben = await admin(shop, BEN, Role.SUPPORT)
    message = await asks(ben, "/admin", "Admin")
    assert "expired" in await forges(ben, buttons.Undo(batch=1), message)
    await ben.uploads("keys.txt", FILE, caption="/import GAME-1")
    await ben.reads("do not know this command")
    assert await available(shop) == 1


async def test_keys_are_withdrawn_in_one_line_and_when_asked(shop: ShopChat, owner: Chat) -> None:
    await owner.says("\n".join(["/import GAME-1", *KEYS]))
    await owner.reads("Imported: 3")
    await asks(owner, f"/withdraw GAME-1\n{KEYS[0]}\nUNHEARD-OF", "GAME-1: 1 of 2")
    await asks(owner, "/withdraw", "Which product")
    await owner.presses("GAME-1")
    await owner.reads("to withdraw")
    await asks(owner, f"{KEYS[1]}\n{KEYS[1]}", "GAME-1: 1 of 1")
    await asks(owner, "/withdraw GAME-1", "to withdraw")
    await owner.uploads("p.png", PNG, as_photo=True)
    await owner.reads("no keys in this message")
    await asks(owner, "/withdraw NONE\nX", "no such product")
    assert await available(shop) == 1
