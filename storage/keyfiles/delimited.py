"""Tables as text (.csv): what splits a line into cells, and quoting that may be broken."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from domain.errors import FileFault, UnreadableFile
from storage.keyfiles.tables import Cells, Row, key_headings
from storage.keyfiles.text import MAX_LINE_CHARS, line_blocks

DELIMITERS = (",", ";", "\t", "|")

_NOT_SPLIT = "\x1f"  # cannot stand in a key, so it splits nothing that could be one
_QUOTED_LINES = 100


def delimiter_of(samples: dict[str, list[Cells]]) -> str:
    """What splits nearly all rows alike; the heading's word decides where there is one.

    `samples` holds the first rows as each delimiter would split them. Raises `UnreadableFile`.
    """
    for delimiter, rows in samples.items():
        if rows and key_headings(rows[0]):
            return delimiter if len(rows[0]) > 1 else _NOT_SPLIT
    even = [delimiter for delimiter, rows in samples.items() if _evenness(rows) >= 0.9]
    if len(even) == 1:
        return even[0]
    if any(_splits_half(rows) for rows in samples.values()):
        raise UnreadableFile(FileFault.AMBIGUOUS_DELIMITER)
    return _NOT_SPLIT


def delimited_rows(path: Path, encoding: str, delimiter: str) -> Iterator[Row]:
    """Rows under the number of the line they start in."""
    lines = enumerate(chain.from_iterable(line_blocks(path, encoding)), start=1)
    for number, line in lines:
        if '"' not in line or len(line) > MAX_LINE_CHARS:
            yield number, _unquoted(line, delimiter)
        else:
            yield from _quoted_rows(number, line, lines, delimiter)


def _evenness(rows: list[Cells]) -> float:
    """The share of rows that have the commonest number of cells, which is more than one."""
    widths = Counter(map(len, rows))
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return count / len(rows) if width > 1 else 0.0


def _splits_half(rows: list[Cells]) -> bool:
    return sum(len(cells) > 1 for cells in rows) * 2 > len(rows)


def _unquoted(line: str, delimiter: str) -> Cells | None:
    return None if len(line) > MAX_LINE_CHARS else [*line.split(delimiter)]


def _quoted_rows(
    number: int, line: str, following: Iterator[tuple[int, str]], delimiter: str
) -> Iterator[Row]:
    """One row; or, where a quote is never closed, its line as broken and the others each alone."""
    taken = [line]

    def record() -> Iterator[str]:
        yield line + "\n"
        for _, more in islice(following, _QUOTED_LINES):
            taken.append(more)
            yield more + "\n"

    cells = _parsed(record(), delimiter)
    yield number, cells
    if cells is None:
        for later, text in enumerate(taken[1:], number + 1):
            quoted = '"' in text
            yield later, _parsed([text], delimiter) if quoted else _unquoted(text, delimiter)


def _parsed(lines: Iterable[str], delimiter: str) -> Cells | None:
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    try:
        return [*next(reader)]
    except csv.Error:
        return None
