"""`python -m MODULE …` as a process of its own, ready in a moment.

It is forked from a process that has imported the shop's libraries, which alone takes seconds:
everything from the command line on is the program's own.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
# pytest, because each child looks at what its parent's parent was started as.
_LIBRARIES: Final = ("pytest", "typer", "uvloop", "bot.serve", "bot.logs", "bot.commands")

_context: Final = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, *_LIBRARIES])


def start(
    command: Sequence[str], settings: Mapping[str, str], folder: Path, output: Path
) -> ForkServerProcess:
    """Start `python -m COMMAND` in `folder`, with this environment and no more."""
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(_ROOT)  # for the process to fork from, at its start
    try:
        process = _context.Process(target=_run, args=(command, settings, folder, output))
        process.daemon = True
        process.start()
    finally:
        del os.environ["PYTHONPATH"]
        if path is not None:
            os.environ["PYTHONPATH"] = path
    return process


def _run(command: Sequence[str], settings: Mapping[str, str], folder: Path, output: Path) -> None:
    os.environ.clear()
    os.environ.update(settings)
    os.chdir(folder)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (sys.stdout, sys.stderr):
        os.dup2(descriptor, standard.fileno())
    module, *arguments = command
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
