"""NOWPayments on a port of its own: invoices, and callbacks signed as its documents say."""

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import web

from domain.money import Money
from tests.payments.standin import Faulty, Notice

API_KEY = "QW3RT1Y-UI0P4AS-DFGH5JK-LZX6CVB"
SECRET = "planted-ipn-secret"
JSON = {"Content-Type": "application/json"}
FIAT = {"usd", "eur", "cad", "gbp", "aud", "ils", "ron"}


@dataclass
class Invoice:
    id: str
    asked: dict[str, Any]  # what the merchant sent, of any type
    payment_id: int
    status: str = "waiting"
    paid: Decimal = field(default_factory=Decimal)  # in the price's currency

    @property
    def price(self) -> Decimal:
        return Decimal(str(self.asked["price_amount"]))


class NowPaymentsApi(Faulty):
    """`told` overrides fields of its answer to a create; `reason` is why it refuses one."""

    code = "nowpayments"
    currency = "USD"
    refused: tuple[int, ...] = (401,)
    accepted: tuple[int, str] = (200, "ok")

    def __init__(self) -> None:
        super().__init__()
        self.invoices: list[Invoice] = []
        self.told: dict[str, Any] = {}  # JSON of any shape
        self.reason: object = "INVALID_REQUEST_PARAMS"
        self.healthy = True

    # --- As the suites drive it ---------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return {
            "NOWPAYMENTS_URL": self.url,
            "NOWPAYMENTS_API_KEY": API_KEY,
            "NOWPAYMENTS_IPN_SECRET": SECRET,
        }

    def knows(self, number: str) -> bool:
        return any(invoice.asked["order_id"] == number for invoice in self.invoices)

    def payable(self, number: str) -> bool:
        return self.knows(number) and self.invoice(number).status == "waiting"

    def pay(self, number: str, amount: Money | None = None) -> None:
        invoice = self.invoice(number)
        invoice.paid = amount.decimal if amount else invoice.price
        invoice.status = "finished" if invoice.paid >= invoice.price else "partially_paid"

    def give_back(self, number: str, amount: Money | None = None) -> None:
        """All of it: there is no word for a part."""
        self.invoice(number).status = "refunded"

    def notice(self, number: str) -> Notice:
        return self.signed(self.fields(number))

    def forgeries(self, number: str) -> dict[str, Notice]:
        told = self.fields(number) | {"payment_status": "finished"}
        genuine = self.signed(told)
        paid = f'"actually_paid":{told["actually_paid"]}'.encode()
        return {
            "unsigned": Notice(headers=JSON, body=genuine.body),
            "an empty signature": _resigned(genuine, ""),
            "signed with nothing": self.signed(told, secret=""),
            "signed for another merchant": self.signed(told, secret="another-secret"),
            "signed with SHA-256": _resigned(genuine, _mac(told, SECRET, "sha256")),
            "capital letters": _resigned(genuine, _mac(told, SECRET).upper()),
            "letters of other scripts": _resigned(genuine, "é" * 128),
            "another amount": _changed(genuine, {"price_amount": 1234}),
            "another currency": _changed(genuine, {"price_currency": "eur"}),
            "another order": _changed(genuine, {"order_id": "7H3KQ0W2M9XD99"}),
            "another payment": _changed(genuine, {"payment_id": 1}),
            "another status": _changed(genuine, {"payment_status": "refunded"}),
            "a field more": _changed(genuine, {"outcome": 1}),
            "numbers written anew": _with(genuine, genuine.body.replace(paid, paid + b"e0")),
            "truncated": _with(genuine, genuine.body[:-1]),
            "a doubled field": _with(genuine, genuine.body[:-1] + b',"payment_id":1}'),
            "not as an object": _with(genuine, b"[" + genuine.body + b"]"),
            "a form": _with(genuine, b"payment_status=finished"),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        told = self.fields(number) | {"actually_paid": 0}
        stages = ("waiting", "confirming", "confirmed", "sending", "failed", "expired", "odd")
        news = {name: self.signed(told | {"payment_status": name}) for name in stages}
        withdrawal = {"id": "123", "batch_withdrawal_id": "9", "status": "FINISHED", "error": None}
        return news | {"a payout": self.signed(withdrawal)}

    def given_back(self, number: str) -> Money | None:
        return None

    def invoice(self, number: str) -> Invoice:
        """The last one: a merchant may have several of one number."""
        return [invoice for invoice in self.invoices if invoice.asked["order_id"] == number][-1]

    # --- Callbacks ----------------------------------------------------------------------------

    def fields(self, number: str) -> dict[str, Any]:
        """A payment in TRX, of which ten are worth one unit of the price."""
        invoice = self.invoice(number)
        return {
            "payment_id": invoice.payment_id,
            "parent_payment_id": None,
            "invoice_id": int(invoice.id),
            "payment_status": invoice.status,
            "pay_address": "TNDFkiSmBQorNFacb3735q8MnT29sn8BLn",
            "payin_extra_id": None,
            "price_amount": _number(invoice.price),
            "price_currency": invoice.asked["price_currency"],
            "pay_amount": _number(invoice.price * 10),
            "actually_paid": _number(invoice.paid * 10),
            "actually_paid_at_fiat": 0,
            "pay_currency": "trx",
            "order_id": number,
            "order_description": invoice.asked["order_description"],
            "purchase_id": "4944856743",
            "outcome_amount": 14.8106,
            "outcome_currency": "trx",
            "payment_extra_ids": None,
            "fee": {"currency": "trx", "depositFee": 0.0985, "withdrawalFee": 0, "serviceFee": 0},
        }

    def signed(self, told: dict[str, Any], *, secret: str = SECRET) -> Notice:
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        return _resigned(Notice(body=body), _mac(told, secret))

    # --- The API ------------------------------------------------------------------------------

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.get("/v1/status", self._status),
            web.get("/v1/merchant/coins", self._coins),
            web.post("/v1/invoice", self._create),
        ]

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response({"message": "OK" if self.healthy else "maintenance"})

    async def _coins(self, request: web.Request) -> web.Response:
        return _denied(request) or web.json_response({"selectedCurrencies": ["TRX", "BTC"]})

    async def _create(self, request: web.Request) -> web.Response:
        if (denied := _denied(request)) is not None:
            return denied
        asked = await request.json()
        price = asked["price_amount"]
        if not isinstance(price, int | float) or price <= 0 or asked["price_currency"] not in FIAT:
            return _failure(400, self.reason, "price_currency is not allowed")
        count = len(self.invoices)
        invoice = Invoice(str(4522625843 + count), asked, 5077125051 + count)
        self.invoices.append(invoice)
        told = {
            "id": invoice.id,
            "order_id": asked["order_id"],
            "order_description": asked["order_description"],
            "price_amount": str(price),
            "price_currency": asked["price_currency"].upper(),
            "pay_currency": None,
            "ipn_callback_url": asked["ipn_callback_url"],
            "invoice_url": f"https://nowpayments.io/payment/?iid={invoice.id}",
            "success_url": asked["success_url"],
            "cancel_url": asked["cancel_url"],
        }
        return web.json_response(told | self.told)


def _denied(request: web.Request) -> web.Response | None:
    if request.headers.get("x-api-key") == API_KEY:
        return None
    return _failure(403, "INVALID_API_KEY", "Invalid api key")


def _failure(status: int, code: object, message: str) -> web.Response:
    told = {"status": False, "statusCode": status, "code": code, "message": message}
    return web.json_response(told, status=status)


def _mac(told: dict[str, Any], secret: str, algorithm: str = "sha512") -> str:
    signed = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(secret.encode(), signed.encode(), algorithm).hexdigest()


def _number(value: Decimal) -> int | float:
    """As JavaScript writes it: without zeros at its end."""
    return int(value) if value == value.to_integral_value() else float(value)


def _resigned(notice: Notice, signature: str) -> Notice:
    return Notice(headers=JSON | {"x-nowpayments-sig": signature}, body=notice.body)


def _with(notice: Notice, body: bytes) -> Notice:
    return Notice(headers=notice.headers, body=body)


def _changed(notice: Notice, changes: dict[str, Any]) -> Notice:
    told = json.loads(notice.body) | changes
    return _with(notice, json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode())
