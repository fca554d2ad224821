"""/export: keys or orders as a file, written in the background."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aiogram import Bot
from aiogram.types import CallbackQuery, FSInputFile, Message

from domain import assortment, exporting
from domain.catalog import sku as checked_sku
from domain.customers import Customer
from domain.ports import UnitOfWork, Vault
from handlers import errors, screen
from handlers.routes import Command, Popup, Routes
from handlers.shop import Background, OpenSheet
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_export as views
from handlers.views.view import View

routes = Routes()

UPLOAD_BYTES: Final = 50 * 1024 * 1024  # Bot API, sendDocument
UPLOAD_SECONDS: Final = 300
NewUow = Callable[[], UnitOfWork]


class BadDay(ValueError):
    """A word that looks like a day and is none."""


@dataclass(frozen=True)
class Wanted:
    """What to export; days in UTC, `until` being the first moment that is left out."""

    what: str
    sku: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, args: str) -> "Wanted":
        """`keys|orders [SKU] [FROM] [TO]`, both days included. Raises `BadDay`, `BadSku`."""
        what, *rest = args.split() or [""]
        sku = None
        if rest and not _is_day(rest[0]):
            sku = checked_sku(rest.pop(0))
        days = [_day(word) for word in rest[:2]]
        since = days[0] if days else None
        until = _after(days[1]) if len(days) > 1 else None
        return cls(what.lower(), sku, since, until)

    @property
    def file_name(self) -> str:
        return "-".join(["keystall", self.what, *([self.sku] if self.sku else [])]) + ".csv"


@dataclass(frozen=True)
class ExportJob:
    bot: Bot
    uow: UnitOfWork
    vault: Vault
    open_sheet: OpenSheet
    customer: Customer
    now: datetime
    t: Texts
    wanted: Wanted

    async def run(self) -> None:
        """The file goes to whoever asked, and its copy away with its folder."""
        try:
            with TemporaryDirectory(prefix="keystall-") as folder:
                path = Path(folder) / self.wanted.file_name
                await self._send(path, await self._write(path))
        except Exception:  # raised on, once the admin knows
            await self._say(views.failed(self.t))
            raise

    async def _send(self, path: Path, count: int) -> None:
        if (await asyncio.to_thread(path.stat)).st_size > UPLOAD_BYTES:
            await self._say(views.too_big(self.wanted.what, self.t))
            return
        await self.bot.send_document(
            self.customer.id,
            FSInputFile(path),
            caption=views.caption(count, self.t),
            request_timeout=UPLOAD_SECONDS,
        )

    async def _write(self, path: Path) -> int:
        sheet, wanted = self.open_sheet(path), self.wanted
        try:
            if wanted.what == "keys":
                by, now = self.customer.id, self.now
                return await exporting.export_keys(
                    self.uow, self.vault, sheet, sku=wanted.sku, actor_id=by, now=now
                )
            return await exporting.export_orders(
                self.uow, sheet, since=wanted.since, until=wanted.until, sku=wanted.sku
            )
        finally:
            sheet.close()

    async def _say(self, view: View) -> None:
        await screen.send(self.bot, self.customer.id, view)


@routes.command("export")
async def export(
    message: Message,
    command: Command,
    bot: Bot,
    uow: UnitOfWork,
    new_uow: NewUow,
    vault: Vault,
    open_sheet: OpenSheet,
    background: Background,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    """Open to every role; keys to those who tend the stock, orders to those who see orders."""
    problem = await _problem(command.args, uow, customer, t)
    if problem is not None:
        await screen.send(bot, message.chat.id, problem)
        return
    wanted = Wanted.read(command.args)
    job = ExportJob(bot, new_uow(), vault, open_sheet, customer, now, t, wanted)
    background.start(job.run(), name="export")
    await screen.send(bot, message.chat.id, views.writing(t))


@routes.button(buttons.Export)
async def export_all(
    query: CallbackQuery,
    data: buttons.Export,
    bot: Bot,
    new_uow: NewUow,
    vault: Vault,
    open_sheet: OpenSheet,
    background: Background,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> str | Popup:
    if not (data.what in views.NEEDED and customer.may(views.NEEDED[data.what])):
        return Popup(errors.stale_button(t))
    wanted = Wanted(data.what)
    job = ExportJob(bot, new_uow(), vault, open_sheet, customer, now, t, wanted)
    background.start(job.run(), name="export")
    return str(views.writing(t).text.striptags())


async def _problem(args: str, uow: UnitOfWork, customer: Customer, t: Texts) -> View | None:
    """What keeps the export from being made; None when nothing does. Raises `BadSku` and
    `ProductNotFound`.
    """
    if not customer.is_admin:
        return View(errors.unknown_command(t))
    try:
        wanted = Wanted.read(args)
    except BadDay as error:
        return views.bad_day(str(error), t)
    needed = views.NEEDED.get(wanted.what)
    if needed is None or not customer.may(needed):
        return views.choose(customer, t)
    if wanted.what == "keys" and wanted.since is not None:
        return views.no_days(t)
    if wanted.sku is not None:
        await assortment.look_up(uow, wanted.sku)
    return None


def _is_day(word: str) -> bool:
    return len(word) == 10 and word[4] == word[7] == "-" and word[:4].isdigit()


def _after(day: datetime) -> datetime:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        raise BadDay(f"{day:%Y-%m-%d}") from None


def _day(word: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(word), datetime.min.time(), UTC)
    except ValueError:
        raise BadDay(word) from None
