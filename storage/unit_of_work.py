"""The unit of work over SQLAlchemy Core: one connection, one transaction."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.alarms import SqlAlarms, SqlChores
from storage.attempts import SqlAttempts
from storage.audit import SqlAudit
from storage.catalog import SqlCatalog
from storage.customers import SqlCustomers
from storage.failures import translated
from storage.orders import SqlOrders
from storage.outbox import SqlOutbox
from storage.payments import SqlPayments
from storage.refunds import SqlRefunds
from storage.stock import SqlStock


def _nobody_listens() -> None:
    """For programs without a worker."""


@dataclass(frozen=True)
class Database:
    """An engine and what outlives a transaction on it."""

    engine: AsyncEngine
    owner_ids: frozenset[int] = frozenset()
    outbox_filled: Callable[[], None] = _nobody_listens  # called after a commit
    # Per variant the last key claimed: the search for the next starts behind it, past the dead
    # index entries of those sold before.
    marks: dict[int, int] = field(default_factory=dict)

    def unit_of_work(self) -> "SqlUnitOfWork":
        return SqlUnitOfWork(self)


class SqlUnitOfWork:
    catalog: SqlCatalog
    customers: SqlCustomers
    orders: SqlOrders
    stock: SqlStock
    attempts: SqlAttempts
    payments: SqlPayments
    refunds: SqlRefunds
    alarms: SqlAlarms
    chores: SqlChores
    outbox: SqlOutbox
    audit: SqlAudit

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: AsyncConnection | None = None

    async def __aenter__(self) -> Self:
        if self._connection is not None:
            msg = "a unit of work is entered once at a time"
            raise RuntimeError(msg)
        with _translating(connecting=True):
            connection = await self._database.engine.connect()
        try:
            with _translating():
                await connection.begin()
        except BaseException:  # cancelled, too: the connection goes back
            with _translating():
                await connection.close()
            raise
        self._connection = connection
        self._open_repositories(connection)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with _translating():
                await connection.close()  # rolls back what was not committed
            # Let whoever waits for it have it: the pool gives it to the one who asks first, and
            # somebody with one transaction after another would never leave it to another.
            await asyncio.sleep(0)
        if exc is not None and (known := translated(exc)) is not None:
            raise known from exc

    async def commit(self) -> None:
        if self._connection is None:
            msg = "commit belongs inside the unit of work"
            raise RuntimeError(msg)
        with _translating():
            await self._connection.commit()
        if self.outbox.filled:
            self._database.outbox_filled()

    def _open_repositories(self, connection: AsyncConnection) -> None:
        self.catalog = SqlCatalog(connection)
        self.customers = SqlCustomers(connection, self._database.owner_ids)
        self.orders = SqlOrders(connection)
        self.stock = SqlStock(connection, self._database.marks)
        self.attempts = SqlAttempts(connection)
        self.payments = SqlPayments(connection)
        self.refunds = SqlRefunds(connection)
        self.alarms = SqlAlarms(connection)
        self.chores = SqlChores(connection)
        self.outbox = SqlOutbox(connection)
        self.audit = SqlAudit(connection)


@contextlib.contextmanager
def _translating(*, connecting: bool = False) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if (known := translated(error, connecting=connecting)) is not None:
            raise known from error
        raise
