"""What every provider's stand-in shares: a port of its own, and faults on demand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from domain.money import Money


class Fault(Enum):
    """What may be wrong with the answers at one of a stand-in's paths."""

    MISSING = auto()  # 404
    BROKEN = auto()  # 500
    TOO_MANY = auto()  # 429
    NONSENSE = auto()  # 200, and HTML where JSON belongs
    CUT = auto()  # the connection ends without an answer
    GARBLED = auto()  # an answer that is not HTTP
    SLOW = auto()  # no answer while the test runs
    MOVED = auto()  # a redirect elsewhere
    LOST = auto()  # done, but the answer gets lost: a 500 comes instead


@dataclass(frozen=True)
class Notice:
    """A callback as it goes over the wire, ready to be sent or spoilt."""

    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""

    async def send(self, http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
        """The shop's answer: status and text."""
        address = f"{url}?{self.query}" if self.query else url
        async with http.request(
            self.method, address, headers=self.headers, data=self.body or None
        ) as response:
            return response.status, await response.text()


class StandIn(Protocol):
    """A provider as the suites drive it, the same for all. Orders are known by the attempt's
    number, and only once the shop has created them over HTTP.
    """

    code: str
    currency: str  # in which the suites' orders are priced
    url: str
    refused: tuple[int, ...]  # statuses with which the shop refuses a forgery
    accepted: tuple[int, str]  # how it accepts
    faults: dict[str, Fault]  # by path without its variable parts, or "*" for all

    def environment(self) -> dict[str, str]:
        """The settings that switch the provider on, towards this stand-in."""

    def knows(self, number: str) -> bool:
        """Whether the shop has created it here."""

    def payable(self, number: str) -> bool:
        """Whether a buyer could pay it now."""

    def pay(self, number: str, amount: Money | None = None) -> None:
        """The buyer pays what was asked for, or another amount where the provider lets them."""

    def give_back(self, number: str, amount: Money | None = None) -> None:
        """The merchant refunds at the provider's own desk: all of it, or a part."""

    def notice(self, number: str) -> Notice:
        """The genuine callback about the order as it stands now: paid, or refunded since."""

    def forgeries(self, number: str) -> dict[str, Notice]:
        """Callbacks to be refused, by what is wrong with them: unsigned, signed by others or
        with nothing, changed after signing, stale, of another merchant or mode, truncated,
        re-serialised, with doubled fields.
        """

    def other_news(self, number: str) -> dict[str, Notice]:
        """Genuine callbacks that are no payment, by what they say: failed, pending, closed …"""

    def given_back(self, number: str) -> Money | None:
        """What the shop has refunded over the API so far."""


class Faulty:
    """Mixed into a stand-in: answers as `faults` says, and keeps what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.faults: dict[str, Fault] = {}
        self.asked: list[str] = []  # "POST /v1/refunds"
        self._closing = asyncio.Event()

    def routes(self) -> Sequence[web.RouteDef]:
        raise NotImplementedError

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Runs on a port of its own until the block is left."""
        app = web.Application(middlewares=[self._misbehave])
        app.add_routes(self.routes())
        server = TestServer(app)
        await server.start_server(access_log=None)  # its log would show the keys in addresses
        self.url = str(server.make_url("")).rstrip("/")
        try:
            yield
        finally:
            self._closing.set()
            await server.close()

    @web.middleware
    async def _misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        fault = self._fault(request.path)
        if fault is Fault.SLOW:
            await self._closing.wait()
        elif fault in (Fault.CUT, Fault.GARBLED):
            _break(request, garbled=fault is Fault.GARBLED)
        elif fault is Fault.LOST:
            await handler(request)
        elif fault is None:
            return await handler(request)
        return _ANSWERS.get(fault, lambda: web.Response(status=500))()

    def _fault(self, path: str) -> Fault | None:
        found = [fault for part, fault in self.faults.items() if part in path]
        return found[0] if found else self.faults.get("*")


_ANSWERS = {
    Fault.MISSING: lambda: web.Response(status=404),
    Fault.TOO_MANY: lambda: web.Response(status=429),
    Fault.MOVED: lambda: web.Response(status=302, headers={"Location": "/elsewhere"}),
    Fault.NONSENSE: lambda: web.Response(text="<html>1064</html>", content_type="text/html"),
}


def _break(request: web.Request, *, garbled: bool) -> None:
    assert isinstance(request.transport, asyncio.Transport)
    if garbled:
        request.transport.write(b"<html>this is not HTTP</html>\r\n\r\n")
    request.transport.close()
