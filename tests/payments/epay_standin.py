"""An EPay platform on a port of its own: signs, answers and misbehaves as the real ones do."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from domain.money import Money
from tests.payments.standin import Faulty, Notice

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
    returned: str = ""  # what the merchant's program has refunded
    given_back: bool = False  # by whomever

    @property
    def status(self) -> int:
        return 2 if self.given_back else int(self.paid)


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
    refund_code: int = 1  # of a yes: the documents say 1, the program that many run says 0
    refusal: int | None = None  # of every refund
    grudging: bool = False  # a refund is made, and said not to be
    lost: bool = False  # a refund is made, and a 502 comes instead of the answer
    tells_refunds: bool = True  # by the order's status
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
            web.post("/api.php", self._refund),
        ]

    async def _mapi(self, request: web.Request) -> web.Response:
        trade = self._trade(_texts(await request.post()))
        if trade is None or "type" not in trade.told:
            return web.json_response({"code": -1, "msg": "签名校验失败"})
        page = f"{request.url.origin()}/pay/{trade.trade_no}"
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
        if trade is None or asked.get("trade_no", trade.trade_no) != trade.trade_no:
            return web.json_response({"code": -1, "msg": "订单号不存在"})
        code, status, pid = (
            1,
            trade.status if self.tells_refunds else int(trade.paid),
            int(self.pid),
        )
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

    async def _refund(self, request: web.Request) -> web.Response:
        told = _texts(await request.post())
        merchant = (told.get("pid"), told.get("key"))
        if request.query.get("act") != "refund" or merchant != (self.pid, self.key):
            return web.json_response({"code": -3, "msg": "商户密钥错误"})
        if self.refusal is not None:
            return web.json_response({"code": self.refusal, "msg": "商户未开启订单退款API接口"})
        trade = next((t for t in self.trades.values() if t.trade_no == told["trade_no"]), None)
        if trade is None or not trade.paid or trade.given_back:
            return web.json_response({"code": -1, "msg": "该订单已退款！"})
        if Decimal(told["money"]) > Decimal(trade.told["money"]):
            return web.json_response({"code": -1, "msg": "退款金额不能大于订单金额"})
        trade.returned, trade.given_back = told["money"], True
        if self.grudging:
            return web.json_response({"code": -1, "msg": "接口超时"})
        if self.lost:
            return web.Response(status=502)
        return web.json_response({"code": self.refund_code, "msg": "退款成功！"})

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


class EPayStandIn(Faulty):
    """A platform as the suites drive it."""

    code = "epay"
    currency = "CNY"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "success")

    def __init__(self) -> None:
        super().__init__()
        self.platform = Platform()

    def routes(self) -> list[web.RouteDef]:
        return self.platform.routes()

    def environment(self) -> dict[str, str]:
        return {
            "EPAY_URL": self.url,
            "EPAY_PID": PID,
            "EPAY_KEY": KEY,
            "EPAY_TYPES": "alipay",
        }

    def knows(self, number: str) -> bool:
        return number in self.platform.trades

    def payable(self, number: str) -> bool:
        return self.knows(number) and not self.platform.trades[number].paid

    def pay(self, number: str, amount: Money | None = None) -> None:
        """`amount` is what a platform that settles by hand has seen."""
        trade = self.platform.pay(number)
        if amount is not None:
            trade.told["money"] = f"{amount.decimal}"

    def give_back(self, number: str, amount: Money | None = None) -> None:
        self.platform.trades[number].given_back = True

    def notice(self, number: str) -> Notice:
        """Platforms do not call back about refunds."""
        return self._sent(self.platform.notice(number))

    def forgeries(self, number: str) -> dict[str, Notice]:
        told, platform = self.platform.notice(number), self.platform
        query = urlencode(told)
        unsigned = {name: value for name, value in told.items() if name != "sign"}
        return {
            "unsigned": self._sent(unsigned),
            "an empty signature": self._sent(told | {"sign": ""}),
            "signed by another": self._sent(Platform(key="another-key").signed(unsigned)),
            "signed with nothing": self._sent(Platform(key="").signed(unsigned)),
            "in capitals": self._sent(told | {"sign": told["sign"].upper()}),
            "changed": self._sent(told | {"money": "0.01"}),
            "of another order": self._sent(told | {"out_trade_no": "ANOTHERORDER01"}),
            "added to": self._sent(told | {"param": "1"}),
            "of another merchant": self._sent(platform.notice(number, pid="1002")),
            "truncated": Notice("GET", query=query[: query.index("&sign")]),
            "doubled": Notice("GET", query=f"{query}&money={told['money']}"),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        return {
            status: self._sent(self.platform.notice(number, trade_status=status))
            for status in ("TRADE_CLOSED", "TRADE_FINISHED", "WAIT_BUYER_PAY", "trade_success")
        }

    def given_back(self, number: str) -> Money | None:
        returned = self.platform.trades[number].returned
        return Money.parse(returned, self.currency) if returned else None

    @staticmethod
    def _sent(told: dict[str, str]) -> Notice:
        return Notice("GET", query=urlencode(told))


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
