"""An EPay platform of version 2 on a port of its own: RSA both ways, refunds by number."""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from domain.money import Money
from tests.payments.standin import Faulty, Notice

PID: Final = "1001"
MERCHANT: Final = rsa.generate_private_key(65537, 2048)
PLATFORM: Final = rsa.generate_private_key(65537, 2048)

# What a platform's JSON holds is as varied as the platforms.
Json = dict[str, Any]


@dataclass
class Trade:
    trade_no: str
    told: dict[str, str]  # what the merchant asked for
    paid: bool = False
    refunds: dict[str, Json] = field(default_factory=dict)  # by out_refund_no
    given_back: Decimal = Decimal()

    @property
    def status(self) -> int:
        return 2 if self.given_back else int(self.paid)


class EPayV2StandIn(Faulty):
    code = "epay"
    currency = "CNY"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "success")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.trades: dict[str, Trade] = {}
        self.offer: Json = {}  # overrides of what is offered to pay with
        self.order: Json = {}  # overrides of a query's answer
        self.signs = True
        self.channel_works = True  # the bank's, for refunds
        self.repeats = True  # a done refund is confirmed when asked for again
        self.refunds: Json = {}  # overrides of a refund's answer
        self.refusal: Json = {}  # overrides of a refused refund's

    # --- What the suites do -----------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return {
            "EPAY_URL": self.url,
            "EPAY_PID": PID,
            "EPAY_TYPES": "alipay",
            "EPAY_PRIVATE_KEY": bare(MERCHANT),
            "EPAY_PLATFORM_KEY": bare_public(PLATFORM),
        }

    def knows(self, number: str) -> bool:
        return number in self.trades

    def payable(self, number: str) -> bool:
        return self.knows(number) and not self.trades[number].paid

    def pay(self, number: str, amount: Money | None = None) -> None:
        trade = self.trades[number]
        trade.paid = True
        if amount is not None:
            trade.told["money"] = f"{amount.decimal}"

    def give_back(self, number: str, amount: Money | None = None) -> None:
        trade = self.trades[number]
        trade.given_back += Decimal(trade.told["money"]) if amount is None else amount.decimal

    def notice(self, number: str) -> Notice:
        """Platforms do not call back about refunds."""
        return sent(self.told(number))

    def given_back(self, number: str) -> Money | None:
        done = [r for r in self.trades[number].refunds.values() if r["status"] == 1]
        total = sum((Decimal(r["money"]) for r in done), Decimal())
        return Money.parse(f"{total}", self.currency) if done else None

    def told(self, number: str, **changes: str) -> dict[str, str]:
        """A notice's fields; `changes` are signed too."""
        trade = self.trades[number]
        return self.sign(
            {
                "pid": PID,
                "trade_no": trade.trade_no,
                "out_trade_no": number,
                "type": "alipay",
                "name": trade.told["name"],
                "money": trade.told["money"],
                "trade_status": "TRADE_SUCCESS",
                "api_trade_no": "4200001",
                "buyer": "",
                "timestamp": str(int(self.clock())),
                **changes,
            }
        )

    def forgeries(self, number: str) -> dict[str, Notice]:
        told, now = self.told(number), int(self.clock())
        unsigned = {name: value for name, value in told.items() if name != "sign"}
        query = urlencode(told)
        return {
            "unsigned": sent(unsigned),
            "an empty signature": sent(told | {"sign": ""}),
            "no base64": sent(told | {"sign": "é*"}),
            "signed by the merchant": sent(self.sign(unsigned, MERCHANT)),
            "changed": sent(told | {"money": "0.01"}),
            "of another order": sent(told | {"out_trade_no": "ANOTHERORDER01"}),
            "added to": sent(told | {"param": "1"}),
            "made fresh": sent(told | {"timestamp": str(now + 1)}),
            "stale": sent(self.told(number, timestamp=str(now - 400))),
            "early": sent(self.told(number, timestamp=str(now + 400))),
            "of no time": sent(self.told(number, timestamp="")),
            "of another merchant": sent(self.told(number, pid="1002")),
            "truncated": Notice("GET", query=query[: query.index("&sign")]),
            "doubled": Notice("GET", query=f"{query}&money={told['money']}"),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        return {
            status: sent(self.told(number, trade_status=status))
            for status in ("TRADE_CLOSED", "TRADE_FINISHED", "WAIT_BUYER_PAY", "trade_success")
        }

    @staticmethod
    def sign(told: dict[str, str], key: rsa.RSAPrivateKey = PLATFORM) -> dict[str, str]:
        signature = key.sign(_text(told), padding.PKCS1v15(), hashes.SHA256())
        return told | {"sign": base64.b64encode(signature).decode(), "sign_type": "RSA"}

    # --- The API ----------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/pay/submit", self._submit),
            web.post("/api/pay/create", self._create),
            web.post("/api/pay/query", self._query),
            web.post("/api/pay/refund", self._refund),
            web.post("/api/pay/refundquery", self._refund_query),
            web.post("/api/merchant/info", self._info),
        ]

    async def _submit(self, request: web.Request) -> web.Response:
        told = dict(request.query)
        if (wrong := self._wrong(told)) is not None:
            return web.Response(text=f"<h1>{wrong}</h1>", content_type="text/html")
        return web.Response(text=f"<h1>{self._trade(told).told['money']}</h1>")

    async def _create(self, request: web.Request) -> web.Response:
        told = await _form(request)
        if (wrong := self._wrong(told)) is not None or told["method"] != "jump":
            return _no(wrong or "method")
        trade = self._trade(told)
        page = f"{request.url.origin()}/pay/submit/{trade.trade_no}/"
        offer = {"trade_no": trade.trade_no, "pay_type": "jump", "pay_info": page}
        return self._yes(offer | self.offer)

    async def _query(self, request: web.Request) -> web.Response:
        told = await _form(request)
        if (wrong := self._wrong(told)) is not None:
            return _no(wrong)
        trade = self._named(told)
        if trade is None:
            return _no("订单号不存在")
        answer = {
            "trade_no": trade.trade_no,
            "out_trade_no": trade.told["out_trade_no"],
            "type": "alipay",
            "pid": int(PID),
            "name": trade.told["name"],
            "money": trade.told["money"],
            "status": trade.status,
            "param": None,
        }
        return self._yes(answer | self.order)

    async def _refund(self, request: web.Request) -> web.Response:
        told = await _form(request)
        if (wrong := self._wrong(told)) is not None:
            return _no(wrong)
        trade, number = self._named(told), told["out_refund_no"]
        if trade is None or not trade.paid:
            return _no("当前订单不存在！")
        known = trade.refunds.get(number)
        if known is not None and known["status"] == 1:
            return self._yes(_refunded(known)) if self.repeats else _no("退款单号已存在")
        left = Decimal(trade.told["money"]) - trade.given_back
        if Decimal(told["money"]) > left:
            return _no("退款金额不能超过该订单剩余可退款金额！", **self.refusal)
        made = {
            "refund_no": f"R{len(trade.refunds):08}",
            "out_refund_no": number,
            "trade_no": trade.trade_no,
            "money": told["money"],
            "status": int(self.channel_works),
        }
        trade.refunds[number] = made
        if not self.channel_works:
            return _no("退款失败")
        trade.given_back += Decimal(told["money"])
        return self._yes(_refunded(made) | self.refunds)

    async def _refund_query(self, request: web.Request) -> web.Response:
        told = await _form(request)
        if (wrong := self._wrong(told)) is not None:
            return _no(wrong)
        made = [t.refunds.get(told["out_refund_no"]) for t in self.trades.values()]
        found = next((refund for refund in made if refund is not None), None)
        return _no("退款记录不存在") if found is None else self._yes(found)

    async def _info(self, request: web.Request) -> web.Response:
        wrong = self._wrong(await _form(request))
        return self._yes({"pid": int(PID), "status": 1}) if wrong is None else _no(wrong)

    # --- Inside -----------------------------------------------------------------------------

    def _wrong(self, told: Mapping[str, str]) -> str | None:
        """What keeps the platform from believing a merchant."""
        if told.get("pid") != PID:
            return "商户不存在！"
        if abs(self.clock() - int(told.get("timestamp", 0))) > 300:
            return "时间戳字段不在正确范围"
        try:
            signature = base64.b64decode(told["sign"])
            key, pkcs = MERCHANT.public_key(), padding.PKCS1v15()
            key.verify(signature, _text(told), pkcs, hashes.SHA256())
        except InvalidSignature:
            return "RSA签名校验失败"
        return None if told["sign_type"] == "RSA" else "sign_type"

    def _trade(self, told: dict[str, str]) -> Trade:
        number = told["out_trade_no"]
        return self.trades.setdefault(number, Trade(f"20261120{len(self.trades):08}", told))

    def _named(self, told: Mapping[str, str]) -> Trade | None:
        if "trade_no" in told:
            return next((t for t in self.trades.values() if t.trade_no == told["trade_no"]), None)
        return self.trades.get(told["out_trade_no"])

    def _yes(self, told: Json) -> web.Response:
        told = {"code": 0, "timestamp": str(int(self.clock())), **told}
        if self.signs:
            signed = self.sign({name: str(v) for name, v in told.items() if v is not None})
            told |= {"sign": signed["sign"], "sign_type": "RSA"}
        return web.json_response(told)


def sent(told: dict[str, str]) -> Notice:
    return Notice("GET", query=urlencode(told))


def bare(key: rsa.RSAPrivateKey) -> str:
    """Base64 alone, as merchants find it at the platform's desk."""
    return base64.b64encode(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    ).decode()


def bare_public(key: rsa.RSAPrivateKey) -> str:
    return base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()


def _text(told: Mapping[str, str]) -> bytes:
    """As the platform's PHP: sorted by name, blanks left out."""
    signed = [name for name in sorted(told) if name not in ("sign", "sign_type")]
    return "&".join(f"{name}={told[name]}" for name in signed if told[name].strip()).encode()


def _refunded(made: Json) -> Json:
    return {name: value for name, value in made.items() if name != "status"}


def _no(why: str, code: object = -1) -> web.Response:
    """Refusals are not signed."""
    return web.json_response({"code": code, "msg": why})


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}
