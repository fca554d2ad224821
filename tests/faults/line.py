"""A line to a server that can go down and come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa

from tests.storage.cable import Cable


class Line(Cable):
    """While it is down, connections break and new ones are refused before a byte is read."""

    is_down = False

    def goes_down(self) -> None:
        self.is_down = True
        self.hang_up()

    def comes_back(self) -> None:
        self.is_down = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.transport.abort()
        else:
            await super().connect(reader, writer)


@asynccontextmanager
async def line_to(url: str, port: int = 0) -> AsyncIterator[tuple[Line, str]]:
    """Lay a line to the server of `url`, and yield it with the URL at its other end.

    With `port` its other end is there; until then nobody listens.
    """
    server_url = sa.make_url(url)
    line = Line(server_url)
    server = await asyncio.start_server(line.connect, "127.0.0.1", port)
    near = server_url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    try:
        yield line, near.render_as_string(hide_password=False)
    finally:
        line.goes_down()
        server.close()
        await server.wait_closed()
