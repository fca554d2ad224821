"""Text: its encoding, its lines, and what of a line can be a key.

Whole blocks at a time, for a call a line costs more than all the rest.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path

MAX_KEY_CHARS = 4000
MAX_LINE_CHARS = 128 * 1024  # the csv module's own limit for a field

_BLOCK_CHARS = 128 * 1024

# U+FFFD stands where bytes could not be decoded. Lines must not break again in a reader's hands.
_FORBIDDEN = re.compile(r"[\x00-\x08\n-\x1f\x7f-\x9f\u2028\u2029\ufffd]")
EDGES = "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + "\u200b\ufeff"

Line = tuple[int, str | None]  # None: the line cannot be a key


def encoding_of(head: bytes) -> str:
    """By the byte order mark, or by where the zeros of UTF-16 stand; else UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    places = len(head) // 2
    high, low = head[0::2].count(0), head[1::2].count(0)
    if max(high, low) * 4 >= places * 3 and min(high, low) * 10 < max(high, low):
        return "utf-16-be" if high > low else "utf-16-le"
    return "utf-8-sig"


def line_blocks(path: Path, encoding: str) -> Iterator[list[str]]:
    """Lists of lines without their ends. An endless line is cut, yet stays too long for a key."""
    tail = ""
    with path.open(encoding=encoding, errors="replace", newline=None) as text:
        while block := text.read(_BLOCK_CHARS):
            lines = (tail + block).split("\n")
            tail = lines.pop()[: MAX_LINE_CHARS + 1]
            yield lines
    yield [tail]


def text_lines(path: Path, encoding: str) -> Iterator[Line]:
    """A key a line, under numbers from 1; blank lines are left out."""
    return chain.from_iterable(_numbered(line_blocks(path, encoding)))


def key_of(text: str) -> str | None:
    """The text without white space around it; None when it cannot be a key."""
    if len(text) > MAX_KEY_CHARS or _FORBIDDEN.search(text):
        return None
    return text.strip(EDGES)


def _numbered(blocks: Iterable[list[str]]) -> Iterator[Iterator[Line]]:
    start = 1
    for lines in blocks:
        yield _block_lines(lines, start)
        start += len(lines)


def _block_lines(lines: list[str], start: int) -> Iterator[Line]:
    text = "".join(lines)
    if _FORBIDDEN.search(text) or max(map(len, lines), default=0) > MAX_KEY_CHARS:
        return ((n, k) for n, k in enumerate(map(key_of, lines), start) if k != "")
    stripped = map(str.strip, lines) if text.isascii() else (k.strip(EDGES) for k in lines)
    return filter(itemgetter(1), enumerate(stripped, start))
