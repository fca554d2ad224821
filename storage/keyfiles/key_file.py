"""A file of card keys: what kind it is, and its keys line by line."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath

from domain.errors import FileFault, UnreadableFile
from storage.keyfiles.delimited import DELIMITERS, delimited_rows, delimiter_of
from storage.keyfiles.tables import Layout, Row, filled, key_in, layout_of, sample
from storage.keyfiles.text import Line, encoding_of, text_lines
from storage.keyfiles.workbook_process import sheet_rows

CHAT_FILE_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 512 * 1024 * 1024  # for the command line

_ZIP = b"PK\x03\x04"
_BINARY = (
    *(b"%PDF-", b"\x89PNG", b"GIF87a", b"GIF89a", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*"),
    *(b"PK\x05\x06", b"PK\x07\x08", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08"),
    *(b"BZh91AY&SY", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0", b"\x7fELF"),
    b"SQLite format 3\x00",
)


class KeyFile:
    """A file of card keys on disk, readable any number of times, line by line, in constant memory.

    A .txt is one key a line, whatever signs are in it, unless a column or delimiter is asked for.
    """

    def __init__(
        self, path: Path, name: str, *, column: int | None = None, delimiter: str | None = None
    ) -> None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n '):
            raise ValueError("a delimiter is one character, and no quote, line end or space")
        self._path = path
        self._suffix = PurePath(name).suffix.lower()
        self._column = column
        self._asked_delimiter = delimiter

    def lines(self) -> Iterator[Line]:
        """(number from 1, key without surrounding white space); blank lines are left out.

        None for a key: the line cannot be one (undecodable, control characters, too long, quoting
        broken). Raises `UnreadableFile`.
        """
        if self._is_workbook or self._suffix == ".csv" or self._is_split:
            return self._table_lines()
        return text_lines(self._path, self._encoding)

    def _table_lines(self) -> Iterator[Line]:
        column, width, headed = self._layout
        for number, cells in filled(self._rows()):
            if headed and cells is not None:
                headed = False
            else:
                yield number, key_in(cells, column, width)

    def _rows(self) -> Iterator[Row]:
        if self._is_workbook:
            return sheet_rows(self._path)
        return delimited_rows(self._path, self._encoding, self._delimiter)

    @property
    def _is_split(self) -> bool:
        return self._column is not None or self._asked_delimiter is not None

    @cached_property
    def _head(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(4096)

    @cached_property
    def _is_workbook(self) -> bool:
        if self._suffix not in {".txt", ".csv", ".xlsx"} or self._head.startswith(_BINARY):
            raise UnreadableFile(FileFault.UNKNOWN_TYPE)
        if self._suffix == ".xlsx" and not self._head.startswith(_ZIP):
            raise UnreadableFile(FileFault.BROKEN)
        return self._head.startswith(_ZIP)

    @cached_property
    def _encoding(self) -> str:
        return encoding_of(self._head)

    @cached_property
    def _delimiter(self) -> str:
        if self._asked_delimiter is not None:
            return self._asked_delimiter
        return delimiter_of(
            {d: sample(delimited_rows(self._path, self._encoding, d)) for d in DELIMITERS}
        )

    @cached_property
    def _layout(self) -> Layout:
        return layout_of(sample(self._rows()), self._column)


def open_key_file(
    path: Path,
    name: str,
    *,
    column: int | None = None,
    delimiter: str | None = None,
    max_bytes: int = CHAT_FILE_BYTES,
) -> KeyFile:
    """The file, known to be of a readable form and not empty; `column` counts from 1.

    Raises `UnreadableFile`; `OSError` when there is no such file; `ValueError` for a delimiter
    that cannot be one.
    """
    file = KeyFile(path, name, column=column, delimiter=delimiter)
    size = path.stat().st_size
    if size > max_bytes:
        raise UnreadableFile(FileFault.TOO_BIG)
    if size == 0 or next(file.lines(), None) is None:
        raise UnreadableFile(FileFault.EMPTY)
    return file
