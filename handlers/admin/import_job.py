"""One import at work: fetched, opened, read to its end, and reported in one message."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError
from aiogram.types import Document

from domain import importing
from domain.catalog import plain
from domain.errors import DomainError, FileFault, UnreadableFile
from domain.ports import KeyLines, UnitOfWork, Vault
from handlers import errors
from handlers.admin.key_message import KeyMessage
from handlers.admin.notice import Notice
from handlers.routes import RETAKEN
from handlers.shop import OpenKeyFile
from handlers.texts import Texts
from handlers.views import admin_import as views
from handlers.views.view import View

DOWNLOAD_SECONDS: Final = 300
_NAME_LENGTH: Final = 64
# aiogram leaves what happens to a file under way as aiohttp raises it.
_NOT_FETCHED: Final = (TelegramAPIError, aiohttp.ClientError, TimeoutError)


@dataclass(frozen=True)
class Layout:
    """How to read a table: numbers from 1, as the buttons carry them; 0 is left to the file."""

    column: int = 0
    delimiter: int = 0

    @property
    def sign(self) -> str | None:
        known = 1 <= self.delimiter <= len(views.DELIMITERS)
        return views.DELIMITERS[self.delimiter - 1] if known else None


@dataclass(frozen=True)
class ImportJob:
    bot: Bot
    uow: UnitOfWork
    vault: Vault
    open_key_file: OpenKeyFile
    actor_id: int
    now: datetime
    t: Texts
    sku: str
    keys: KeyMessage = field(repr=False)
    layout: Layout
    notice: Notice

    async def run(self) -> None:
        """Whatever happens, the admin hears of it. What nobody expected is raised without its
        text, which may hold a key.
        """
        try:
            outcome = await self._imported()
        except DomainError as error:
            outcome = self._explained(error)
        except _NOT_FETCHED:
            outcome = views.not_fetched(self.t)
        except Exception as error:  # noqa: BLE001 - raised on, once the admin knows
            await self.notice.end(View(errors.went_wrong(self.t)))
            crash = RuntimeError(f"import into {self.sku}: {type(error).__name__}")
            raise crash.with_traceback(error.__traceback__) from None
        await self.notice.end(outcome)

    async def _imported(self) -> View:
        if self.keys.file is None:
            typed = self.keys.typed or importing.TypedKeys("")
            return await self._import(typed, self.t.label("message"))
        with TemporaryDirectory(prefix="keystall-") as folder:
            path = await self._fetched(self.keys.file, Path(folder))
            name = name_of(self.keys.file)
            # A workbook takes seconds to open, and the shop goes on selling meanwhile.
            lines = await asyncio.to_thread(self._opened, path, name)
            return await self._import(lines, name)

    async def _fetched(self, file: Document, folder: Path) -> Path:
        """The file's copy, for the shop's own eyes only."""
        path = folder / "keys"
        path.touch(mode=0o600)
        await self.bot.download(file.file_id, path, timeout=DOWNLOAD_SECONDS)
        return path

    def _opened(self, path: Path, name: str) -> KeyLines:
        column = self.layout.column or None
        return self.open_key_file(path, name, column=column, delimiter=self.layout.sign)

    async def _import(self, lines: KeyLines, name: str) -> View:
        report = await importing.import_keys(
            self.uow,
            self.vault,
            lines,
            sku=self.sku,
            name=name,
            actor_id=self.actor_id,
            now=self.now,
            progress=self._progress,
        )
        return views.report(report, self.t)

    async def _progress(self, count: int) -> None:
        await self.notice.progress(views.progress(count, self.t))

    def _explained(self, error: DomainError) -> View:
        if isinstance(error, RETAKEN):
            return views.interrupted(self.t)
        if isinstance(error, UnreadableFile):
            if error.reason is FileFault.CHOOSE_COLUMN:
                return views.choose_column(error, self.sku, self.layout.delimiter, self.t)
            if error.reason is FileFault.AMBIGUOUS_DELIMITER:
                return views.choose_delimiter(self.sku, self.t)
        return View(errors.sentence(error, self.t))


def name_of(file: Document) -> str:
    """As its sender called it, its end kept: that tells how to read it."""
    return plain(file.file_name or "keys.txt")[-_NAME_LENGTH:]
