"""Alipay on a port of its own: the gateway, the buyers' side of it, and its notices."""

import base64
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from domain.money import Money
from tests.payments.alipay_keys import (
    ALIPAY,
    MERCHANT,
    STRANGER,
    content_of,
    private_text,
    public_text,
    sign,
)
from tests.payments.standin import Faulty, Notice

APP_ID = "2021000199887766"
SELLER_ID = "2088102146225135"
FORM = "application/x-www-form-urlencoded;charset=utf-8"
_WAITING, _PAID, _CLOSED = "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"
_PAGES = {
    "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY",
    "alipay.trade.wap.pay": "QUICK_WAP_WAY",
}
_SUCCESS = {"code": "10000", "msg": "Success"}


class Refusal(Exception):
    """A business failure, which is signed; those of the gateway are not."""

    def __init__(self, sub_code: str) -> None:
        super().__init__(sub_code)
        self.told = {"code": "40004", "msg": "Business Failed", "sub_code": sub_code}


@dataclass
class Order:
    """What a merchant asked for, and the trade that comes of it once somebody scans the QR."""

    asked: dict[str, str]
    notify_url: str
    expires: datetime
    number: str
    fen: int
    trade_no: str
    qr: str
    status: str | None = None  # None: no trade yet
    refunds: dict[str, int] = field(default_factory=dict)  # by number, done
    accepted: dict[str, int] = field(default_factory=dict)  # by number, not done yet

    @property
    def returned(self) -> int:
        return sum(self.refunds.values())


class AlipayStandIn(Faulty):
    """One app's gateway.

    With `late_refunds` it accepts refunds and pays them out at `finish_refunds`; with
    `refuse_repeats` it answers a repeated refund by the trade's state, not as a repetition.
    """

    code = "alipay"
    currency = "CNY"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "success")

    def __init__(self, clock: Callable[[], float] = time.time, product: str = "precreate") -> None:
        super().__init__()
        self.clock = clock
        self.product = product
        self.orders: dict[str, Order] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []  # method, biz_content
        self.answers: dict[str, bytes] = {}  # whole answers instead, by method
        self.changes: dict[str, dict[str, object]] = {}  # to what is signed, by method
        self.late_refunds = False
        self.refuse_repeats = False

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.post("/gateway.do", self._gateway), web.get("/gateway.do", self._page)]

    @property
    def gateway(self) -> str:
        return f"{self.url}/gateway.do"

    def environment(self) -> dict[str, str]:
        return {
            "ALIPAY_URL": self.gateway,
            "ALIPAY_APP_ID": APP_ID,
            "ALIPAY_SELLER_ID": SELLER_ID,
            "ALIPAY_PRIVATE_KEY": private_text(MERCHANT),
            "ALIPAY_PUBLIC_KEY": public_text(ALIPAY),
            "ALIPAY_PRODUCT": self.product,
        }

    # --- The buyer, and the merchant's desk --------------------------------------------------

    def knows(self, number: str) -> bool:
        return number in self.orders

    def payable(self, number: str) -> bool:
        order = self.orders.get(number)
        return order is not None and self._status(order) in (None, _WAITING) and self._open(order)

    def scan(self, number: str) -> None:
        """A buyer scans the QR and does not pay yet: the trade begins."""
        order = self.orders[number]
        assert order.status is None
        order.status = _WAITING

    def pay(self, number: str, amount: Money | None = None) -> None:
        """Buyers cannot change the amount: another one is a mistake of Alipay's."""
        assert self.payable(number)
        order = self.orders[number]
        order.fen = order.fen if amount is None else amount.amount
        order.status = _PAID

    def finish(self, number: str) -> None:
        """Months later: no refund is possible any more."""
        self.orders[number].status = "TRADE_FINISHED"

    def give_back(self, number: str, amount: Money | None = None) -> None:
        order = self.orders[number]
        fen = order.fen - order.returned if amount is None else amount.amount
        self._pay_out(order, f"DESK{len(order.refunds)}", fen)

    def finish_refunds(self, number: str) -> None:
        order = self.orders[number]
        for name, fen in order.accepted.items():
            self._pay_out(order, name, fen)
        order.accepted.clear()

    def given_back(self, number: str) -> Money | None:
        order = self.orders[number]
        fen = sum(fen for name, fen in order.refunds.items() if not name.startswith("DESK"))
        return Money(fen, "CNY") if fen else None

    def _pay_out(self, order: Order, name: str, fen: int) -> None:
        assert order.status == _PAID
        assert 0 < fen <= order.fen - order.returned
        order.refunds[name] = fen
        if order.returned == order.fen:
            order.status = _CLOSED

    def _status(self, order: Order) -> str | None:
        if order.status == _WAITING and not self._open(order):
            order.status = _CLOSED
        return order.status

    def _open(self, order: Order) -> bool:
        return self._now() < order.expires

    def _now(self) -> datetime:
        """The wall clock in China, as the gateway writes it."""
        return datetime.fromtimestamp(self.clock(), UTC).replace(tzinfo=None) + timedelta(hours=8)

    # --- Notices -----------------------------------------------------------------------------

    def told(self, number: str, **changes: str) -> dict[str, str]:
        """What a notice says before it is signed."""
        order, now = self.orders[number], self._now().strftime("%Y-%m-%d %H:%M:%S")
        status = self._status(order) or _WAITING
        told = {
            "gmt_create": now,
            "charset": "utf-8",
            "gmt_payment": now,
            "notify_time": now,
            "subject": order.asked["subject"],
            "buyer_id": "2088102116773037",
            "invoice_amount": _yuan(order.fen),
            "version": "1.0",
            "notify_id": "ac05099524730693a8b330c5ecf72da978",
            "fund_bill_list": f'[{{"amount":"{_yuan(order.fen)}","fundChannel":"PCREDIT"}}]',
            "notify_type": "trade_status_sync",
            "out_trade_no": order.number,
            "total_amount": _yuan(order.fen),
            "trade_status": status,
            "trade_no": order.trade_no,
            "auth_app_id": APP_ID,
            "receipt_amount": _yuan(order.fen),
            "point_amount": "0.00",
            "app_id": APP_ID,
            "buyer_pay_amount": _yuan(order.fen),
            "seller_id": SELLER_ID,
        }
        if order.returned:
            back = {"gmt_refund": f"{now}.123", "refund_fee": _yuan(order.returned)}
            told |= back | {"out_biz_no": list(order.refunds)[-1]}
        return told | changes

    def notice(self, number: str) -> Notice:
        return posted(signed(self.told(number)))

    def forgeries(self, number: str) -> dict[str, Notice]:
        told = self.told(number)
        good = signed(told)
        old = sign(ALIPAY, content_of(told, without=()), hashes.SHA1())  # noqa: S303 to be refused
        body = urlencode(good)
        bare = {name: good[name] for name in good if name != "sign"}
        return {
            "unsigned": posted(bare),
            "signed with nothing": posted(good | {"sign": ""}),
            "signed with what is no base64": posted(good | {"sign": "%%%"}),
            "signed with what is no text": posted(good | {"sign": "Ünsigned"}),
            "signed by a stranger": posted(signed(told, STRANGER)),
            "signed by the merchant": posted(signed(told, MERCHANT)),
            "signed by SHA-1": posted(told | {"sign": old, "sign_type": "RSA"}),
            "of its own algorithm": posted(told | {"sign": "none", "sign_type": "none"}),
            "of another amount": posted(good | {"total_amount": "0.01"}),
            "of another order": posted(good | {"out_trade_no": f"{number}X"}),
            "of another trade": posted(good | {"trade_no": f"{told['trade_no']}0"}),
            "with an added field": posted(good | {"body": "more"}),
            "without a field": posted({k: good[k] for k in good if k != "subject"}),
            "of another app": posted(signed(told | {"app_id": "2021000000000000"})),
            "of another seller": posted(signed(told | {"seller_id": "2088000000000000"})),
            "of no seller": posted(signed({k: told[k] for k in told if k != "seller_id"})),
            "truncated": Notice(headers={"Content-Type": FORM}, body=body[:-100].encode()),
            "with a doubled field": Notice(
                headers={"Content-Type": FORM}, body=f"{body}&total_amount=0.01".encode()
            ),
            "as JSON": Notice(headers={"Content-Type": FORM}, body=json.dumps(good).encode()),
            "in the address": Notice(headers={"Content-Type": FORM}, query=body),
            "empty": Notice(headers={"Content-Type": FORM}),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        told = self.told(number)
        back = {"gmt_refund": "2026-11-20 20:05:00.123", "refund_fee": "0.01"}
        whole = back | {"refund_fee": told["total_amount"], "gmt_close": "2026-11-20 20:05:00"}
        return {
            "not paid yet": posted(signed(told | {"trade_status": _WAITING})),
            "closed": posted(signed(told | {"trade_status": _CLOSED})),
            "a part refunded": posted(signed(told | back)),
            "all refunded": posted(signed(told | whole | {"trade_status": _CLOSED})),
            "of a status to come": posted(signed(told | {"trade_status": "TRADE_PENDING"})),
            "of a status in other letters": posted(
                signed(told | {"trade_status": "trade_success"})
            ),
        }

    # --- The gateway -------------------------------------------------------------------------

    async def _gateway(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl(await request.text(), strict_parsing=True))
        sent = dict(request.query) | form
        method = sent.get("method", "")
        name = f"{method.replace('.', '_')}_response"
        if method in self.answers:
            return _text(self.answers[method])
        if (wrong := self._not_admitted(sent)) is not None:
            refusal = {"code": "40002", "msg": "Invalid Arguments", "sub_code": wrong}
            return _text(_json({name: refusal}))
        business = json.loads(sent["biz_content"])
        self.calls.append((method, business))
        try:
            told = self._served(method, business, sent)
        except Refusal as refused:
            told = refused.told
        part = _json(told | self.changes.get(method, {}))
        return _text(answer(name, part))

    async def _page(self, request: web.Request) -> web.Response:
        """The buyer's browser opens a link: the trade begins when the buyer logs in."""
        sent = dict(request.query)
        if self._not_admitted(sent) is not None:
            return web.Response(status=403, text="<html>调试错误</html>", content_type="text/html")
        business = json.loads(sent["biz_content"])
        assert business["product_code"] == _PAGES[sent["method"]]
        assert sent["return_url"]
        try:
            self._order(business, sent["notify_url"])
        except Refusal as refused:
            return web.Response(status=403, text=str(refused))
        return web.Response(text="<html>收银台</html>", content_type="text/html")

    def _not_admitted(self, sent: dict[str, str]) -> str | None:
        """Which of the gateway's rules a request breaks: first the app id, then the signature."""
        if sent.get("app_id") != APP_ID:
            return "isv.invalid-app-id"
        if (sent.get("sign_type"), sent.get("version"), sent.get("charset")) != (
            "RSA2",
            "1.0",
            "utf-8",
        ):
            return "isv.invalid-parameter"
        try:
            given = base64.b64decode(sent.get("sign", ""), validate=True)
            content = content_of(sent, without=("sign",)).encode()
            MERCHANT.public_key().verify(given, content, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return "isv.invalid-signature"
        at = _time(sent.get("timestamp", ""))
        stale = at is None or abs(at - self._now()) > timedelta(minutes=30)
        return "isv.invalid-timestamp" if stale else None

    def _served(
        self, method: str, business: dict[str, str], sent: dict[str, str]
    ) -> dict[str, str]:
        if method == "alipay.trade.precreate":
            if business["product_code"] != "FACE_TO_FACE_PAYMENT":
                raise Refusal("ACQ.INVALID_PARAMETER")
            order = self._order(business, sent["notify_url"])
            return _SUCCESS | {"out_trade_no": order.number, "qr_code": order.qr}
        order = self._trade(business)
        if method == "alipay.trade.query":
            return self._queried(order)
        if method == "alipay.trade.close":
            return self._closed(order)
        if method == "alipay.trade.refund":
            return self._refunded(order, business)
        assert method == "alipay.trade.fastpay.refund.query"
        return self._refund_queried(order, business["out_request_no"])

    def _order(self, asked: dict[str, str], notify_url: str) -> Order:
        expires = _time(asked["time_expire"])
        amount, subject = asked["total_amount"], asked["subject"]
        good = re.fullmatch(r"\d{1,9}\.\d\d", amount) and amount.strip("0.") and notify_url
        if not good or expires is None or not 0 < len(subject) <= 256 or set(subject) & set("/=&"):
            raise Refusal("ACQ.INVALID_PARAMETER")
        number = asked["out_trade_no"]
        if (known := self.orders.get(number)) is not None:
            return self._same(known, amount)
        if not timedelta(minutes=1) <= expires - self._now() <= timedelta(days=15):
            raise Refusal("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR")
        count = len(self.orders)
        order = Order(
            asked=asked,
            notify_url=notify_url,
            expires=expires,
            number=number,
            fen=int(amount.replace(".", "")),
            trade_no=f"20261120220014{count:014d}",
            qr=f"https://qr.alipay.com/bax{count:021d}",
        )
        self.orders[number] = order
        return order

    def _same(self, known: Order, amount: str) -> Order:
        if amount != known.asked["total_amount"]:
            raise Refusal("ACQ.CONTEXT_INCONSISTENT")
        if self._status(known) not in (None, _WAITING):
            done = "CLOSE" if known.status == _CLOSED else "SUCCESS"
            raise Refusal(f"ACQ.TRADE_HAS_{done}")
        return known

    def _trade(self, business: dict[str, str]) -> Order:
        order = self.orders.get(business["out_trade_no"])
        if order is None or self._status(order) is None:
            raise Refusal("ACQ.TRADE_NOT_EXIST")
        if business.get("trade_no", order.trade_no) != order.trade_no:
            raise Refusal("ACQ.TRADE_NOT_EXIST")
        return order

    def _queried(self, order: Order) -> dict[str, str]:
        assert order.status is not None
        return self._about(order) | {
            "trade_status": order.status,
            "total_amount": _yuan(order.fen),
            "buyer_logon_id": "159****5620",
            "store_name": '证券大厦 "}{" 店 \\',  # text may look like the end of the object
        }

    def _closed(self, order: Order) -> dict[str, str]:
        if order.status != _WAITING:
            raise Refusal("ACQ.TRADE_STATUS_ERROR")
        order.status = _CLOSED
        return self._about(order)

    def _refunded(self, order: Order, business: dict[str, str]) -> dict[str, str]:
        name, amount = business["out_request_no"], business["refund_amount"]
        assert re.fullmatch(r"\d+\.\d\d", amount)
        fen = int(amount.replace(".", ""))
        known = (order.refunds | order.accepted).get(name)
        if known is not None and self.refuse_repeats:
            raise Refusal("ACQ.TRADE_HAS_CLOSE")
        if known is not None:
            if known != fen:
                raise Refusal("ACQ.DISCORDANT_REPEAT_REQUEST")
            return self._refund_told(order, "N")
        if order.status != _PAID:
            raise Refusal("ACQ.TRADE_STATUS_ERROR")
        if fen > order.fen - order.returned - sum(order.accepted.values()):
            raise Refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
        if self.late_refunds:
            order.accepted[name] = fen
            return self._refund_told(order, "N")
        self._pay_out(order, name, fen)
        return self._refund_told(order, "Y")

    def _refund_told(self, order: Order, fund_change: str) -> dict[str, str]:
        told = {"fund_change": fund_change, "refund_fee": _yuan(order.returned)}
        return self._about(order) | told | {"buyer_logon_id": "159****5620"}

    def _refund_queried(self, order: Order, name: str) -> dict[str, str]:
        """Where there is no such refund the answer is a bare success."""
        if name not in order.refunds:
            return _SUCCESS
        return self._about(order) | {
            "out_request_no": name,
            "refund_amount": _yuan(order.refunds[name]),
            "total_amount": _yuan(order.fen),
            "refund_status": "REFUND_SUCCESS",
        }

    def _about(self, order: Order) -> dict[str, str]:
        return _SUCCESS | {"out_trade_no": order.number, "trade_no": order.trade_no}


def signed(told: dict[str, str], key: rsa.RSAPrivateKey = ALIPAY) -> dict[str, str]:
    """A notice's fields: neither `sign` nor `sign_type` is signed."""
    return told | {"sign": sign(key, content_of(told, without=())), "sign_type": "RSA2"}


def posted(told: dict[str, str]) -> Notice:
    return Notice(headers={"Content-Type": FORM}, body=urlencode(told).encode())


def answer(name: str, part: bytes, key: rsa.RSAPrivateKey = ALIPAY) -> bytes:
    """A whole answer: signed are the characters of its part as they stand there."""
    return b'{"%s":%s,"sign":"%s"}' % (name.encode(), part, sign(key, part.decode()).encode())


def _json(told: object) -> bytes:
    """As the gateway writes it: compact, in Chinese as it is, with slashes escaped."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def _text(body: bytes) -> web.Response:
    """The gateway calls its JSON HTML."""
    return web.Response(body=body, headers={"Content-Type": "text/html;charset=utf-8"})


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _time(told: str) -> datetime | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told):
        return None
    # China's wall clock: no zone goes over the wire.
    return datetime.strptime(told, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
