"""SQLite's limit: the standard library's driver alone, with the shop's settings of SQLite."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from domain.stock import SealedKey
from storage.engine import _PRAGMAS
from tests.bench.recording import Statement

_INSERT = """
    INSERT INTO card_keys (id, variant_id, fingerprint, sealed, version, status)
    VALUES (?, ?, ?, ?, ?, 'available')
"""


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def replay(file: Path, statements: Sequence[Statement]) -> float:
    """Seconds for the same statements with the same parameters, one after another."""
    with opened(file) as connection:
        began = time.perf_counter()
        for statement in statements:
            for row in statement.rows:
                connection.execute(statement.sql, row).fetchall()
        return time.perf_counter() - began


def insert(file: Path, chunks: Iterable[Sequence[SealedKey]]) -> float:
    """Seconds for storing ready rows, a transaction a chunk."""
    with opened(file) as connection:
        began = time.perf_counter()
        for rows in chunks:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, rows)
            connection.execute("COMMIT")
        return time.perf_counter() - began
