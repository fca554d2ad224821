"""The SQL that a use case really executes: written down, to be run again without the shop."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

Parameters = Sequence[Any]  # whatever the columns hold


@dataclass(frozen=True)
class Statement:
    """As it went to the driver; several rows of parameters were an `executemany`."""

    sql: str
    rows: Sequence[Parameters]


@contextmanager
def recorded(engine: AsyncEngine) -> Iterator[list[Statement]]:
    """The statements between entering and leaving, the ends of transactions included."""
    statements: list[Statement] = []

    def executed(
        _connection: sa.Connection,
        _cursor: object,
        sql: str,
        parameters: Any,  # a row, or a list of them
        _context: object,
        many: bool,
    ) -> None:
        statements.append(Statement(sql, parameters if many else [parameters]))

    def committed(_connection: sa.Connection) -> None:
        statements.append(Statement("COMMIT", [()]))

    sync = engine.sync_engine
    sa.event.listen(sync, "before_cursor_execute", executed)
    sa.event.listen(sync, "commit", committed)
    try:
        yield statements
    finally:
        sa.event.remove(sync, "before_cursor_execute", executed)
        sa.event.remove(sync, "commit", committed)
