"""Keys into the shop: imports, their undoing, withdrawal, and the watch over what is left."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from domain.errors import BatchUndone, DomainError
from domain.filling import fill_waiting
from domain.messages import Note, Topic
from domain.ports import AuditEntry, KeyLines, Progress, UnitOfWork, Vault
from domain.stock import MAX_LINES, Batch, SealedKey, StockLevel, key_id
from domain.transactions import retried

# One transaction each: large enough for the index to be written in order, small enough to let
# a payment pass in between.
CHUNK: Final = 50_000
INVALID_SHOWN: Final = 10
_LINE_END: Final = re.compile(r"\r\n|\r|\n")  # nothing else: a key may hold odder signs


@dataclass
class Report:
    """What became of a file's lines."""

    batch: Batch
    invalid_lines: list[int] = field(default_factory=list)  # the first ten
    read: int = 0


@dataclass(frozen=True)
class TypedKeys:
    """Keys typed below the command; `first_line` is the line they begin on."""

    text: str = field(repr=False)
    first_line: int = 1

    def lines(self) -> Iterator[tuple[int, str | None]]:
        for number, line in enumerate(_LINE_END.split(self.text), self.first_line):
            if key := line.strip():
                yield number, key if key.isprintable() else None


async def import_keys(
    uow: UnitOfWork,
    vault: Vault,
    source: KeyLines,
    *,
    sku: str,
    name: str,
    actor_id: int,
    now: datetime,
    progress: Progress,
) -> Report:
    """Add a file's keys to a variant's stock; `progress` hears how many lines are done.

    Raises `ProductNotFound`. A key ever seen, in any product, sold or not, is a duplicate.
    """
    report = Report(await _begin(uow, sku, name, actor_id, now))
    lines = iter(source.lines())
    try:
        while chunk := await asyncio.to_thread(lambda: list(islice(lines, CHUNK))):
            await _add(uow, vault, report, chunk, now)
            await progress(report.read)
    except BatchUndone:
        pass  # an admin has thought better of it
    except DomainError:
        await _give_up(uow, report, now)
        raise
    await _finish(uow, report, now)
    return report


@retried
async def _give_up(uow: UnitOfWork, report: Report, now: datetime) -> None:
    """What was stored before the failure is on sale: whoever imports hears of it, with an undo."""
    report.batch.finished_at = now
    async with uow:
        await uow.stock.finish_batch(report.batch)
        if report.batch.imported:
            await uow.outbox.add(_cut_off(report.batch), now)
        await uow.commit()


@retried
async def _begin(uow: UnitOfWork, sku: str, name: str, actor_id: int, now: datetime) -> Batch:
    async with uow:
        _, variant = await uow.catalog.by_sku(sku)
        batch = Batch(0, variant.id, variant.sku, name, actor_id, now)
        await uow.stock.add_batch(batch)
        await uow.commit()
    return batch


async def _add(
    uow: UnitOfWork,
    vault: Vault,
    report: Report,
    chunk: Sequence[tuple[int, str | None]],
    now: datetime,
) -> None:
    batch = report.batch
    good = [(key_id(batch.id, n), key) for n, key in chunk if key is not None and n <= MAX_LINES]
    bad = [n for n, key in chunk if key is None or n > MAX_LINES]
    report.invalid_lines.extend(bad[: INVALID_SHOWN - len(report.invalid_lines)])
    keys = await vault.seal(batch.variant_id, good)
    new = await _store(uow, batch.id, keys, now)
    report.read += len(chunk)
    batch.imported += new
    batch.duplicates += len(good) - new
    batch.invalid += len(bad)


@retried
async def _store(uow: UnitOfWork, batch_id: int, keys: Sequence[SealedKey], now: datetime) -> int:
    async with uow:
        if (await uow.stock.batch(batch_id)).undone_at is not None:
            raise BatchUndone
        new = await uow.stock.add_keys(keys)
        if new:
            await fill_waiting(uow, now, variant_id=keys[0].variant_id)
        await uow.commit()
    return new


@retried
async def _finish(uow: UnitOfWork, report: Report, now: datetime) -> None:
    batch = report.batch
    async with uow:
        batch.finished_at = now
        await uow.stock.finish_batch(batch)
        await uow.audit.add(
            AuditEntry(
                now,
                batch.created_by,
                "import",
                batch.sku,
                after={"batch": batch.id, "file": batch.source, "imported": batch.imported},
            )
        )
        await uow.commit()


@retried
async def undo(
    uow: UnitOfWork, batch_id: int, *, actor_id: int, now: datetime
) -> tuple[Batch, int]:
    """Take back what an import added and nobody bought; how many keys that were.

    Raises `BatchNotFound` and `BatchUndone`.
    """
    async with uow:
        batch = await uow.stock.batch(batch_id)
        if batch.undone_at is not None:
            raise BatchUndone
        count = await uow.stock.withdraw_batch(batch_id)
        batch.undone_at = now
        await uow.stock.mark_undone(batch_id, now)
        await uow.audit.add(
            AuditEntry(now, actor_id, "undo import", batch.sku, after={"withdrawn": count})
        )
        await uow.commit()
    return batch, count


@retried
async def withdraw(
    uow: UnitOfWork, vault: Vault, keys: Sequence[str], *, sku: str, actor_id: int, now: datetime
) -> int:
    """Take unsold keys off sale; how many of these were. Raises `ProductNotFound`."""
    async with uow:
        _, variant = await uow.catalog.by_sku(sku)
        count = await uow.stock.withdraw(variant.id, [vault.fingerprint(key) for key in keys])
        await uow.audit.add(
            AuditEntry(now, actor_id, "withdraw", variant.sku, after={"withdrawn": count})
        )
        await uow.commit()
    return count


async def report_cut_off(uow: UnitOfWork, *, now: datetime) -> int:
    """Tell the admins of imports that a stop of the program cut off; how many there were."""
    async with uow:
        batches = await uow.stock.unfinished_batches()
        for batch in batches:
            batch.finished_at = now
            await uow.stock.finish_batch(batch)
            await uow.outbox.add(_cut_off(batch), now)
        await uow.commit()
    return len(batches)


def _cut_off(batch: Batch) -> Note:
    """To whoever began it; to all who tend the stock where that was the command line."""
    facts: dict[str, str | int] = {"batch": batch.id, "sku": batch.sku, "file": batch.source}
    return Note(Topic.IMPORT, batch.created_by or None, facts=facts)


@retried
async def watch_stock(uow: UnitOfWork, threshold: int, *, now: datetime) -> int:
    """Tell the admins of variants that crossed into low or sold out; once per crossing."""
    async with uow:
        crossings = await uow.stock.crossings(threshold)
        for crossing in crossings:
            is_first = await uow.stock.cross(crossing)
            if is_first and crossing.level is not StockLevel.OK:
                await uow.outbox.add(Note(Topic.STOCK, facts=crossing.facts), now)
        if crossings:
            await uow.commit()
    return len(crossings)
