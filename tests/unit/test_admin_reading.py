"""What admins type, taken apart."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.types import Message

from domain.catalog import Page
from domain.customers import Customer
from domain.errors import BadAmount, BadSku, BadUserId
from domain.money import Money
from domain.stock import StockCount
from handlers.admin import admins, stock
from handlers.admin.exporting import BadDay, Wanted
from handlers.admin.import_job import Layout, name_of
from handlers.admin.key_message import KeyMessage
from handlers.admin.orders import read_part
from handlers.admin.products import Draft

OLGA = {"id": 9001, "is_bot": False, "first_name": "Olga"}
BOT = {"id": 42, "is_bot": True, "first_name": "Shop"}
FILE = {"file_id": "F1", "file_unique_id": "U1", "file_name": "keys.txt"}


def message(text: str = "", **content: Any) -> Message:  # Bot API fields
    """What Olga says in her private chat."""
    chat = {"id": 9001, "type": "private"}
    sent = {"message_id": 7, "date": 1, "chat": chat, "from": OLGA, **content}
    return Message.model_validate({**sent, "text": text} if text else sent)


def replying(text: str, *, to: dict[str, Any], author: dict[str, Any] = OLGA) -> Message:
    chat = {"id": 9001, "type": "private"}
    replied = {"message_id": 5, "date": 1, "chat": chat, "from": author, **to}
    return message(text, reply_to_message=replied)


def keys_of(read: KeyMessage) -> list[tuple[int, str | None]]:
    return list(read.typed.lines()) if read.typed else []


def test_keys_below_the_command_carry_their_line_in_the_message() -> None:
    read = KeyMessage.read(message("/import GAME-1\nA-1\n\nB-2"))
    assert read.sku == "GAME-1"
    assert keys_of(read) == [(2, "A-1"), (4, "B-2")]


def test_a_key_right_behind_the_sku_is_a_key_too() -> None:
    assert keys_of(KeyMessage.read(message("/import GAME-1 A 1\nB-2"))) == [(1, "A 1"), (2, "B-2")]


def test_a_caption_names_the_sku_of_its_file() -> None:
    read = KeyMessage.read(message(caption="/import GAME-1", document=FILE))
    assert (read.sku, read.file and read.file.file_id, keys_of(read)) == ("GAME-1", "F1", [])


def test_a_reply_is_about_the_file_or_the_keys_that_it_replies_to() -> None:
    about_file = KeyMessage.read(replying("/import GAME-1", to={"document": FILE}))
    assert (about_file.source.message_id, about_file.file is None) == (5, False)
    about_keys = KeyMessage.read(replying("/import GAME-1", to={"text": "A-1\nB-2"}))
    assert keys_of(about_keys) == [(1, "A-1"), (2, "B-2")]


def test_what_the_bot_itself_said_is_no_key() -> None:
    read = KeyMessage.read(replying("/import GAME-1", to={"text": "Hello"}, author=BOT))
    assert read.is_empty


def test_keys_without_a_sku_are_found_again_once_it_is_chosen() -> None:
    typed = message("/import\nA-1")
    assert (KeyMessage.read(typed).sku, keys_of(KeyMessage.read(typed))) == ("", [(2, "A-1")])
    assert keys_of(KeyMessage.found_again(typed, "GAME-1")) == [(2, "A-1")]
    assert keys_of(KeyMessage.found_again(message("A-1"), "GAME-1")) == [(1, "A-1")]


def test_keys_are_in_no_repr() -> None:
    assert "A-1-SECRET" not in repr(KeyMessage.read(message("/import GAME-1\nA-1-SECRET")))


def test_a_file_keeps_the_end_of_its_name_which_tells_how_to_read_it() -> None:
    named = {**FILE, "file_name": "\u202e" + "k" * 200 + ".xlsx"}
    read = KeyMessage.read(message(caption="/import G", document=named))
    assert read.file is not None
    assert name_of(read.file).endswith("k.xlsx")
    assert len(name_of(read.file)) == 64


def test_a_draft_is_read_from_the_left() -> None:
    assert Draft.read("G-1", "USD") == Draft(sku="G-1")
    assert Draft.read("G-1 4.99", "USD") == Draft(sku="G-1", price="4.99 USD")
    whole = Draft(sku="G-1", price="30.00 CNY", name="Space Game")
    assert Draft.read("G-1 30 CNY Space Game", "USD") == whole


@pytest.mark.parametrize(
    ("text", "error"), [("G/1 4.99 X", BadSku), ("G-1 -4.99 X", BadAmount), ("G 0 X", BadAmount)]
)
def test_a_bad_draft_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Draft.read(text, "USD")


def test_an_export_includes_both_days() -> None:
    wanted = Wanted.read("Orders GAME-1 2026-01-30 2026-01-31")
    assert (wanted.what, wanted.sku, wanted.file_name) == (
        "orders",
        "GAME-1",
        "keystall-orders-GAME-1.csv",
    )
    assert wanted.since == datetime(2026, 1, 30, tzinfo=UTC)
    assert wanted.until == datetime(2026, 2, 1, tzinfo=UTC)


def test_an_export_needs_neither_sku_nor_days() -> None:
    assert Wanted.read("") == Wanted("")
    assert Wanted.read("orders 2026-01-30").since == datetime(2026, 1, 30, tzinfo=UTC)
    assert Wanted.read("keys").file_name == "keystall-keys.csv"


@pytest.mark.parametrize("word", ["2026-13-01", "2026-02-30"])
def test_a_day_that_does_not_exist_is_refused(word: str) -> None:
    with pytest.raises(BadDay):
        Wanted.read(f"orders {word}")


def test_a_delimiter_is_known_by_its_number() -> None:
    assert (Layout().sign, Layout(0, 2).sign, Layout(0, 99).sign) == (None, ";", None)


@pytest.mark.parametrize(
    ("text", "amount", "reason"),
    [
        ("2.50 USD", Money(250, "USD"), ""),
        ("2.50 USD one key was dead", Money(250, "USD"), "one key was dead"),
        ("  500   JPY  both dead ", Money(500, "JPY"), "both dead"),
        ("100 XTR dead", Money(100, "XTR"), "dead"),
        ("2 keys were dead", None, "2 keys were dead"),
        ("2.50", None, "2.50"),
        ("2.50 usd", None, "2.50 usd"),
        ("dead", None, "dead"),
        ("  ", None, ""),
    ],
)
def test_a_part_is_named_with_its_currency_or_it_is_a_reason(
    text: str, amount: Money | None, reason: str
) -> None:
    assert read_part(text) == (amount, reason)


@pytest.mark.parametrize("text", ["-1 USD", "1e3 USD", "2.505 USD", "0.5 XTR", "two USD dead"])
def test_a_part_that_is_no_amount_is_refused_and_not_taken_for_everything(text: str) -> None:
    with pytest.raises(BadAmount):
        read_part(text)


@pytest.mark.parametrize("text", ["0", "000", "00000000000000001" + "9" * 30, "9" * 40])
def test_a_number_that_is_no_user_id_is_refused(text: str) -> None:
    with pytest.raises(BadUserId):
        admins.user_id_of(text)


def test_pages_past_the_end_are_empty() -> None:
    people = [Customer(n, "") for n in range(1, 20)]
    assert admins.page_of(people, 0) == Page(people[:15], 0, more=True)
    assert admins.page_of(people, 9_999) == Page([], 9_999, more=False)
    counts = [StockCount(f"G-{n}", "", 0, 0, 0, 0) for n in range(11)]
    assert stock.page_of(counts, 1) == Page(counts[10:], 1, more=False)
