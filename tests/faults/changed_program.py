"""The shop with one guard switched off, or standing still at a chosen moment: `CHANGE` by name.

What the tests prove of the real program, its controls disprove of these.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import logs
from bot.app import App, opened
from bot.opening import now
from bot.serve import running, stop_asked
from bot.settings import load
from bot.worker import Worker
from domain import delivery
from storage.payments import SqlPayments
from storage.unit_of_work import Database, SqlUnitOfWork

log = structlog.get_logger(__name__)

HALTED: Final = "the program stands still"


class MarksFirst(Worker):
    """Calls a message sent before it sends it."""

    async def deliver(self) -> None:
        claimed = await delivery.claim(self._new_uow(), self._rules, now=self._clock(), limit=1)
        if not claimed:
            await self._wait(0.1)
            return
        uow = self._new_uow()
        outgoing = await delivery._load(uow, self._vault, claimed[0])
        await delivery._done(uow, claimed[0], self._clock())
        if outgoing is not None:
            for part in self._messenger.compose(outgoing):
                await self._messenger.send(outgoing.reader.id, part)


class MarksFirstApp(App):
    def worker(self) -> Worker:
        return MarksFirst(
            self.new_uow,
            self.vault,
            self.messenger,
            self.ways.providers,
            self.ways.rules,
            self.bell,
            now,
        )


class NoLeaseApp(App):
    """What is claimed may be claimed again at once."""

    def worker(self) -> Worker:
        return Worker(
            self.new_uow,
            self.vault,
            self.messenger,
            self.ways.providers,
            replace(self.ways.rules, lease=timedelta(0)),
            self.bell,
            now,
        )


class Recording(SqlPayments):
    """Knows whether a payment was recorded in this transaction."""

    has_recorded = False

    async def record(self, *given: Any, **named: Any) -> Any:  # as the repository's own has it
        self.has_recorded = True
        return await super().record(*given, **named)


class HaltsAtRecord(SqlPayments):
    """Stands still between the payment recorded and the order paid."""

    commits = False

    async def record(self, *given: Any, **named: Any) -> Any:  # as above
        await super().record(*given, **named)
        if self.commits:
            await self._connection.commit()
        await _stand_still()


class CommitsAtRecord(HaltsAtRecord):
    commits = True


class HaltsAtRecordUow(SqlUnitOfWork):
    payments_kind: type[SqlPayments] = HaltsAtRecord

    def _open_repositories(self, connection: AsyncConnection) -> None:
        super()._open_repositories(connection)
        self.payments = self.payments_kind(connection)


class CommitsAtRecordUow(HaltsAtRecordUow):
    payments_kind = CommitsAtRecord


class HaltsAtCommitUow(HaltsAtRecordUow):
    """Everything of a settlement is written, and not committed."""

    payments_kind = Recording

    async def commit(self) -> None:
        if isinstance(self.payments, Recording) and self.payments.has_recorded:
            await _stand_still()
        await super().commit()


async def _stand_still() -> None:
    log.warning(HALTED)
    await asyncio.Event().wait()


@dataclass(frozen=True)
class OtherDatabase(Database):
    """Gives out units of work of another kind."""

    kind: type[SqlUnitOfWork] = SqlUnitOfWork

    def unit_of_work(self) -> SqlUnitOfWork:
        return self.kind(self)


def _with(kind: type[SqlUnitOfWork]) -> Callable[[App], App]:
    return lambda app: replace(app, database=OtherDatabase(**vars(app.database), kind=kind))


def _impatient(app: App) -> App:
    """SQLite's lock is waited for for a moment only."""

    @sa.event.listens_for(app.database.engine.sync_engine, "begin", insert=True)
    def prepare(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")

    return app


def _hurried(app: App) -> App:
    """Telegram's answer to a delivery is waited for for half a second only."""
    app.messenger._bot.session.timeout = 0.5
    return app


CHANGES: Final[dict[str, Callable[[App], App]]] = {
    "marks-first": lambda app: MarksFirstApp(**vars(app)),
    "no-lease": lambda app: NoLeaseApp(**vars(app)),
    "halts-at-record": _with(HaltsAtRecordUow),
    "halts-at-commit": _with(HaltsAtCommitUow),
    "commits-at-record": _with(CommitsAtRecordUow),
    "impatient": _impatient,
    "hurried": _hurried,
}


async def serve(change: Callable[[App], App]) -> None:
    async with opened(load()) as app, running(change(app), with_web=True, with_worker=True):
        await stop_asked().wait()


if __name__ == "__main__":
    settings = load()
    logs.set_up(settings.log_level, settings.secrets())
    asyncio.run(serve(CHANGES[sys.argv[1]]))
