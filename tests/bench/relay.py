"""The least that a callback's way to the chat may take: a server that passes it on.

`python -m tests.bench.relay TELEGRAM CHAT` says on which port it listens.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.chat.local_telegram import TOKEN, serving


@asynccontextmanager
async def running(telegram_url: str, chat_id: int) -> AsyncIterator[str]:
    """One in a process of its own; gives its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.relay", telegram_url, str(chat_id)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def _serve(telegram_url: str, chat_id: int) -> None:
    message = {"chat_id": chat_id, "text": "Paid."}
    async with aiohttp.ClientSession() as http:

        async def pass_on(_request: web.Request) -> web.Response:
            async with http.post(f"{telegram_url}/bot{TOKEN}/sendMessage", json=message) as sent:
                return web.Response(status=sent.status)

        app = web.Application()
        app.router.add_get("/", pass_on)
        async with serving(app) as url:
            print(url, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
