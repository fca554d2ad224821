"""The drivers' errors, as the few that the house knows."""

from typing import Final

import asyncpg
import sqlalchemy as sa

from domain.errors import DatabaseAway, DiskFull, DomainError, TransactionAborted

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ABORTED: Final = {"40001", "40P01", "55P03", "57014", "25P03", "57P01", "57P02", "08003"}
_DISK_FULL: Final = {"53100"}
_AWAY: Final = {"53300", "57P03", "08000", "08001", "08004", "08006", "3D000"}


def translated(error: BaseException, *, connecting: bool = False) -> DomainError | None:
    """The house's error for a driver's; None when it is something else: a bug.

    A connection lost before the commit is `TransactionAborted`: nothing was written.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return DatabaseAway("every connection is in use")
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        return _driver(error.orig, lost=error.connection_invalidated, connecting=connecting)
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return _driver(error, lost=False, connecting=connecting)
    if isinstance(error, OSError | TimeoutError):
        # While a statement runs: the driver's own time limit, or the line.
        name = type(error).__name__
        return DatabaseAway(name) if connecting else TransactionAborted(name)
    if _closed(str(error)):  # a driver's own error that SQLAlchemy has not wrapped
        return DatabaseAway("closed") if connecting else TransactionAborted("closed")
    return None


def _driver(error: BaseException, *, lost: bool, connecting: bool) -> DomainError | None:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    text = str(error)
    if state in _DISK_FULL or "disk is full" in text or "disk I/O error" in text:
        return DiskFull("the database's disk is full")
    if state in _AWAY or connecting or "unable to open" in text or "readonly" in text:
        return DatabaseAway(state or type(error).__name__)
    if lost or state in _ABORTED or "database is locked" in text or _closed(text):
        return TransactionAborted(state or type(error).__name__)
    return None


def _closed(text: str) -> bool:
    return "connection is closed" in text or "connection was closed" in text
