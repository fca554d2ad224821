"""An EPay platform on a port of its own: signs, answers and misbehaves as the real ones do."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

PID = "1001"
KEY = "9f27c1d4e8a05b63d2714c"


class Fault(Enum):
    """What may be wrong with one of the platform's scripts."""

    MISSING = auto()  # 404, as on platforms without it
    REFUSING = auto()  # a definite no, in JSON
    BROKEN = auto()  # 500
    NONSENSE = auto()  # 200, and HTML where JSON belongs
    CUT = auto()  # the connection ends without an answer
    GARBLED = auto()  # an answer that is not HTTP
    SLOW = auto()  # no answer while the test runs
    MOVED = auto()  # a redirect elsewhere


@dataclass
class Trade:
    trade_no: str
    told: dict[str, str]  # what the merchant asked for
    paid: bool = False


@dataclass
class Platform:
    """`faults` by script; `money` rewrites the amounts that it tells; `offer` answers mapi."""

    url: str = ""
    pid: str = PID
    key: str = field(default=KEY, repr=False)
    trades: dict[str, Trade] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    money: str = ""
    offer: dict[str, Any] | None = None  # JSON of any shape
    order: dict[str, Any] = field(default_factory=dict)  # overrides of a query's answer
    raw_order: bytes | None = None
    numbers_as_text: bool = False
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def sign(self, told: dict[str, str]) -> str:
        """As the platform's PHP: sorted by name, blanks left out, the key at the end."""
        text = ""
        for name in sorted(told):
            if name not in ("sign", "sign_type") and told[name] != "":
                text += f"{name}={told[name]}&"
        return hashlib.md5((text[:-1] + self.key).encode(), usedforsecurity=False).hexdigest()

    def signed(self, told: dict[str, str]) -> dict[str, str]:
        return {**told, "sign": self.sign(told), "sign_type": "MD5"}

    def pay(self, number: str) -> Trade:
        """The buyer pays on the platform's page."""
        trade = self.trades[number]
        trade.paid = True
        return trade

    def notice(self, number: str, **changes: str) -> dict[str, str]:
        """What the platform tells the merchant of a payment; `changes` are signed too."""
        trade = self.trades[number]
        told = {
            "pid": self.pid,
            "trade_no": trade.trade_no,
            "out_trade_no": number,
            "type": trade.told.get("type", "alipay"),
            "name": trade.told["name"],
            "money": self.money or trade.told["money"],
            "trade_status": "TRADE_SUCCESS",
        }
        return self.signed(told | changes)

    async def notify(
        self, http: aiohttp.ClientSession, number: str, *, post: bool = False, **changes: str
    ) -> tuple[int, str]:
        """Call the merchant back; the status and text of the merchant's answer."""
        told, url = self.notice(number, **changes), self.trades[number].told["notify_url"]
        call = http.post(url, data=told) if post else http.get(f"{url}?{urlencode(told)}")
        async with call as response:
            return response.status, await response.text()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/mapi.php", self._mapi),
            web.get("/submit.php", self._submit),
            web.get("/api.php", self._api),
        ]

    async def _mapi(self, request: web.Request) -> web.Response:
        trade = self._trade(_texts(await request.post()))
        if trade is None or "type" not in trade.told:
            return web.json_response({"code": -1, "msg": "签名校验失败"})
        page = f"{self.url}/pay/{trade.trade_no}"
        offer = {"payurl": page} if self.offer is None else self.offer
        code = "1" if self.numbers_as_text else 1
        return web.json_response({"code": code, "msg": "", "trade_no": trade.trade_no, **offer})

    async def _submit(self, request: web.Request) -> web.Response:
        trade = self._trade(dict(request.query))
        text = "<h1>签名校验失败</h1>" if trade is None else f"<h1>{trade.told['money']}</h1>"
        return web.Response(text=text, content_type="text/html")

    async def _api(self, request: web.Request) -> web.Response:
        asked = request.query
        if (asked.get("act"), asked.get("pid"), asked.get("key")) != ("order", self.pid, self.key):
            return web.json_response({"code": -3, "msg": "商户密钥错误"})
        if self.raw_order is not None:
            return web.Response(body=self.raw_order, content_type="application/json")
        trade = self.trades.get(asked["out_trade_no"])
        if trade is None:
            return web.json_response({"code": -1, "msg": "订单号不存在"})
        code, status, pid = 1, int(trade.paid), int(self.pid)
        answer = {
            "code": str(code) if self.numbers_as_text else code,
            "status": str(status) if self.numbers_as_text else status,
            "pid": str(pid) if self.numbers_as_text else pid,
            "trade_no": trade.trade_no,
            "out_trade_no": trade.told["out_trade_no"],
            "money": self.money or trade.told["money"],
            "endtime": None,
        }
        return web.json_response(answer | self.order)

    def _trade(self, told: dict[str, str]) -> Trade | None:
        """The trade that the merchant asks for; None for one that is not signed by it."""
        if told.get("pid") != self.pid or told.get("sign") != self.sign(told):
            return None
        number = told["out_trade_no"]
        known = self.trades.get(number) or Trade(f"20261120{len(self.trades):08}", told)
        return self.trades.setdefault(number, known)

    @web.middleware
    async def misbehave(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        script = request.path.removeprefix("/")
        sent = _texts(await request.post()) if request.method == "POST" else dict(request.query)
        self.asked.append((script, sent))
        fault = self.faults.get(script)
        if fault is Fault.SLOW:
            await self.closing.wait()
        elif fault in (Fault.CUT, Fault.GARBLED):
            _break(request, garbled=fault is Fault.GARBLED)
        elif fault is not None:
            return _answer(fault)
        return await handler(request)


@asynccontextmanager
async def epay_platform() -> AsyncIterator[Platform]:
    """Runs one until the block is left."""
    platform = Platform()
    app = web.Application(middlewares=[platform.misbehave])
    app.add_routes(platform.routes())
    server = TestServer(app)
    # Its log of requests would show the key, as the real platforms' does.
    await server.start_server(access_log=None)
    platform.url = str(server.make_url("")).rstrip("/")
    try:
        yield platform
    finally:
        platform.closing.set()
        await server.close()


def _answer(fault: Fault) -> web.Response:
    match fault:
        case Fault.MISSING:
            return web.Response(status=404)
        case Fault.BROKEN:
            return web.Response(status=500)
        case Fault.MOVED:
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        case Fault.REFUSING:
            return web.json_response({"code": -1, "msg": "该支付方式未开启"})
    return web.Response(text="<html>error 1064</html>", content_type="text/html")


def _break(request: web.Request, *, garbled: bool) -> None:
    assert isinstance(request.transport, asyncio.Transport)
    if garbled:
        request.transport.write(b"<html>this is not HTTP</html>\r\n\r\n")
    request.transport.close()


# A form's values may be files too; nobody sends any here.
def _texts(form: Any) -> dict[str, str]:
    return {name: str(value) for name, value in form.items()}
