"""A USDT gateway on a port of its own: epusdt, BEpusdt or GMWallet, as their sources have it."""

import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from domain.money import Money
from tests.payments.standin import Faulty, Notice

TOKEN = "epusdt_password_xasddawqe"
PID = "1000"
JSON = {"Content-Type": "application/json"}
ADDRESS = "TNEns8t9jbWENbStkQdVQtHMGpbsYsQjZK"
WAITING, PAID, EXPIRED, CANCELLED, CONFIRMING, FAILED = range(1, 7)
Kind = Literal["epusdt", "bepusdt", "gmpay"]


@dataclass
class Order:
    trade_id: str
    asked: dict[str, Any]  # what the merchant sent, of any type
    actual: float
    status: int = WAITING

    @property
    def amount(self) -> float:
        return float(self.asked["amount"])


class UsdtGateway(Faulty):
    """`told` overrides fields of an order that it tells of, `answer` those around them."""

    code = "usdt"
    currency = "CNY"
    refused: tuple[int, ...] = (401,)
    accepted: tuple[int, str] = (200, "ok")

    def __init__(
        self, kind: Kind = "epusdt", *, algorithm: Literal["md5", "hmac-sha256"] = "md5"
    ) -> None:
        super().__init__()
        self.kind = kind
        self.algorithm = algorithm
        self.orders: list[Order] = []
        self.told: dict[str, Any] = {}  # JSON of any shape
        self.answer: dict[str, Any] = {}

    # --- As the suites drive it ---------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        settings = {"USDT_URL": self.url, "USDT_TOKEN": TOKEN, "USDT_DIALECT": self.kind}
        if self.kind == "gmpay":
            settings |= {"USDT_PID": PID, "USDT_SIGNATURE": self.algorithm}
        return settings

    def knows(self, number: str) -> bool:
        return self._last(number) is not None

    def payable(self, number: str) -> bool:
        order = self._last(number)
        return order is not None and order.status == WAITING

    def pay(self, number: str, amount: Money | None = None) -> None:
        """Another amount than was asked for is not noticed: the gateway matches exact ones."""
        order = self.order(number)
        if order.status == WAITING and (amount is None or float(amount.decimal) == order.amount):
            order.status = PAID

    def give_back(self, number: str, amount: Money | None = None) -> None:
        """Money goes back from the merchant's wallet; the gateway does not know of it."""

    def notice(self, number: str) -> Notice:
        return self.signed(self.fields(number))

    def forgeries(self, number: str) -> dict[str, Notice]:
        told = self.fields(number) | {"status": PAID}
        genuine = self.signed(told).body
        signature = sign(told, TOKEN, self.algorithm)
        amount = f'"amount":{told["amount"]}'.encode()
        zeros = b"0" if b"." in amount else b".00"
        other: Literal["md5", "hmac-sha256"] = "md5" if self.algorithm != "md5" else "hmac-sha256"
        forged = {
            "unsigned": _notice(told),
            "signed with nothing": self.signed(told, token=""),
            "signed by another": self.signed(told, token="another_password"),
            "an empty signature": _notice(told | {"signature": ""}),
            "no text for a signature": _notice(told | {"signature": None}),
            "a signature with letters of other scripts": _notice(told | {"signature": "é" * 32}),
            "another algorithm": self.signed(told, algorithm=other),
            "capital letters": _changed(genuine, {"signature": signature.upper()}),
            "another amount": _changed(genuine, {"amount": told["amount"] + 1}),
            "another order": _changed(genuine, {"order_id": "7H3KQ0W2M9XD99"}),
            "another trade": _changed(genuine, {"trade_id": "202200000000"}),
            "another status": _changed(genuine, {"status": 3}),
            "a field more": _changed(genuine, {"nonce": "1"}),
            "written anew": Notice(headers=JSON, body=genuine.replace(amount, amount + zeros)),
            "truncated": Notice(headers=JSON, body=genuine[:-1]),
            "a doubled field": Notice(headers=JSON, body=genuine[:-1] + b',"status":2}'),
            "not as an object": Notice(headers=JSON, body=b"[" + genuine + b"]"),
            "a trade that the gateway does not know": self.signed(told | {"trade_id": "2022"}),
        }
        if self.kind == "gmpay":
            forged["another merchant"] = self.signed(told | {"pid": "1001"})
            forged["no merchant"] = self.signed({k: v for k, v in told.items() if k != "pid"})
        return forged

    def other_news(self, number: str) -> dict[str, Notice]:
        names = {"waiting": WAITING, "expired": EXPIRED}
        if self.kind == "bepusdt":
            names |= {"cancelled": CANCELLED, "confirming": CONFIRMING, "failed": FAILED}
        return {
            name: self.signed(self.fields(number) | {"status": status})
            for name, status in names.items()
        }

    def given_back(self, number: str) -> Money | None:
        return None

    def order(self, number: str) -> Order:
        found = self._last(number)
        assert found is not None, f"nobody has created {number}"
        return found

    def _last(self, number: str) -> Order | None:
        found = [order for order in self.orders if order.asked["order_id"] == number]
        return found[-1] if found else None

    # --- Callbacks ----------------------------------------------------------------------------

    def fields(self, number: str) -> dict[str, Any]:
        """What a callback tells, but for the signature."""
        order = self.order(number)
        actual: object = _number(order.actual)
        told = {
            "trade_id": order.trade_id,
            "order_id": number,
            "amount": _number(order.amount),
            "actual_amount": str(actual) if self.kind == "bepusdt" else actual,
            "token": "USDT" if self.kind == "gmpay" else ADDRESS,
            "block_transaction_id": "12ef6267b42e43959795cf31808d0cc72b3d0a48953ed19c61d4b6665a",
            "status": order.status,
        }
        if self.kind == "gmpay":
            told = {"pid": PID, **told, "receive_address": ADDRESS}
        return told

    def signed(
        self,
        told: dict[str, Any],
        *,
        token: str = TOKEN,
        algorithm: Literal["md5", "hmac-sha256"] | None = None,
    ) -> Notice:
        return _notice(told | {"signature": sign(told, token, algorithm or self.algorithm)})

    # --- The API ------------------------------------------------------------------------------

    def routes(self) -> Sequence[web.RouteDef]:
        if self.kind == "bepusdt":
            return [
                web.post("/api/v1/order/create-transaction", self._create),
                web.post("/api/v1/order/cancel-transaction", self._cancel),
                web.post("/api/v1/pay/info", self._info),
            ]
        path = "/payments/gmpay/v1" if self.kind == "gmpay" else "/api/v1"
        return [
            web.post(f"{path}/order/create-transaction", self._create),
            web.get("/pay/check-status/{trade_id}", self._status),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if not self._authentic(asked):
            return self._fail(401, "签名错误")
        if not isinstance(asked.get("amount"), int | float) or asked["amount"] <= 0.01:
            return self._fail(10009, "failed to parse request params")
        needed = {"order_id", "notify_url"} | (
            {"pid", "currency", "token", "network"} if self.kind == "gmpay" else set()
        )
        if needed - asked.keys() or len(asked["order_id"]) > 32:
            return self._fail(10009, "failed to parse request params")
        known = self._last(asked["order_id"])
        if known is not None and self.kind != "bepusdt":
            return self._fail(10002, "支付交易已存在，请勿重复创建")
        if known is None or known.status in (EXPIRED, CANCELLED, FAILED):
            known = self._new(asked)
        return self._succeed(self._offer(known) | self.told)

    def _new(self, asked: dict[str, Any]) -> Order:
        count = len(self.orders)
        order = Order(f"2022032716483805922{count:05}", asked, _actual(asked["amount"], count))
        self.orders.append(order)
        return order

    def _offer(self, order: Order) -> dict[str, Any]:
        now = int(time.time())
        told: dict[str, Any] = {
            "trade_id": order.trade_id,
            "order_id": order.asked["order_id"],
            "amount": _number(order.amount),
            "actual_amount": order.actual,
            "token": ADDRESS,
            "expiration_time": now + 600,
            "payment_url": f"{self.url}/pay/checkout-counter/{order.trade_id}",
        }
        if self.kind == "gmpay":
            told |= {"token": "USDT", "receive_address": ADDRESS, "currency": "CNY", "status": 1}
        if self.kind == "bepusdt":
            told |= {"amount": str(told["amount"]), "actual_amount": str(order.actual)}
            told |= {"fiat": order.asked["fiat"], "trade_type": order.asked["trade_type"]}
            told |= {"status": order.status, "expiration_time": order.asked["timeout"]}
        return told

    async def _cancel(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if not self._authentic(asked):
            return self._fail(401, "签名错误")
        order = self._trade(asked["trade_id"])
        if order is None:
            return self._fail(10008, "订单不存在")
        if order.status != WAITING:
            return self._fail(400, f"当前订单({order.trade_id})状态不允许取消")
        order.status = CANCELLED
        return self._succeed({"trade_id": order.trade_id})

    async def _info(self, request: web.Request) -> web.Response:
        order = self._trade((await request.json())["trade_id"])
        if order is None:
            return self._fail(10008, "订单不存在")
        told = {
            "trade_id": order.trade_id,
            "order_id": order.asked["order_id"],
            "trade_type": order.asked["trade_type"],
            "status": order.status,
            "money": str(_number(order.amount)),
            "actual_amount": str(order.actual),
            "token": ADDRESS,
            "fiat": order.asked["fiat"],
        }
        return self._succeed(told | self.told)

    async def _status(self, request: web.Request) -> web.Response:
        order = self._trade(request.match_info["trade_id"])
        if order is None:
            return self._fail(10008, "订单不存在")
        return self._succeed({"trade_id": order.trade_id, "status": order.status} | self.told)

    def _trade(self, trade_id: str) -> Order | None:
        return next((order for order in self.orders if order.trade_id == trade_id), None)

    def _authentic(self, asked: dict[str, Any]) -> bool:
        merchant = self.kind != "gmpay" or asked.get("pid") == PID
        return merchant and asked.get("signature") == sign(asked, TOKEN, self.algorithm)

    def _succeed(self, data: dict[str, Any]) -> web.Response:
        told = {"status_code": 200, "message": "success", "data": data}
        return web.json_response(told | self.answer)

    def _fail(self, code: int, message: str) -> web.Response:
        """BEpusdt has one code for all; GMWallet alone says it in HTTP too."""
        told = {"status_code": 400 if self.kind == "bepusdt" else code, "message": message}
        status = 200 if self.kind != "gmpay" else 401 if code == 401 else 400
        return web.json_response(told | {"data": None}, status=status)


def sign(told: dict[str, Any], token: str, algorithm: str) -> str:
    """Numbers go in as Go's shortest form of them, which drops zeros at the end."""
    pairs = [
        f"{name}={_number(value) if isinstance(value, float) else value}"
        for name, value in sorted(told.items())
        if name != "signature" and value not in (None, "")
    ]
    text = "&".join(pairs)
    if algorithm == "hmac-sha256":
        return hmac.new(token.encode(), text.encode(), "sha256").hexdigest()
    return hashlib.md5((text + token).encode(), usedforsecurity=False).hexdigest()


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _actual(amount: float, count: int) -> float:
    """At 7 yuan a dollar, and moved by the least step so that no two orders are alike."""
    return round(amount / 7 + count * 0.0001, 4)


def _notice(told: dict[str, Any]) -> Notice:
    body = json.dumps(told, separators=(",", ":")).encode()
    return Notice(headers=JSON, body=body)


def _changed(body: bytes, changes: dict[str, Any]) -> Notice:
    return _notice(json.loads(body) | changes)
