"""A cable to PostgreSQL that can be cut at a chosen moment."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa

_SIZE: Final = 65536


class Cable:
    """Passes bytes on, until it reads `cut_at` from the client: then it goes dead, once.

    With `after_answer` the server is still asked, and only its answer is lost.
    """

    def __init__(self, server: sa.URL) -> None:
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()
        self.cut_at: bytes | None = None
        self.after_answer = False
        self.is_cut = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        theirs, ours = await asyncio.open_connection(self._server.host, self._server.port or 5432)
        self._writers |= {writer, ours}
        await _first_to_end(self._up(reader, ours), self._down(theirs, writer))
        for end in (writer, ours):
            self._writers.discard(end)
            end.transport.abort()

    def hang_up(self) -> None:
        """Cut every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def _up(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_SIZE):
            if self.cut_at is not None and self.cut_at in data:
                self.cut_at, self.is_cut = None, True
                if not self.after_answer:
                    raise ConnectionResetError
            target.write(data)
        raise ConnectionResetError

    async def _down(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_SIZE):
            if self.is_cut and self.after_answer:
                self.after_answer = False
                raise ConnectionResetError
            target.write(data)
        raise ConnectionResetError


async def _first_to_end(*directions: Coroutine[None, None, None]) -> None:
    """When one direction ends, both do."""
    try:
        async with asyncio.TaskGroup() as group:
            for direction in directions:
                group.create_task(direction)
    except* ConnectionError:
        pass  # how either of them ends


@asynccontextmanager
async def laid(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """Lay a cable to the server of `url`, and yield it with the URL at its other end."""
    cable = Cable(sa.make_url(url))
    server = await asyncio.start_server(cable.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    near = sa.make_url(url).set(host="127.0.0.1", port=port)
    try:
        yield cable, near.render_as_string(hide_password=False)
    finally:
        cable.hang_up()
        server.close()
        await server.wait_closed()
