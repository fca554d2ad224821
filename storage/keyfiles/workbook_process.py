"""A workbook is opened in a process of its own, which this module starts and listens to.

A sheet of a few kilobytes can name two cells a million rows and columns apart, for which the
reader allocates hundreds of gigabytes and aborts: that must end the child, not the shop. Its
memory is given back, and the shop is not held up.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from domain.errors import FileFault, UnreadableFile
from storage.keyfiles.tables import Cells, Row

# Nothing imports this program: that would load the reader into the shop.
_PROGRAM = "storage.keyfiles.workbooks"


def sheet_rows(path: Path) -> Iterator[Row]:
    """The first sheet's rows, numbered from 1. Raises `UnreadableFile`."""
    with subprocess.Popen(  # noqa: S603 - a program of this package, and no shell
        [sys.executable, "-m", _PROGRAM, str(path)],
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a panic quotes the cell it fell over
    ) as reader:
        try:
            for number, line in enumerate(reader.stdout or (), start=1):
                yield number, _received(line)
            if code := reader.wait():
                raise UnreadableFile(FileFault.TOO_BIG if code < 0 else FileFault.BROKEN)
        finally:
            reader.kill()


def _environment() -> dict[str, str]:
    """What a process needs to start, without the shop's secrets."""
    needed = {k: v for k in ("SYSTEMROOT", "LD_LIBRARY_PATH") if (v := os.environ.get(k))}
    return needed | {"PYTHONPATH": str(Path(__file__).parents[2])}


def _received(line: bytes) -> Cells:
    row: Cells | str = orjson.loads(line)
    if isinstance(row, str):
        raise UnreadableFile(FileFault(row))
    return row
