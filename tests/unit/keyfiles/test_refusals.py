"""Key files that are refused: each for its own reason, and never by a crash."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import FileFault
from tests.unit.keyfiles.uploads import Opener, check, keys, read_whole, refused, workbook

NOISE = st.binary(max_size=400) | st.lists(
    st.sampled_from(
        [
            *(b'"', b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"\x00", b" ", b"\x1f"),
            *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xff", b"\xe5\xaf\x86", b"\xe2\x80\xa8"),
            *(b"key", b"A", b"KEY-1"),
        ]
    ),
    max_size=60,
).map(b"".join)


@pytest.mark.parametrize("content", [b"", b"\n\r\n \n", b"\xef\xbb\xbf", b"\xff\xfe\n\x00"])
@pytest.mark.parametrize("name", ["keys.txt", "keys.csv"])
def test_a_file_without_a_key_is_empty(opened: Opener, content: bytes, name: str) -> None:
    assert refused(opened, content, name).reason is FileFault.EMPTY


def test_a_heading_alone_is_an_empty_file(opened: Opener) -> None:
    assert refused(opened, "id,key\n", "keys.csv").reason is FileFault.EMPTY
    assert refused(opened, workbook(["key"]), "keys.xlsx").reason is FileFault.EMPTY
    assert refused(opened, workbook(), "keys.xlsx").reason is FileFault.EMPTY


def test_a_file_over_the_limit_is_too_big(opened: Opener) -> None:
    assert keys(opened("ABC", max_bytes=3)) == ["ABC"]
    assert refused(opened, "ABCD", "keys.txt", max_bytes=3).reason is FileFault.TOO_BIG


@pytest.mark.parametrize("name", ["keys.txt", "keys.csv", "keys.xlsx"])
@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c"]
)
def test_other_kinds_of_file_are_refused(opened: Opener, content: bytes, name: str) -> None:
    assert refused(opened, content + b"text\n", name).reason is FileFault.UNKNOWN_TYPE


@pytest.mark.parametrize("name", ["keys.pdf", "keys", "keys.txt.exe", ".txt"])
def test_names_of_other_kinds_are_refused(opened: Opener, name: str) -> None:
    assert refused(opened, "KEY\n", name).reason is FileFault.UNKNOWN_TYPE


def test_a_zip_that_holds_no_workbook_is_refused(opened: Opener) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("keys.txt", "KEY\n")
    assert refused(opened, content.getvalue(), "keys.txt").reason is FileFault.UNKNOWN_TYPE


def test_a_delimiter_that_cannot_be_one_is_the_callers_mistake(opened: Opener) -> None:
    for delimiter in ("", '"', "\n", "::"):
        with pytest.raises(ValueError, match="delimiter"):
            opened("a\n", delimiter=delimiter)


@settings(max_examples=400)
@given(
    NOISE,
    st.sampled_from(["a.txt", "a.csv"]),
    st.none() | st.integers(-1, 4),
    st.sampled_from([None, ",", ";", "\t", "|", ":"]),
)
def test_any_bytes_give_keys_or_a_refusal(
    content: bytes, name: str, column: int | None, delimiter: str | None
) -> None:
    check(read_whole(content, name, column, delimiter))
