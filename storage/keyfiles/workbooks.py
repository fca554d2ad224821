"""The program that reads a workbook (.xlsx): `python -m storage.keyfiles.workbooks PATH`.

It writes the first sheet to standard output, a JSON array of texts and nulls a row, or a
`FileFault` as a JSON string. It bounds its own memory and time.
"""

import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import orjson
from python_calamine import CalamineError, CalamineWorkbook

from domain.errors import FileFault, UnreadableFile

_UNPACKED_BYTES = 400 * 1024 * 1024
_BOMB_BYTES, _BOMB_RATIO = 50 * 1024 * 1024, 200
_READER_BYTES = 1024 * 1024 * 1024
_READER_SECONDS = 120
_EXACT_NUMBER = 10**15  # Excel keeps 15 digits: a longer number has lost its end


def _send_rows(path: str) -> None:
    _bound_this_process()
    try:
        _refuse_bombs(path)
        # By handle, for the reader would believe a false suffix.
        with Path(path).open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            for row in book.get_sheet_by_index(0).iter_rows():
                _send([*map(_cell, row)])
    except UnreadableFile as refusal:
        _send(refusal.reason)
    except (CalamineError, zipfile.BadZipFile):
        _send(FileFault.BROKEN)


def _send(row: list[str | None] | FileFault) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")


def _bound_this_process() -> None:
    if sys.platform != "win32":  # where there are no such limits
        import resource

        for limit, most in (
            (resource.RLIMIT_AS, _READER_BYTES),
            (resource.RLIMIT_CPU, _READER_SECONDS),
            (resource.RLIMIT_CORE, 0),  # a core would hold keys
        ):
            with suppress(OSError, ValueError):  # macOS has no limit of memory
                resource.setrlimit(limit, (most, most))


def _refuse_bombs(path: str) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if not any(part.filename.lower().startswith("xl/") for part in parts):
        raise UnreadableFile(FileFault.UNKNOWN_TYPE)
    size = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if size > _UNPACKED_BYTES or (size > _BOMB_BYTES and size > packed * _BOMB_RATIO):
        raise UnreadableFile(FileFault.ZIP_BOMB)


def _cell(value: object) -> str | None:
    """The text of a cell; None for what Excel has made of a key beyond repair: a date, a time,
    a number whose last digits are gone."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float) and abs(value) < _EXACT_NUMBER:
        return str(int(value)) if value == int(value) else repr(value)
    return None


if __name__ == "__main__":
    _send_rows(sys.argv[1])
