"""WeChat Pay v3 on a port of its own: signs, verifies, encrypts and refuses as the real one."""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.money import Money
from tests.payments.standin import Faulty, Notice
from tests.payments.wechat_keys import (
    API_V3_KEY,
    APP_ID,
    CERTIFICATE_PEM,
    CERTIFICATE_SERIAL,
    MCH_ID,
    MERCHANT,
    MERCHANT_SERIAL,
    PLATFORM,
    PLATFORM_BEFORE,
    PUBLIC_KEY_ID,
    STRANGER,
    private_pem,
    public_pem,
)

_SIGNATURE: Final = "Wechatpay-Signature"
_AUTHORIZATION: Final = re.compile(r"WECHATPAY2-SHA256-RSA2048 (.+)")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_ORDERS: Final = "/v3/pay/transactions"
_REFUNDS: Final = "/v3/refund/domestic/refunds"

Json = dict[str, Any]  # JSON of any shape


@dataclass
class Back:
    """A refund: by the shop over the API, or at the desk."""

    number: str
    amount: int
    by_shop: bool
    status: str = "SUCCESS"
    asked: Json = field(default_factory=dict)  # by the shop
    id: str = field(default_factory=lambda: f"503000{secrets.randbelow(10**18):018}")


@dataclass
class Order:
    asked: Json
    code_url: str
    state: str = "NOTPAY"
    transaction_id: str = ""
    total: int = 0
    currency: str = "CNY"
    refunds: list[Back] = field(default_factory=list)

    @property
    def gone_back(self) -> int:
        return sum(back.amount for back in self.refunds if back.status != "CLOSED")


class Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code


class WeChatPay(Faulty):
    """`telling` makes any notice; `broke` leaves the merchant without a balance to refund from;
    `barred` is a code with which it is refused everything; `refund_status` is what becomes of
    refunds, and `echoes` what asking for one is answered all the same; `spoil` changes the headers
    of answers; `changes` overrides what successes say.
    """

    code = "wechat"
    currency = "CNY"
    refused: tuple[int, ...] = (401,)
    accepted = (204, "")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.orders: dict[str, Order] = {}
        self.broke = False
        self.barred = ""
        self.refund_status = "SUCCESS"
        self.echoes = ""
        self.spoil: Callable[[dict[str, str]], Mapping[str, str]] = lambda headers: headers
        self.changes: Json = {}

    def environment(self) -> dict[str, str]:
        keys = {CERTIFICATE_SERIAL: CERTIFICATE_PEM, PUBLIC_KEY_ID: public_pem(PLATFORM)}
        return {
            "WECHAT_APP_ID": APP_ID,
            "WECHAT_MCH_ID": MCH_ID,
            "WECHAT_API_V3_KEY": API_V3_KEY,
            "WECHAT_PRIVATE_KEY": private_pem(MERCHANT),
            "WECHAT_CERT_SERIAL": MERCHANT_SERIAL,
            "WECHAT_PUBLIC_KEYS": json.dumps(keys),
            "WECHAT_URL": self.url,
        }

    # --- What the suites do ---------------------------------------------------------------------

    def knows(self, number: str) -> bool:
        return number in self.orders

    def payable(self, number: str) -> bool:
        order = self.orders.get(number)
        return order is not None and order.state == "NOTPAY" and not self._expired(order)

    def pay(self, number: str, amount: Money | None = None) -> None:
        """A buyer cannot choose the amount: another one stands for a mistake of WeChat Pay's."""
        assert self.payable(number), f"{number} is not to be paid"
        order = self.orders[number]
        order.state = "SUCCESS"
        order.transaction_id = f"4200{secrets.randbelow(10**24):024}"
        paid = amount or Money(order.asked["amount"]["total"], self.currency)
        order.total, order.currency = paid.amount, paid.currency

    def give_back(self, number: str, amount: Money | None = None) -> None:
        order = self.orders[number]
        left = order.total - order.gone_back
        part = left if amount is None else amount.amount
        assert 0 < part <= left, "not so much is left"
        order.refunds.append(Back(f"DESK{len(order.refunds)}{number}", part, by_shop=False))
        order.state = "REFUND"

    def given_back(self, number: str) -> Money | None:
        backs = self.orders[number].refunds
        total = sum(back.amount for back in backs if back.by_shop and back.status == "SUCCESS")
        return Money(total, self.currency) if total else None

    def notice(self, number: str) -> Notice:
        order = self.orders[number]
        if order.refunds:
            return self.telling("REFUND.SUCCESS", self.refund_resource(order))
        return self.telling("TRANSACTION.SUCCESS", self.transaction(order))

    def forgeries(self, number: str) -> dict[str, Notice]:
        genuine, told = self.notice(number), self.transaction(self.orders[number])
        paid, now = "TRANSACTION.SUCCESS", self.clock()
        body, headers = genuine.body, genuine.headers
        unsigned = {k: v for k, v in headers.items() if k != _SIGNATURE}
        doubled = body.replace(b"{", b'{"event_type": "TRANSACTION.SUCCESS", ', 1)
        probe = f"WECHATPAY/SIGNTEST/{headers[_SIGNATURE][19:]}"
        return {
            "unsigned": Notice(headers=unsigned, body=body),
            "signed with nothing": Notice(headers=headers | {_SIGNATURE: ""}, body=body),
            "a probe": Notice(headers=headers | {_SIGNATURE: probe}, body=body),
            "no base64": Notice(headers=headers | {_SIGNATURE: "签名"}, body=body),
            "signed by a stranger": self.telling(paid, told, key=STRANGER),
            "under an unknown serial": self.telling(paid, told, key=STRANGER, serial="7B980D"),
            "under the other serial": self.telling(paid, told, serial=CERTIFICATE_SERIAL),
            "another time": Notice(
                headers=headers | {"Wechatpay-Timestamp": f"{int(now) - 1}"}, body=body
            ),
            "another nonce": Notice(headers=headers | {"Wechatpay-Nonce": "another"}, body=body),
            "changed": Notice(headers=headers, body=body.replace(b"SUCCESS", b"success")),
            "truncated": Notice(headers=headers, body=body[:-1]),
            "re-serialised": Notice(headers=headers, body=json.dumps(json.loads(body)).encode()),
            "empty": Notice(headers=headers),
            "stale": self.telling(paid, told, at=now - 400),
            "from the future": self.telling(paid, told, at=now + 400),
            "doubled fields": self.signed(doubled),
            "doubled fields inside": self.telling(
                paid, json.dumps(told).encode().replace(b"{", b'{"mchid": "1", ', 1)
            ),
            "another merchant": self.telling(paid, told | {"mchid": "1900007292"}),
            "another app": self.telling(paid, told | {"appid": "wx0000000000000000"}),
            "another merchant's refund": self.telling(
                "REFUND.SUCCESS", self._desk(number) | {"mchid": "1900007292"}
            ),
            "encrypted by others": self.telling(paid, told, secret="x" * 32),
            "a refund in a payment's clothes": self.telling(paid, self._desk(number)),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        told, refund = self.transaction(self.orders[number]), self._desk(number)
        states = ("NOTPAY", "CLOSED", "PAYERROR", "REVOKED", "USERPAYING", "REFUND")
        failed = refund | {"refund_status": "ABNORMAL"}
        own = {"out_refund_no": f"{number[:12]}R01"}
        return {
            **{
                state: self.telling("TRANSACTION.SUCCESS", told | {"trade_state": state})
                for state in states
            },
            "refund failed": self.telling("REFUND.ABNORMAL", failed),
            "refund closed": self.telling("REFUND.CLOSED", failed | {"refund_status": "CLOSED"}),
            "refund not done": self.telling("REFUND.SUCCESS", failed),
            "the shop's own refund": self.telling("REFUND.SUCCESS", refund | own),
            "another product's": self.telling("PAYSCORE.USER_PAID", {"out_order_no": number}),
        }

    # --- Notices --------------------------------------------------------------------------------

    def telling(
        self,
        event: str,
        resource: Json | bytes,
        *,
        secret: str = API_V3_KEY,
        key: rsa.RSAPrivateKey = PLATFORM,
        serial: str = PUBLIC_KEY_ID,
        at: float | None = None,
    ) -> Notice:
        kind, nonce = event.partition(".")[0].lower(), secrets.token_hex(6)
        plain = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
        sealed = AESGCM(secret.encode()).encrypt(nonce.encode(), plain, kind.encode())
        told = {
            "id": "EV-2018022511223320873",
            "create_time": "2026-11-20T20:00:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": {
                "original_type": kind,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": kind,
                "nonce": nonce,
            },
        }
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        return self.signed(body, key=key, serial=serial, at=at)

    def signed(
        self,
        body: bytes,
        *,
        key: rsa.RSAPrivateKey = PLATFORM,
        serial: str = PUBLIC_KEY_ID,
        at: float | None = None,
    ) -> Notice:
        seconds, nonce = f"{int(self.clock() if at is None else at)}", secrets.token_hex(16)
        text = b"\n".join([seconds.encode(), nonce.encode(), body, b""])
        signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        headers = {
            "Content-Type": "application/json",
            "Wechatpay-Timestamp": seconds,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": serial,
            _SIGNATURE: base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        }
        return Notice(headers=headers, body=body)

    def transaction(self, order: Order) -> Json:
        told = {
            "appid": APP_ID,
            "mchid": MCH_ID,
            "out_trade_no": order.asked["out_trade_no"],
            "trade_state": order.state,
            "trade_state_desc": "…",
        }
        if order.state not in ("SUCCESS", "REFUND"):
            return told
        amount = {"total": order.total, "payer_total": order.total, "currency": order.currency}
        return told | {
            "transaction_id": order.transaction_id,
            "trade_type": "NATIVE",
            "bank_type": "OTHERS",
            "success_time": "2026-11-20T20:00:00+08:00",
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": amount | {"payer_currency": "CNY"},
        }

    def refund_resource(self, order: Order, back: Back | None = None) -> Json:
        back = back or order.refunds[-1]
        return {
            "mchid": MCH_ID,
            "transaction_id": order.transaction_id,
            "out_trade_no": order.asked["out_trade_no"],
            "refund_id": back.id,
            "out_refund_no": back.number,
            "refund_status": back.status,
            "success_time": "2026-11-20T20:05:00+08:00",
            "user_received_account": "支付用户零钱",
            "amount": {"total": order.total, "refund": back.amount, "payer_refund": back.amount},
        }

    def _desk(self, number: str) -> Json:
        """Of an order that is not paid too: it names some transaction all the same."""
        told = self.refund_resource(self.orders[number], Back("DESK1", 100, by_shop=False))
        return told | {"transaction_id": told["transaction_id"] or f"4200{0:024}"}

    # --- The API --------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        number = f"{_ORDERS}/out-trade-no/{{number}}"
        return [
            web.post(f"{_ORDERS}/native", self._answering(self._create)),
            web.get(number, self._answering(self._query)),
            web.post(f"{number}/close", self._answering(self._close)),
            web.post(_REFUNDS, self._answering(self._refund)),
            web.get(f"{_REFUNDS}/{{number}}", self._answering(self._refund_query)),
        ]

    def _answering(
        self, handle: Callable[[web.Request, Json], Json | None]
    ) -> Callable[[web.Request], Any]:  # aiohttp's handlers are coroutine functions
        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            try:
                self._authenticate(request, body)
                told = handle(request, json.loads(body or b"{}"))
                status = 204 if told is None else 200
                told = told and told | self.changes
            except Refused as refused:
                status, told = refused.status, {"code": refused.code, "message": "……"}
            raw = b"" if told is None else json.dumps(told, ensure_ascii=False).encode()
            new = request.headers.get("Wechatpay-Serial") == PUBLIC_KEY_ID
            key, serial = (
                (PLATFORM, PUBLIC_KEY_ID) if new else (PLATFORM_BEFORE, CERTIFICATE_SERIAL)
            )
            headers = self.spoil(self.signed(raw, key=key, serial=serial).headers)
            return web.Response(status=status, body=raw, headers=headers)

        return answer

    def _authenticate(self, request: web.Request, body: bytes) -> None:
        scheme = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        given = dict(re.findall(r'(\w+)="([^"]*)"', scheme[1])) if scheme else {}
        names = {"mchid", "serial_no", "timestamp", "nonce_str", "signature"}
        known = {"mchid": MCH_ID, "serial_no": MERCHANT_SERIAL}
        if set(given) != names or not known.items() <= given.items():
            raise Refused(401, "SIGN_ERROR")
        if abs(self.clock() - int(given["timestamp"])) > 300:
            raise Refused(401, "SIGN_ERROR")
        lines = [request.method, request.raw_path, given["timestamp"], given["nonce_str"]]
        text = "".join(f"{line}\n" for line in lines).encode() + body + b"\n"
        signature = base64.b64decode(given["signature"])
        try:
            MERCHANT.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refused(401, "SIGN_ERROR") from None
        if self.barred:
            raise Refused(403, self.barred)
        if request.headers.get("Accept") != "application/json" or (
            body and request.content_type != "application/json"
        ):
            raise Refused(400, "PARAM_ERROR")

    def _create(self, _request: web.Request, asked: Json) -> Json:
        if (asked["appid"], asked["mchid"]) != (APP_ID, MCH_ID):
            raise Refused(400, "APPID_MCHID_NOT_MATCH")
        total, ends = asked["amount"]["total"], datetime.fromisoformat(asked["time_expire"])
        well_formed = (
            _NUMBER.fullmatch(asked["out_trade_no"])
            and 1 <= len(asked["description"]) <= 127
            and type(total) is int
            and total >= 1
            and asked["amount"]["currency"] == "CNY"
            and "?" not in asked["notify_url"]
            and asked["time_expire"].endswith("+08:00")
        )
        if not well_formed:
            raise Refused(400, "PARAM_ERROR")
        known = self.orders.get(asked["out_trade_no"])
        if known is None:
            if ends.timestamp() < self.clock():
                raise Refused(400, "PARAM_ERROR")
            known = Order(asked, f"weixin://wxpay/bizpayurl?pr={secrets.token_urlsafe(6)}")
            self.orders[asked["out_trade_no"]] = known
        if known.state != "NOTPAY":
            raise Refused(400, "ORDER_CLOSED" if known.state == "CLOSED" else "ORDERPAID")
        if known.asked != asked:
            raise Refused(400, "INVALID_REQUEST")
        return {"code_url": known.code_url}

    def _query(self, request: web.Request, _asked: Json) -> Json:
        return self.transaction(self._known(request, request.query.get("mchid")))

    def _close(self, request: web.Request, asked: Json) -> None:
        order = self._known(request, asked.get("mchid"))
        if order.state != "NOTPAY":
            raise Refused(400, "ORDER_CLOSED" if order.state == "CLOSED" else "ORDERPAID")
        order.state = "CLOSED"

    def _known(self, request: web.Request, mchid: str | None) -> Order:
        if mchid != MCH_ID:
            raise Refused(400, "PARAM_ERROR")
        order = self.orders.get(request.match_info["number"])
        if order is None:
            raise Refused(404, "ORDER_NOT_EXIST")
        return order

    def _refund(self, _request: web.Request, asked: Json) -> Json:
        paid = {o.transaction_id: o for o in self.orders.values() if o.transaction_id}
        order, amount = paid.get(asked["transaction_id"]), asked["amount"]
        if order is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS")
        number, part = asked["out_refund_no"], amount["refund"]
        backs = {b.number: b for o in self.orders.values() for b in o.refunds}
        new = Back(number, part, by_shop=True, status=self.refund_status, asked=asked)
        back = backs.get(number, new)
        left = order.total - order.gone_back + (back.amount if number in backs else 0)
        if amount["total"] != order.total or part != back.amount or not 0 < part <= left:
            raise Refused(400, "INVALID_REQUEST")
        if number not in backs:
            if self.broke:
                raise Refused(403, "NOT_ENOUGH")
            order.refunds.append(back)
            order.state = "REFUND"
        told = self._refund_told(order, back)
        return told | ({"status": self.echoes} if self.echoes else {})

    def _refund_query(self, request: web.Request, _asked: Json) -> Json:
        for order in self.orders.values():
            for back in order.refunds:
                if back.number == request.match_info["number"]:
                    return self._refund_told(order, back)
        raise Refused(404, "RESOURCE_NOT_EXISTS")

    def _refund_told(self, order: Order, back: Back) -> Json:
        told = self.refund_resource(order, back)
        status = {"status": told.pop("refund_status"), "channel": "ORIGINAL"}
        return told | status | {"amount": told["amount"] | {"currency": "CNY"}}

    def _expired(self, order: Order) -> bool:
        ends = datetime.fromisoformat(order.asked["time_expire"])
        return ends.timestamp() <= self.clock()
