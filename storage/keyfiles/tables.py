"""Tables, whatever they were read from: which column holds the keys, and the key in a row."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from domain.errors import FileFault, UnreadableFile
from storage.keyfiles.text import EDGES, key_of

# fmt: off
KEY_HEADINGS = frozenset({
    "key", "keys", "code", "codes", "card", "cardkey", "card_key", "serial",
    "license", "licence", "secret", "卡密", "卡号", "密钥", "兑换码",
})
# fmt: on

_SAMPLE_ROWS = 100

Cells = list[str | None]  # None: a value that cannot be a key, such as a date
Row = tuple[int, Cells | None]  # None: a line that breaks the rules of quoting


class Layout(NamedTuple):
    """The keys' column, from 0; how many columns a sound row has; whether headings come first."""

    column: int
    width: int
    headed: bool


def layout_of(rows: list[Cells], column: int | None) -> Layout:
    """Told from the first rows; `column` is the one asked for, from 1. Raises `UnreadableFile`."""
    if not rows:
        return Layout(column=0, width=1, headed=False)
    chosen = _chosen(rows, column)
    if len(chosen) != 1:
        raise UnreadableFile(
            FileFault.CHOOSE_COLUMN, columns=max(map(len, rows)), preview=_masked(rows[:3])
        )
    width = max(len(rows[0]), chosen[0] + 1)
    return Layout(chosen[0], width, headed=bool(key_headings(rows[0])))


def key_in(cells: Cells | None, column: int, width: int) -> str | None:
    """The row's key; None when it holds no whole one."""
    if cells is None or len(cells) <= column or (key := cells[column]) is None:
        return None
    # More cells than there are columns: a cell was split somewhere, and half a key is no key.
    if len(cells) > width and any(cell and cell.strip() for cell in cells[width:]):
        return None
    return key_of(key) or None


def filled(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows that are not blank; broken ones are among them."""
    for number, cells in rows:
        if cells is None or any(cell is None or cell.strip(EDGES) for cell in cells):
            yield number, cells


def sample(rows: Iterator[Row]) -> list[Cells]:
    """The first rows that are neither blank nor broken."""
    whole = (cells for _, cells in filled(rows) if cells is not None)
    return list(islice(whole, _SAMPLE_ROWS))


def key_headings(cells: Cells) -> list[int]:
    """The columns, from 0, over which stands a word for keys."""
    names = [(cell or "").strip(EDGES).lower() for cell in cells]
    return [index for index, name in enumerate(names) if name in KEY_HEADINGS]


def _chosen(rows: list[Cells], column: int | None) -> list[int]:
    if column is not None:
        return [column - 1] if 1 <= column <= max(map(len, rows)) else []
    used = {i for cells in rows for i, cell in enumerate(cells) if cell is None or cell.strip()}
    return key_headings(rows[0]) or sorted(used)


def _masked(rows: list[Cells]) -> list[list[str]]:
    return [[f"{(cell or '')[:2]}…" for cell in cells] for cells in rows]
