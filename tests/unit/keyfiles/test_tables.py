"""Tables as text: the delimiter, the keys' column, and quoting whole and broken."""

import pytest

from domain.errors import FileFault
from tests.unit.keyfiles.uploads import Opener, keys, refused


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_and_the_heading_are_found(opened: Opener, delimiter: str) -> None:
    rows = [["id", " Card_Key ", "note"], ["1", "AAA", "x"], ["2", "BBB", ""]]
    content = "".join(delimiter.join(row) + "\r\n" for row in rows)
    assert [*opened(content, "keys.CSV").lines()] == [(2, "AAA"), (3, "BBB")]


@pytest.mark.parametrize("heading", ["KEY", "licence", "卡密", "兑换码", "\ufeffcodes"])
def test_a_heading_over_one_column_is_no_key(opened: Opener, heading: str) -> None:
    assert [*opened(f"{heading}\nA,1;2\nB\n", "a.csv").lines()] == [(2, "A,1;2"), (3, "B")]


def test_one_column_without_a_heading_is_all_keys(opened: Opener) -> None:
    assert keys(opened('A\n"B,1"\nC;2\n\n"D""4"\n', "a.csv")) == ["A", "B,1", "C;2", 'D"4']


def test_empty_columns_beside_the_keys_do_not_count(opened: Opener) -> None:
    assert [*opened(",A,\n,,\n,B,\n", "a.csv").lines()] == [(1, "A"), (3, "B")]


def test_several_columns_ask_for_a_choice_and_show_nothing(opened: Opener) -> None:
    refusal = refused(opened, "SECRET1;u1\nSECRET2;u2\nSECRET3;u3\nSECRET4;u4\n", "a.csv")
    assert (refusal.reason, refusal.columns) == (FileFault.CHOOSE_COLUMN, 2)
    assert refusal.preview == [["SE…", "u1…"], ["SE…", "u2…"], ["SE…", "u3…"]]
    assert "SE" not in str(refusal) + repr(refusal)
    assert refusal.__context__ is None


def test_the_chosen_column_counts_from_one(opened: Opener) -> None:
    content = "AAA;u1\nBBB;u2\n"
    assert keys(opened(content, "a.csv", column=1)) == ["AAA", "BBB"]
    assert keys(opened(content, "a.csv", column=2)) == ["u1", "u2"]
    for column in (0, -1, 3):
        assert refused(opened, content, "a.csv", column=column).reason is FileFault.CHOOSE_COLUMN


def test_two_headings_that_both_fit_ask_for_a_choice(opened: Opener) -> None:
    content = "卡号,密钥\n1001,AAA\n"
    assert refused(opened, content, "a.csv").reason is FileFault.CHOOSE_COLUMN
    assert [*opened(content, "a.csv", column=2).lines()] == [(2, "AAA")]


def test_two_delimiters_that_both_fit_are_ambiguous(opened: Opener) -> None:
    content = "A;1,5\nB;2,5\n"
    assert refused(opened, content, "a.csv").reason is FileFault.AMBIGUOUS_DELIMITER
    assert keys(opened(content, "a.csv", delimiter=";", column=1)) == ["A", "B"]
    assert keys(opened(content, "a.csv", delimiter="\t")) == ["A;1,5", "B;2,5"]


def test_a_delimiter_in_some_rows_only_is_ambiguous(opened: Opener) -> None:
    content = "A,1\nB,2,3\nC\nD,4\nE,5,6,7\n"
    assert refused(opened, content, "a.csv").reason is FileFault.AMBIGUOUS_DELIMITER


def test_a_text_file_is_split_only_when_asked(opened: Opener) -> None:
    assert keys(opened("A:1\nB:2\n")) == ["A:1", "B:2"]
    assert keys(opened("A:1\nB:2\n", delimiter=":", column=2)) == ["1", "2"]


def test_a_row_that_holds_no_whole_key_is_reported(opened: Opener) -> None:
    content = "id,key\n1,AAA\n2\n3,BB,B\n4,CCC,\n5, \n6,DDD\n"
    assert [*opened(content, "a.csv").lines()] == [
        *[(2, "AAA"), (3, None), (4, None), (5, "CCC"), (6, None), (7, "DDD")],
    ]


def test_a_key_over_two_lines_is_no_key_and_numbers_go_on(opened: Opener) -> None:
    content = 'key,note\r\n"A\r\nB",x\r\nC,"two\nlines"\r\nD,y\r\n'
    assert [*opened(content, "a.csv").lines()] == [(2, None), (4, "C"), (6, "D")]


@pytest.mark.parametrize("broken", ['"B', '"B"x', 'x,"B'])
def test_broken_quoting_spoils_its_own_line_only(opened: Opener, broken: str) -> None:
    content = f'key,n\nA,1\n{broken}\n"C",3\nD,4\n'
    lines = dict(opened(content, "a.csv").lines())
    assert lines == {2: "A", 3: None, 4: "C", 5: "D"}


def test_a_quote_never_closed_does_not_swallow_the_file(opened: Opener) -> None:
    content = 'A\n"B\n' + "".join(f"K{i}\n" for i in range(5000))
    lines = [*opened(content, "a.csv").lines()]
    assert lines[:2] == [(1, "A"), (2, None)]
    assert lines[2:] == [(i + 3, f"K{i}") for i in range(5000)]


def test_a_broken_first_line_hides_no_heading(opened: Opener) -> None:
    content = '"x"y\nid;key\n1;AAA\n'
    assert [*opened(content, "a.csv").lines()] == [(1, None), (3, "AAA")]


def test_quotes_that_always_reopen_are_read_in_one_pass(opened: Opener) -> None:
    file = opened('b","x\n' * 50_000, "a.csv", delimiter=",", column=1)
    assert sum(1 for _ in file.lines()) > 0
