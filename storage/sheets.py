"""Exports as CSV files that Excel, LibreOffice and Google Sheets open as they are.

The rule against formulas, for every cell, keys included: a text whose first character that is
neither white space nor invisible is `=`, `+`, `-` or `@` (or its full-width twin, which East Asian
editions of Excel read alike), and any text that starts with a tab or a line break, gets a leading
`'`. Plain numbers such as -5 or +3.50 stay numbers. So a key that starts with one of these signs
stands in an export with a `'` before it that is not part of the key.

The separator is a comma. A spreadsheet told to split at something else splits texts too, and the
rule does not reach what it finds inside them.
"""

import csv
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

Cell = str | int | Decimal | date | None

_FORMULA = re.compile(r"[\t\r\n]|[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")


class CsvSheet:
    """A CSV file written row by row, readable by its owner only; an existing file is replaced.

    UTF-8 with a byte order mark, without which Excel takes it for the local 8-bit code page.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)  # a new file, so that its mode is the one below
        path.touch(mode=0o600, exist_ok=False)
        self._file = path.open("w", encoding="utf-8-sig", errors="replace", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self.row_count = 0

    def row(self, cells: Sequence[Cell]) -> None:
        """Adds one row. A line break inside a cell is quoted and starts no new row."""
        self._writer.writerow([harmless(cell) for cell in cells])
        self.row_count += 1

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def harmless(cell: Cell) -> str:
    """The cell's text, such that no spreadsheet takes it for a formula."""
    text = "" if cell is None else str(cell)
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
