"""A BTCPay Server on a port of its own: one store, one coin, and what its watcher makes of it."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal

from aiohttp import web
from aiohttp.typedefs import Handler

from domain.money import Money
from tests.payments.standin import Faulty, Notice

STORE = "9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4m2K776"
API_KEY = "f8a1c0de7b9342d6ae51"
SECRET = "3qNfWebhookSecretOfTheStore"
SATOSHI = Decimal("0.00000001")
BASE = "/api/v1/stores/{store}"


@dataclass
class Coins:
    """A payment to an invoice's address."""

    id: str
    value: Decimal
    received: int
    fee: Decimal = Decimal()
    status: str = "Processing"  # or Settled, or Invalid: spent elsewhere


@dataclass
class Invoice:
    id: str
    asked: dict[str, object]
    created: int
    rate: Decimal
    status: str = "New"
    additional: str = "None"
    payments: list[Coins] = field(default_factory=list)
    overrides: dict[str, object] = field(default_factory=dict)
    archived: bool = False

    @property
    def number(self) -> object:
        metadata = self.asked["metadata"]
        assert isinstance(metadata, dict)
        return metadata["orderId"]

    @property
    def price(self) -> Decimal:
        return Decimal(str(self.asked["amount"]))

    def accounted(self, *, settled: bool = False) -> list[Coins]:
        kinds = ("Settled",) if settled else ("Settled", "Processing")
        return [coins for coins in self.payments if coins.status in kinds]

    @property
    def asked_for(self) -> Decimal:
        """In coins, with the fees of the payments there are."""
        price = (self.price / self.rate).quantize(SATOSHI, ROUND_UP)
        return price + sum((coins.fee for coins in self.accounted()), Decimal())

    @property
    def due(self) -> Decimal:
        return self.asked_for - sum((coins.value for coins in self.accounted()), Decimal())

    def told(self, url: str) -> dict[str, object]:
        return {
            "id": self.id,
            "storeId": STORE,
            "amount": str(self.asked["amount"]),
            "paidAmount": f"{(self.asked_for - self.due) * self.rate:.2f}",
            "currency": self.asked["currency"],
            "type": "Standard",
            "checkoutLink": f"{url}/i/{self.id}",
            "createdTime": self.created,
            "status": self.status,
            "additionalStatus": self.additional,
            "archived": self.archived,
            "metadata": self.asked["metadata"],
            "checkout": self.asked["checkout"],
        } | self.overrides

    def methods(self) -> list[dict[str, object]]:
        """Lightning is lazy: nobody has looked at it, so that it has no rate and nothing due."""
        lazy = {"paymentMethodId": "BTC-LN", "activated": False, "rate": "0.0", "due": "0.0"}
        payments = [
            {
                "id": coins.id,
                "receivedDate": coins.received,
                "value": f"{coins.value:f}",
                "fee": f"{coins.fee:f}",
                "status": coins.status,
                "destination": "bc1q",
            }
            for coins in reversed(self.accounted())
        ]
        chain = {"paymentMethodId": "BTC-CHAIN", "activated": True, "currency": "BTC"}
        figures = {"rate": f"{self.rate:f}", "due": f"{self.due:f}"}
        return [{**lazy, "payments": []}, {**chain, **figures, "payments": payments}]


class BTCPayStandIn(Faulty):
    code = "btcpay"
    currency = "USD"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "ok")

    def __init__(self) -> None:
        super().__init__()
        self.rate = Decimal("50000")
        self.tolerance = Decimal()  # per cent
        self.network_fee = Decimal()  # added for each payment
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.invoices: dict[str, Invoice] = {}
        self.pulls: list[dict[str, object]] = []
        self.answers: dict[str, bytes] = {}  # by the last part of the path
        self.marking = True  # or the server refuses to mark anything
        self.losing = False  # the answer to every creation

    def environment(self) -> dict[str, str]:
        return {
            "BTCPAY_URL": self.url,
            "BTCPAY_STORE_ID": STORE,
            "BTCPAY_API_KEY": API_KEY,
            "BTCPAY_WEBHOOK_SECRET": SECRET,
        }

    def routes(self) -> Sequence[web.RouteDef]:
        invoice = f"{BASE}/invoices/{{invoice}}"
        return [
            web.get(f"{BASE}/invoices", self._guarded(self._list)),
            web.post(f"{BASE}/invoices", self._guarded(self._create)),
            web.get(invoice, self._guarded(self._get)),
            web.get(f"{invoice}/payment-methods", self._guarded(self._methods)),
            web.post(f"{invoice}/status", self._guarded(self._mark)),
            web.post(f"{invoice}/refund", self._guarded(self._refund)),
            web.get(f"{BASE}/pull-payments", self._guarded(self._list_pulls)),
        ]

    # --- What happens at the provider -------------------------------------------------------

    def make(self, asked: dict[str, object]) -> Invoice:
        invoice = Invoice(f"Inv{len(self.invoices):019}", asked, self._time, self.rate)
        self.invoices[invoice.id] = invoice
        return invoice

    def knows(self, number: str) -> bool:
        return any(invoice.number == number for invoice in self.invoices.values())

    def payable(self, number: str) -> bool:
        return self.knows(number) and self.invoice(number).status == "New"

    def pay(self, number: str, amount: Money | None = None) -> None:
        """At once with all confirmations."""
        self.send(number, None if amount is None else f"{amount.decimal:f}")
        self.confirm(number)

    def send(self, number: str, worth: str | None = None) -> None:
        """What is due, or that much of the invoice's currency, in coins nobody has confirmed."""
        invoice = self.invoice(number)
        value = invoice.due
        if worth is not None:
            value = (Decimal(worth) / invoice.rate).quantize(SATOSHI, ROUND_UP)
        count = sum(len(each.payments) for each in self.invoices.values())
        coins = Coins(f"{count:064x}-0", value + self.network_fee, self._time, self.network_fee)
        invoice.payments.append(coins)
        self._watch(invoice)

    def confirm(self, number: str) -> None:
        for coins in self.invoice(number).accounted():
            coins.status = "Settled"
        self._watch(self.invoice(number))

    def double_spend(self, number: str) -> None:
        self.invoice(number).payments[-1].status = "Invalid"

    def expire(self, number: str) -> None:
        self.invoice(number).status = "Expired"

    def mark(self, number: str, status: str) -> None:
        self.invoice(number).status, self.invoice(number).additional = status, "Marked"

    def invoice(self, number: str) -> Invoice:
        """The newest under the number."""
        return [each for each in self.invoices.values() if each.number == number][-1]

    def give_back(self, number: str, amount: Money | None = None) -> None:
        """A pull payment of the merchant's own; BTCPay Server tells no one."""
        self.pulls.append({"id": "own", "name": "Refund", "viewLink": f"{self.url}/own"})

    def given_back(self, number: str) -> Money | None:
        invoice = self.invoice(number)
        sums = [Decimal(str(p["amount"])) for p in self.pulls if p.get("of") == invoice.id]
        return Money.parse(f"{sum(sums):f}", str(invoice.asked["currency"])) if sums else None

    def _watch(self, invoice: Invoice) -> None:
        """As BTCPay Server does after every payment and confirmation."""
        tolerated = invoice.price / invoice.rate * self.tolerance / 100
        paid, over = invoice.due <= tolerated, invoice.due < 0
        if invoice.status == "New":
            invoice.status = "Processing" if paid else "New"
            invoice.additional = "PaidOver" if over else "None" if paid else "PaidPartial"
        elif invoice.status == "Expired":
            invoice.additional = "PaidLate" if paid else "PaidPartial"
        settled = sum((coins.value for coins in invoice.accounted(settled=True)), Decimal())
        if invoice.status == "Processing" and settled >= invoice.asked_for - tolerated:
            invoice.status = "Settled"

    @property
    def _time(self) -> int:
        return int(self.now.timestamp())

    # --- Webhooks ---------------------------------------------------------------------------

    def notice(self, number: str) -> Notice:
        invoice = self.invoice(number)
        kind = {"New": "ReceivedPayment", "Expired": "Expired"}.get(invoice.status, invoice.status)
        late = invoice.status == "Expired" and invoice.additional == "PaidLate"
        return self.signed(self.delivery(number, "PaymentSettled" if late else kind))

    def delivery(self, number: str, kind: str, **changes: object) -> dict[str, object]:
        invoice = self.invoice(number)
        return {
            "deliveryId": "16mHVaPfmgDKU5Qm2G7SAw",
            "webhookId": "4kw1FzNgJ9D1wXnj8mVmKE",
            "originalDeliveryId": "16mHVaPfmgDKU5Qm2G7SAw",
            "isRedelivery": False,
            "type": f"Invoice{kind}",
            "timestamp": self._time,
            "storeId": STORE,
            "invoiceId": invoice.id,
            "metadata": invoice.asked["metadata"],
            "manuallyMarked": invoice.additional == "Marked",
            "overPaid": invoice.additional == "PaidOver",
            "partiallyPaid": invoice.additional == "PaidPartial",
        } | changes

    def signed(self, told: Mapping[str, object]) -> Notice:
        return notice(json.dumps(told, indent=2).encode())

    def forgeries(self, number: str) -> dict[str, Notice]:
        genuine = self.notice(number)
        body, header = genuine.body, genuine.headers["BTCPay-Sig"]

        def under(signature: str) -> Notice:
            return Notice(headers=genuine.headers | {"BTCPay-Sig": signature}, body=body)

        spoilt = body.replace(b'"isRedelivery": false', b'"isRedelivery": true')
        doubled = body.replace(b'"webhookId"', b'"type": "InvoiceSettled", "webhookId"')
        algorithm = hmac.digest(SECRET.encode(), body, "sha1").hex()
        return {
            "unsigned": Notice(headers={"Content-Type": "application/json"}, body=body),
            "with an empty signature": under("sha256="),
            "signed with nothing": notice(body, secret=""),
            "signed by another store": notice(body, secret="another"),
            "without an algorithm": under(header[7:]),
            "by another algorithm": under(f"sha1={algorithm}"),
            "changed": Notice(headers=genuine.headers, body=spoilt),
            "truncated": Notice(headers=genuine.headers, body=body[:-1]),
            "re-serialised": Notice(
                headers=genuine.headers, body=json.dumps(json.loads(body)).encode()
            ),
            "with a doubled field": notice(doubled),
            "of another store": self.signed(self.delivery(number, "Settled", storeId="8AB")),
            "of no store": self.signed(self.delivery(number, "Settled", storeId=None)),
            "of no invoice": self.signed(self.delivery(number, "Settled", invoiceId=None)),
            "of a path": self.signed(self.delivery(number, "Settled", invoiceId="../users")),
            "that is no JSON": notice(b"InvoiceSettled"),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        test = "__test__8b1f3c52-3f0e-4a51-b05b-0d8a1f4e0c11__test__"
        return {
            "a test": self.signed(self.delivery(number, "Settled", invoiceId=test)),
            "created": self.signed(self.delivery(number, "Created")),
            "of a payout": self.signed(self.delivery(number, "Settled", type="PayoutCreated")),
        }

    # --- The API ----------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            invoice.told(self.url)
            for invoice in reversed(self.invoices.values())
            if invoice.number in query.getall("orderId", [str(invoice.number)])
            and invoice.status in query.getall("status", [invoice.status])
            and invoice.created >= int(query.get("startDate", "0"))
            and (not invoice.archived or query.get("includeArchived") == "true")
        ]
        skip, take = int(query.get("skip", "0")), int(query.get("take", "1000"))
        return web.json_response(found[skip : skip + take])

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert isinstance(asked["amount"], str)
        assert asked["checkout"]["expirationMinutes"] >= 1
        if asked["currency"] == "ISK":  # the store has no rate for it
            return _problems("currency", "No rate")
        invoice = self.make(asked)
        return (
            web.Response(status=500) if self.losing else web.json_response(invoice.told(self.url))
        )

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._asked_about(request).told(self.url))

    async def _methods(self, request: web.Request) -> web.Response:
        return web.json_response(self._asked_about(request).methods())

    async def _mark(self, request: web.Request) -> web.Response:
        invoice, status = self._asked_about(request), (await request.json())["status"]
        if not self.marking or invoice.status not in ("New", "Processing", "Expired"):
            return _problems("status", "Status can only be marked within certain conditions.")
        invoice.status, invoice.additional = status, "Marked"
        return web.json_response(invoice.told(self.url))

    async def _refund(self, request: web.Request) -> web.Response:
        invoice, asked = self._asked_about(request), await request.json()
        assert asked["refundVariant"] == "Custom"
        refundable = invoice.status in ("Settled", "Invalid") or invoice.additional != "None"
        if not refundable:
            return _problem(400, "non-refundable")
        if Decimal(asked["customAmount"]) > invoice.price:
            return _problem(400, "a sentence that is no code")
        pull = {
            "id": f"pull{len(self.pulls)}",
            "name": asked["name"],
            "amount": asked["customAmount"],
            "currency": asked["customCurrency"],
            "archived": False,
            "viewLink": f"{self.url}/pull-payments/pull{len(self.pulls)}",
        }
        self.pulls.append(pull | {"of": invoice.id})
        return web.json_response(pull)

    async def _list_pulls(self, request: web.Request) -> web.Response:
        archived = request.query.get("includeArchived") == "true"
        return web.json_response([p for p in self.pulls if archived or not p.get("archived")])

    def _asked_about(self, request: web.Request) -> Invoice:
        invoice = self.invoices.get(request.match_info["invoice"])
        if invoice is None:
            problem = json.dumps({"code": "invoice-not-found", "message": "Not found"})
            raise web.HTTPNotFound(text=problem, content_type="application/json")
        return invoice

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            last = request.path.rpartition("/")[2]
            if last in self.answers:
                return web.Response(body=self.answers[last], content_type="application/json")
            if request.headers.get("Authorization") != f"token {API_KEY}":
                return _problem(401, "unauthenticated")
            if request.match_info["store"] != STORE:
                return _problem(403, "missing-permission")
            return await handler(request)

        return answer


def notice(body: bytes, *, secret: str = SECRET) -> Notice:
    """A body with the header that BTCPay Server's document describes."""
    signed = hmac.digest(secret.encode(), body, "sha256").hex()
    headers = {"BTCPay-Sig": f"sha256={signed}", "Content-Type": "application/json"}
    return Notice(headers=headers, body=body)


def _problem(status: int, code: str) -> web.Response:
    return web.json_response({"code": code, "message": "Told to a person"}, status=status)


def _problems(path: str, message: str) -> web.Response:
    return web.json_response([{"path": path, "message": message}], status=422)
