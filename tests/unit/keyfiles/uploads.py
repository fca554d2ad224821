"""Key files for the tests to send, and what came of them."""

import io
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter

from domain.errors import UnreadableFile
from storage.keyfiles import KeyFile, open_key_file
from storage.keyfiles.text import Line

Opener = Callable[..., KeyFile]
Value = str | float | bool | date | None


def keys(file: KeyFile) -> list[str | None]:
    return [key for _, key in file.lines()]


def refused(opened: Opener, content: bytes | str, name: str, **options: object) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as refusal:
        opened(content, name, **options)
    return refusal.value


def workbook(*rows: Sequence[Value], first_row: int = 0) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet, as_date = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows, start=first_row):
            for column, value in enumerate(row):
                style = as_date if isinstance(value, date) else None
                sheet.write(number, column, value, style)
    return content.getvalue()


def edited(book: bytes, part: str, edit: Callable[[bytes], bytes]) -> bytes:
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book)) as source,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, edit(source.read(name)) if name == part else source.read(name))
    return content.getvalue()


def with_sheet(sheet_data: bytes) -> bytes:
    pattern = re.compile(rb"<sheetData>.*</sheetData>", re.DOTALL)
    replacement = b"<sheetData>" + sheet_data + b"</sheetData>"
    return edited(
        workbook(["x"]),
        "xl/worksheets/sheet1.xml",
        lambda xml: pattern.sub(lambda _: replacement, xml),
    )


def read_whole(content: bytes, name: str, column: int | None, delimiter: str | None) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            return [*open_key_file(path, name, column=column, delimiter=delimiter).lines()]
        except UnreadableFile:
            return []


def check(lines: list[Line]) -> None:
    numbers = [number for number, _ in lines]
    assert numbers == sorted(set(numbers))
    assert all(number >= 1 for number in numbers)
    for _, key in lines:
        assert key is None or (0 < len(key) <= 4000 and key == key.strip())
        assert key is None or not any(c < " " and c != "\t" for c in key)
        assert key is None or (len(key.splitlines()) == 1 and not re.search(r"[\x7f-\x9f]", key))
