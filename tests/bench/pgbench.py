"""PostgreSQL's limit: pgbench, running the statements that a use case executes.

A script is made from one recorded run. Whatever in its parameters tells of that run, such as an
order's number, is `known` by the caller as an expression of pgbench's: `:n` counts the runs, and
what `INSERT INTO orders … RETURNING orders.id` gave is `:orders_id`.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.engine import _SERVER_SETTINGS
from tests.bench.recording import Statement
from tests.shop import Shop

Known = Mapping[Any, str]  # values of any column

_COUNT: Final = "\\set i :i + 1\n\\set n :first + :client_id * :each + :i\n"
_PLACE: Final = re.compile(r"\$(\d+)")
_WRITES: Final = re.compile(r"(?:INSERT INTO|UPDATE) (\w+) (?:SET|\()")
_TPS: Final = re.compile(r"tps = ([\d.]+)")
# The next id of a table is set to this before a run is recorded: no other number is as large.
TELLING_ID: Final = 900_000_000


async def tell_next_id(engine: AsyncEngine, table: str) -> None:
    async with engine.begin() as connection:
        sequence = sa.func.setval(f"{table}_id_seq", TELLING_ID, False)  # noqa: FBT003 - SQL's
        await connection.execute(sa.select(sequence))


def program() -> str | None:
    """Debian keeps it with the server."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return shutil.which("pgbench", path=os.pathsep.join([os.environ["PATH"], *map(str, servers)]))


def script(statements: Sequence[Statement], known: Known) -> str:
    lines = [line for statement in statements for line in _lines(statement, known)]
    return _COUNT + "\n".join(["BEGIN;", *lines]) + "\n"


def _lines(statement: Statement, known: Known) -> Iterator[str]:
    end = ";"
    if "RETURNING" in statement.sql and (written := _WRITES.search(statement.sql)):
        end = f" \\gset {written[1]}_"
    for row in statement.rows:
        values = [_expression(value, known) for value in row]
        yield _PLACE.sub(partial(_value, values), statement.sql) + end


def _value(values: Sequence[str], place: re.Match[str]) -> str:
    return values[int(place[1]) - 1]


def _expression(value: Any, known: Known) -> str:
    if value in known:
        return known[value]
    if value is None or isinstance(value, bool | int):
        return "NULL" if value is None else str(value).upper()
    if isinstance(value, datetime):
        return _literal(value.isoformat())
    text = str(value)
    for part, expression in known.items():
        before, found, after = text.partition(str(part))
        if found:
            return f"({_literal(before)} || {expression} || {_literal(after)})"
    return _literal(text)


def _literal(text: str) -> str:
    """Without a colon, which pgbench would read a variable behind."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a") + "'"


async def run(
    shop: Shop, file: Path, *, lanes: int, each: int, variables: Mapping[str, int]
) -> float:
    """Transactions a second, `each` of them in every lane; the script is in the file."""
    given = {"i": -1, "each": each, **variables}
    process = await asyncio.create_subprocess_exec(
        program() or "pgbench",
        *("--no-vacuum", "--protocol=prepared", f"--client={lanes}", "--jobs=2"),
        *(f"--transactions={each}", f"--file={file}"),
        *(f"--define={name}={value}" for name, value in given.items()),
        env=_environment(shop.database.engine.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    found = _TPS.search(out.decode())
    if process.returncode or found is None:
        raise RuntimeError(f"pgbench: {errors.decode()}")
    return float(found[1])


def _environment(url: sa.URL) -> dict[str, str]:
    settings = " ".join(f"-c {name}={value}" for name, value in _SERVER_SETTINGS.items())
    given = {
        "PGHOST": url.host,
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGOPTIONS": settings,
    }
    return os.environ | {name: value for name, value in given.items() if value}
