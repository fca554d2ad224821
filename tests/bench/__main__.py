"""`python -m tests.bench`: a table on the terminal and bench.json.

Takes names of figures for some of them; `--quick` for a look whether they run; `--large` for
those with five million keys, which take many minutes and gigabytes of disk.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import (  # noqa: F401 - for the figures in them
    callbacks,
    claims,
    dispatch,
    hot_product,
    import_keys,
    reserve,
    sending,
    settle,
    start,
)
from tests.bench.bench import QUICK, Bench, Size
from tests.bench.figure import ALL, Figure, Pair

_FILE = Path("bench.json")
_NUMBERS = ("value", "limit", "ratio")

Measured = list[tuple[Figure, Pair]]


def main() -> None:
    asked = _arguments()
    console = Console()
    measured: Measured = []
    with tempfile.TemporaryDirectory(prefix="keystall-bench-") as folder:
        bench = Bench(
            Path(folder),
            QUICK if asked.quick else Size(),
            os.environ.get("TEST_DATABASE_URL"),
            asked.large,
        )
        for figure in [ALL[name] for name in asked.names or ALL]:
            if missing := figure.missing(bench):
                console.print(f"[dim]{figure.name} is left out: it {missing}")
                continue
            with console.status(figure.name):
                measured.append((figure, _measured(figure, bench)))
            _FILE.write_text(json.dumps([_entry(*each) for each in measured], indent=2) + "\n")
    console.print(_table(measured))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *ALL])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    return parser.parse_args()


def _measured(figure: Figure, bench: Bench) -> Pair:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(figure.measure(bench))


def _entry(figure: Figure, pair: Pair) -> dict[str, str | float]:
    return {
        "name": figure.name,
        "value": round(pair.value, 3),
        "unit": figure.unit,
        "limit": round(pair.limit, 3),
        "limit_is": figure.limit_is,
        "ratio": round(pair.value / pair.limit, 3),
    }


def _table(measured: Measured) -> Table:
    table = Table()
    for title in ("figure", "value", "limit", "unit", "ratio", "the limit is"):
        table.add_column(
            title, justify="right" if title in _NUMBERS else "left", no_wrap=title == "figure"
        )
    for figure, pair in measured:
        ratio = f"[bold]{pair.value / pair.limit:.2f}"
        limit, value = _number(pair.limit), _number(pair.value)
        table.add_row(figure.name, value, limit, figure.unit, ratio, figure.limit_is)
    return table


def _number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


if __name__ == "__main__":
    main()
