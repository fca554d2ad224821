"""Workbooks: every row comes, and a hostile one ends its own reader only."""

import re
import struct
import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import FileFault
from tests.unit.keyfiles.uploads import (
    Opener,
    check,
    edited,
    keys,
    read_whole,
    refused,
    with_sheet,
    workbook,
)


@pytest.mark.parametrize("name", ["keys.xlsx", "keys.txt", "KEYS.CSV"])
def test_a_workbook_is_known_by_its_content(opened: Opener, name: str) -> None:
    assert [*opened(workbook(["A"], [" B "]), name).lines()] == [(1, "A"), (2, "B")]


def test_rows_keep_the_numbers_of_the_sheet(opened: Opener) -> None:
    book = workbook([None, "id", "key"], [], [None, "1", "A"], [None, "2", "B"], first_row=4)
    assert [*opened(book, "a.xlsx").lines()] == [(7, "A"), (8, "B")]


def test_whole_numbers_have_no_decimal_point(opened: Opener) -> None:
    book = workbook([1234567], [0], [-5], [1.5], [999_999_999_999_999], [True])
    assert keys(opened(book, "a.xlsx")) == ["1234567", "0", "-5", "1.5", "9" * 15, "TRUE"]


def test_what_excel_has_spoilt_is_no_key(opened: Opener) -> None:
    book = workbook(["A"], [date(2024, 5, 1)], [1234567890123450], [1e20], ["B\nC"], ["D"])
    assert keys(opened(book, "a.xlsx")) == ["A", None, None, None, None, "D"]


def test_columns_of_a_workbook_follow_the_same_rules(opened: Opener) -> None:
    book = workbook(["SECRET1", "u1"], ["SECRET2", None])
    refusal = refused(opened, book, "a.xlsx")
    assert (refusal.reason, refusal.columns) == (FileFault.CHOOSE_COLUMN, 2)
    assert refusal.preview == [["SE…", "u1…"], ["SE…", "…"]]
    assert keys(opened(book, "a.xlsx", column=2)) == ["u1", None]


@pytest.mark.parametrize("dimension", [b"A1", b"A1:A2", b"A1:XFD1048576", b"Z9:A1"])
def test_all_rows_count_whatever_the_dimension_tag_says(opened: Opener, dimension: bytes) -> None:
    tag = re.compile(rb'<dimension ref="[^"]*"')
    book = edited(
        workbook(*([f"KEY-{i}"] for i in range(500))),
        "xl/worksheets/sheet1.xml",
        lambda xml: tag.sub(b'<dimension ref="' + dimension + b'"', xml),
    )
    assert [*opened(book, "a.xlsx").lines()] == [(i + 1, f"KEY-{i}") for i in range(500)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
def test_a_sheet_that_claims_the_whole_grid_ends_its_reader_only(opened: Opener) -> None:
    book = with_sheet(
        b'<row r="1"><c r="A1"><v>1</v></c></row>'
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    )
    assert refused(opened, book, "a.xlsx").reason is FileFault.TOO_BIG


def test_a_zip_bomb_is_refused_unopened(opened: Opener) -> None:
    book = edited(workbook(["A"]), "xl/theme/theme1.xml", lambda _: b" " * 60_000_000)
    assert refused(opened, book, "a.xlsx").reason is FileFault.ZIP_BOMB


def test_a_workbook_that_unpacks_beyond_the_limit_is_refused(opened: Opener) -> None:
    book = bytearray(workbook(["A"]))
    entry = book.index(b"PK\x01\x02")
    packed_and_unpacked = [300 * 1024 * 1024, 401 * 1024 * 1024]
    book[entry + 20 : entry + 28] = struct.pack("<II", *packed_and_unpacked)
    assert refused(opened, bytes(book), "a.xlsx").reason is FileFault.ZIP_BOMB


def test_a_broken_workbook_is_refused(opened: Opener) -> None:
    book = workbook(["A"])
    no_xml = edited(book, "xl/worksheets/sheet1.xml", lambda _: b"<worksheet><sheetData><row")
    tag = re.compile(rb'<dimension ref="[^"]*"')
    no_range = edited(
        book, "xl/worksheets/sheet1.xml", lambda xml: tag.sub(b'<dimension ref="?"', xml)
    )
    for content in (b"KEY\n", book[:2000], b"PK\x03\x04", book[:-30], no_xml, no_range):
        assert refused(opened, content, "a.xlsx").reason is FileFault.BROKEN


def test_a_reader_left_half_way_is_ended(opened: Opener) -> None:
    file = opened(workbook(*([f"KEY-{i}"] for i in range(50_000))), "a.xlsx")
    lines = file.lines()
    assert next(lines) == (1, "KEY-0")
    del lines  # an unended process would be a ResourceWarning, which is an error here
    assert sum(1 for _ in file.lines()) == 50_000


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_to_a_workbook_gives_keys_or_a_refusal(damage: list[tuple[int, int]]) -> None:
    book = bytearray(workbook(["id", "key"], ["1", "AAA"], ["2", "BBB"]))
    for place, byte in damage:
        book[place % len(book)] = byte
    check(read_whole(bytes(book), "a.xlsx", None, None))


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=300))
def test_any_sheet_inside_a_sound_workbook_gives_keys_or_a_refusal(noise: bytes) -> None:
    check(read_whole(with_sheet(noise), "a.xlsx", None, None))
