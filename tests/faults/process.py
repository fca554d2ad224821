"""keystall in a process of its own, which can be killed."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final, Self

import aiohttp

from tests.faults import forked
from tests.faults.waiting import until
from tests.logscan import scan

DEADLINE: Final = 20.0  # seconds that the shop has for its end
_READY: Final = '"event": "ready"'
_numbers: Final = itertools.count(1)


class Program:
    """A running `python -m …`; what it writes goes to a file, and is scanned for secrets."""

    def __init__(self, process: ForkServerProcess, output: Path, url: str | None) -> None:
        self._process = process
        self._output = output
        self._url = url  # None for a program that does not listen

    @classmethod
    async def start(
        cls, settings: Mapping[str, str], *command: str, url: str | None = None
    ) -> Self:
        """Start `python -m` with this environment alone, in a folder without an .env."""
        folder = Path(settings["DATA_DIR"])
        output = folder / f"output-{next(_numbers)}.log"
        output.touch()
        environment = {"PATH": os.environ["PATH"], **settings}
        # In a thread: the first start waits for the imports that later ones are spared.
        process = await asyncio.to_thread(forked.start, command, environment, folder, output)
        return cls(process, output, url)

    @property
    def logs(self) -> str:
        """Everything that it has written so far."""
        return self._output.read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    async def ready(self) -> Self:
        """Wait until it serves."""
        async with aiohttp.ClientSession() as http:
            await until(lambda: self._is_ready(http), "the program is ready")
        return self

    async def logged(self, fragment: str, times: int = 1) -> None:
        """Wait until it has logged this so often."""
        await until(lambda: self.logs.count(fragment) >= times, f"log lines with {fragment!r}")

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed, nothing is rolled back."""
        if self.is_running:
            self._process.kill()
        await self._gone()

    async def terminate(self) -> tuple[int, float]:
        """SIGTERM; its exit status, and how many seconds it took."""
        began = time.monotonic()
        self._process.terminate()
        status = await self.ends(seconds=DEADLINE + 15)
        return status, time.monotonic() - began

    async def ends(self, seconds: float = DEADLINE) -> int:
        """Its exit status once it has ended by itself."""
        await self._gone(seconds)
        assert self._process.exitcode is not None
        return self._process.exitcode

    async def _gone(self, seconds: float = DEADLINE) -> None:
        await until(lambda: not self.is_running, "the program has ended", seconds)
        scan.add(self.logs, "the output of a program under test")

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        assert self.is_running, f"the program ended with {self._process.exitcode}"
        if self._url is None:
            return _READY in self.logs
        try:
            async with http.get(f"{self._url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def killed_at_the_end(program: Program) -> AsyncIterator[Program]:
    """The program lives no longer than the block."""
    try:
        yield program
    finally:
        await program.kill()
