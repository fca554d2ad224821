"""The command line's work on the shop's stock and orders."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bot.opening import now, storage_opened
from bot.settings import Settings
from domain.assortment import look_up
from domain.exporting import export_keys, export_orders
from domain.importing import Report, import_keys
from storage.keyfiles import MAX_FILE_BYTES, open_key_file
from storage.sheets import CsvSheet

COMMAND_LINE = 0  # the actor in the audit log: nobody's Telegram id


async def migrate(settings: Settings) -> None:
    async with storage_opened(settings):
        typer.echo("The database is up to date.")


async def import_file(
    settings: Settings, sku: str, file: Path, column: int | None, delimiter: str | None
) -> None:
    """With a progress bar; the same report as in the chat."""
    source = open_key_file(
        file, file.name, column=column, delimiter=delimiter, max_bytes=MAX_FILE_BYTES
    )
    bar = Progress(
        TextColumn("Importing"),
        BarColumn(),
        TextColumn("{task.completed:,} lines"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    async with storage_opened(settings) as stored:
        with bar:
            task = bar.add_task("import", total=None)

            async def progress(read: int) -> None:
                bar.update(task, completed=read)

            report = await import_keys(
                stored.database.unit_of_work(),
                stored.vault,
                source,
                sku=sku,
                name=file.name,
                actor_id=COMMAND_LINE,
                now=now(),
                progress=progress,
            )
            bar.update(task, total=report.read)
    typer.echo(summary(report))


def summary(report: Report) -> str:
    """The same figures as in the chat."""
    batch = report.batch
    where = ", ".join(str(line) for line in report.invalid_lines)
    invalid = f"Invalid: {batch.invalid}" + (f" (lines {where})" if where else "")
    return f"Imported: {batch.imported}\nDuplicates: {batch.duplicates}\n{invalid}"


async def export_table(
    settings: Settings,
    table: str,
    file: Path,
    sku: str | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    async with storage_opened(settings) as stored:
        uow = stored.database.unit_of_work()
        if sku is not None:
            await look_up(uow, sku)  # before an older file is emptied
        with CsvSheet(file) as sheet:
            if table == "keys":
                count = await export_keys(
                    uow, stored.vault, sheet, sku=sku, actor_id=COMMAND_LINE, now=now()
                )
            else:
                count = await export_orders(
                    uow, sheet, since=_day(since), until=_day(until, days=1), sku=sku
                )
    typer.echo(f"{count:,} rows written to {file}.")


def _day(day: datetime | None, *, days: int = 0) -> datetime | None:
    return day.replace(tzinfo=UTC) + timedelta(days=days) if day else None
