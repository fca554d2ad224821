"""keystall in a process of its own, as it is installed."""

import asyncio
import base64
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from tests.chat.local_telegram import TOKEN
from tests.shop import MASTER

_ROOT: Final = Path(__file__).parents[2]
_LOOK_SECONDS: Final = 0.01
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Program:
    """It is ready; `seconds` is how long that took."""

    url: str
    pid: int
    seconds: float


def settings(folder: Path, database_url: str, **more: str) -> dict[str, str]:
    """The environment for a shop on this database; nothing of the developer's own is in it."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_ROOT),
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": base64.b64encode(MASTER).decode(),
        **more,
    }


async def started(settings: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    """`python …`, in a folder without an .env."""
    with _log(settings).open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=settings,
            cwd=settings["DATA_DIR"],
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )


async def last_line(settings: Mapping[str, str], *arguments: str) -> str:
    """What `python …` says last."""
    process = await started(settings, *arguments)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(_log(settings).read_text())
    return out.decode().splitlines()[-1]


@asynccontextmanager
async def serving(
    settings: Mapping[str, str], command: str, telegram_url: str
) -> AsyncIterator[Program]:
    """`keystall run` or another command that serves, from ready until the block is left."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    told = {"BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": telegram_url, "PORT": str(port)}
    began = time.perf_counter()
    process = await started({**settings, **told, "PUBLIC_URL": url}, "-m", "bot", command)
    try:
        async with aiohttp.ClientSession() as http:
            if not await _ready(http, url, process):
                raise RuntimeError(_log(settings).read_text())
        yield Program(url, process.pid, time.perf_counter() - began)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _ready(
    http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process
) -> bool:
    """False when it has ended instead."""
    async with asyncio.timeout(_START_SECONDS):
        while process.returncode is None:
            try:
                async with http.get(f"{url}/readyz") as response:
                    if response.ok:
                        return True
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(_LOOK_SECONDS)
    return False


def _log(settings: Mapping[str, str]) -> Path:
    return Path(settings["DATA_DIR"], "keystall.log")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
