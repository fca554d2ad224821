"""A line between a program and its server, which a test can cut, hold up and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit


class Line:
    """Passes bytes both ways between `port` and the server, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._ends: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        """Let connections through, at the same port each time."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break what is connected, and refuse whoever tries."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for end in list(self._ends):
            end.transport.abort()

    def hold_up(self) -> None:
        """Stay connected, and let nothing through: the worst kind of away."""
        self._flowing.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            await asyncio.gather(
                self._pump(reader, far_writer), self._pump(far_reader, writer)
            )

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        self._ends.discard(writer)
        writer.transport.abort()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to a server, and the URL by which to reach it over the line."""
    parts = urlsplit(url)
    default = {"redis": 6379}.get(parts.scheme, 5432)
    line = Line(parts.hostname or "127.0.0.1", parts.port or default)
    await line.mend()
    credentials, at, _ = parts.netloc.rpartition("@")
    netloc = f"{credentials}{at}127.0.0.1:{line.port}"
    try:
        yield line, urlunsplit(parts._replace(netloc=netloc))
    finally:
        line._flowing.set()
        await line.cut()
