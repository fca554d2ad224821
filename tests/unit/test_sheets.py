"""Exports: whatever goes in, a spreadsheet sees rows of texts and numbers, and no formula."""

import csv
import io
import re
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.sheets import Cell, CsvSheet, harmless

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FORMULAS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", " ", "\t", "\r", "\n", "\u00a0", "\ufeff", "\u200b", " \t "]),
    st.sampled_from(["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r"]),
    TEXT,
)


def written(*rows: Sequence[Cell]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        with CsvSheet(path) as sheet:
            for row in rows:
                sheet.row(row)
        assert sheet.row_count == len(rows)
        return path.read_bytes()


def read_back(content: bytes) -> list[list[str]]:
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return [*csv.reader(text, strict=True)]


def may_be_a_formula(text: str) -> bool:
    """Judged apart from the code under test: by the first sign that a reader would see."""
    seen = text.lstrip("".join(map(chr, range(33))) + "\u00a0\u200b\ufeff")
    starts = text.startswith(("\t", "\r", "\n")) or seen.startswith(tuple("=+-@＝＋－＠"))
    return starts and re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", text) is None


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\tx", "\rx", "  =1", "\n=1", "＝1+1", "-", "--5"]
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+3.50", "-0,75", "12", "a=b", "AB-CD", "", "'=1", "5-3"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize("text", ["-5+cmd", "+3.50=", "-٣", "-5\n", "- 5"])
def test_what_only_resembles_a_number_is_no_number(text: str) -> None:
    assert harmless(text) == "'" + text


def test_numbers_of_any_type_are_written_plainly() -> None:
    assert read_back(written([-5, Decimal("-3.50"), None, "x"])) == [["-5", "-3.50", "", "x"]]


def test_a_key_that_starts_like_a_formula_gets_an_apostrophe_too() -> None:
    assert read_back(written(["-AAAA-BBBB"])) == [["'-AAAA-BBBB"]]


def test_excel_recognises_the_encoding_and_the_line_ends() -> None:
    assert written(["卡密", "é"], ["a;b", 'c"d']) == (
        b"\xef\xbb\xbf" + '卡密,é\r\na;b,"c""d"\r\n'.encode()
    )


def test_lone_surrogates_do_not_stop_an_export() -> None:
    assert read_back(written(["a\ud800b"])) == [["a?b"]]


def test_an_export_is_readable_by_its_owner_only_even_over_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.csv"
    path.write_text("earlier")
    path.chmod(0o644)
    with CsvSheet(path) as sheet:
        sheet.row(["key"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"earlier" not in path.read_bytes()


def test_rows_reach_the_file_when_the_work_on_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"

    def fail_after_one_row() -> None:
        with CsvSheet(path) as sheet:
            sheet.row(["first"])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail_after_one_row()
    assert read_back(path.read_bytes()) == [["first"]]


@given(TEXT | FORMULAS)
def test_no_text_becomes_a_formula(text: str) -> None:
    result = harmless(text)
    assert not may_be_a_formula(result)
    assert result.removeprefix("'") == text.removeprefix("'")


@given(FORMULAS)
def test_every_formula_is_found_wherever_it_hides(text: str) -> None:
    number = re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", text)
    assert harmless(text) == (text if number else "'" + text)


@given(st.lists(st.lists(TEXT | FORMULAS | st.integers(), min_size=1, max_size=5), max_size=20))
def test_rows_and_cells_come_back_in_number_and_text(rows: list[list[Cell]]) -> None:
    back = read_back(written(*rows))
    assert len(back) == len(rows)
    assert back == [[harmless(cell) for cell in row] for row in rows]


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])), max_size=30))
def test_texts_without_line_breaks_make_one_line_a_row(texts: list[str]) -> None:
    assert written(*([text] for text in texts)).count(b"\r\n") == len(texts)
