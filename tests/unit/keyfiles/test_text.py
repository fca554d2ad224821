"""Key files of text: every key comes, and every bad line is named."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.keyfiles.uploads import Opener, keys, read_whole


def test_every_line_end_counts_as_one_line(opened: Opener) -> None:
    file = opened("A\nB\r\nC\rD\r\r\nE")
    assert [*file.lines()] == [(1, "A"), (2, "B"), (3, "C"), (4, "D"), (6, "E")]


def test_blank_lines_are_left_out_and_counted(opened: Opener) -> None:
    assert [*opened("\n \t\nA\n\u200b\n\u3000\nB\n").lines()] == [(3, "A"), (6, "B")]


@pytest.mark.parametrize("key", ["a;b", "a,b,c", '"a"', "a\tb", "a|b", "<b>&amp;", "é 卡密 🔑"])
def test_signs_in_a_line_are_part_of_the_key(opened: Opener, key: str) -> None:
    assert keys(opened(f"{key}\nplain\n")) == [key, "plain"]


def test_white_space_and_invisible_signs_around_a_key_are_stripped(opened: Opener) -> None:
    content = "\ufeff A\t\n\u00a0B\u200b\n\u200b\ufeff C D \ufeff\n"
    assert keys(opened(content)) == ["A", "B", "C D"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "BOM utf-16-be"]
)
@pytest.mark.parametrize("name", ["keys.txt", "keys.csv"])
def test_encodings_are_told_apart(opened: Opener, encoding: str, name: str) -> None:
    text = "KEY-0001\r\nKEY-0002\r\nKEY-密\n"
    content = text.encode(encoding.removeprefix("BOM "))
    marked = b"\xfe\xff" + content if encoding.startswith("BOM") else content
    file = opened(marked, name)
    assert [*file.lines()] == [(1, "KEY-0001"), (2, "KEY-0002"), (3, "KEY-密")]


@pytest.mark.parametrize(
    "bad",
    [b"\xff\xfe\xfd", b"A\x00B", b"A\x01", b"\x1bA", b"\xc2\x85A", b"A\xe2\x80\xa8B", b"A\x0bB"],
)
@pytest.mark.parametrize("name", ["keys.txt", "keys.csv"])
def test_a_line_that_cannot_be_a_key_spoils_no_other(
    opened: Opener, bad: bytes, name: str
) -> None:
    file = opened(b"first\n" + bad + b"\nlast \xe5\xaf\x86\n", name)
    assert [*file.lines()] == [(1, "first"), (2, None), (3, "last 密")]


def test_a_broken_surrogate_in_utf_16_spoils_one_line(opened: Opener) -> None:
    lines = [b"A\x00", b"\x00\xd8", b"B\x00"]
    file = opened(b"\xff\xfe" + b"\n\x00".join(lines) + b"\n\x00X")
    assert [*file.lines()] == [(1, "A"), (2, None), (3, "B"), (4, None)]


def test_a_key_of_4000_characters_is_the_longest(opened: Opener) -> None:
    assert keys(opened("密" * 4000 + "\n" + "x" * 4001 + "\nA")) == ["密" * 4000, None, "A"]


def test_an_endless_line_is_one_bad_line(opened: Opener) -> None:
    content = "A\n" + "KEY" + " " * 700_000 + "x\nB\n"
    assert [*opened(content).lines()] == [(1, "A"), (2, None), (3, "B")]


def test_line_numbers_and_line_ends_hold_where_blocks_meet(opened: Opener) -> None:
    lines = [f"{'密' * (i % 7)}{i}" for i in range(60_000)]
    assert [*opened("\r\n".join(lines)).lines()] == [*enumerate(lines, start=1)]


def test_a_file_is_read_again_from_its_start(opened: Opener) -> None:
    file = opened("A\nB\n")
    assert next(file.lines()) == (1, "A")
    assert keys(file) == keys(file) == ["A", "B"]


@pytest.mark.parametrize("name", ["keys.txt", "keys.csv"])
@pytest.mark.parametrize("content", ["AAAAA-BBBBB-CCCCC-DDDDD\n" * 300_000, "x" * 20_000_000])
def test_memory_stays_bounded(opened: Opener, name: str, content: str) -> None:
    file = opened(content, name)
    tracemalloc.start()
    try:
        assert sum(1 for _ in file.lines()) == max(1, content.count("\n"))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_sound_keys_come_back_as_they_went_in(texts: list[str]) -> None:
    lines = read_whole("\r\n".join(texts).encode(), "a.txt", None, None)
    expected = [None if "\ufffd" in text else text for text in texts]
    assert lines == [*enumerate(expected, start=1)]
