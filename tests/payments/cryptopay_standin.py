"""Crypto Pay on a port of its own: invoices in fiat money, transfers, and signed updates."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from aiohttp import web

from domain.money import Money
from tests.payments.standin import Faulty, Notice

APP = "12345"
TOKEN = f"{APP}:AAzN7qkXw41Wc0h8mRBeSn2fVd9"
RATE = Decimal("8")  # of the one asset that buyers here have, in any fiat money
ASSET = "TON"
FIAT = {
    *("USD", "EUR", "RUB", "BYN", "UAH", "GBP", "CNY", "KZT", "UZS", "GEL"),
    *("TRY", "AMD", "THB", "INR", "BRL", "IDR", "AZN", "AED", "PLN", "ILS"),
}


class ApiError(Exception):
    def __init__(self, status: int, name: str) -> None:
        super().__init__(name)
        self.status, self.name = status, name


@dataclass
class Invoice:
    id: int
    asked: dict[str, object]
    created_at: datetime
    status: str = "active"
    paid_at: datetime | None = None
    overrides: dict[str, object] = field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """As the API and its updates tell it."""
        page = f"https://t.me/CryptoBot?start=IV{self.id}"
        told: dict[str, object] = {
            "invoice_id": self.id,
            "hash": f"IV{self.id}",
            "currency_type": self.asked["currency_type"],
            "fiat": self.asked["fiat"],
            "amount": f"{Decimal(str(self.asked['amount'])).normalize():f}",
            "pay_url": page,
            "bot_invoice_url": page,
            "description": self.asked["description"],
            "status": self.status,
            "created_at": _iso(self.created_at),
            "allow_comments": self.asked["allow_comments"],
            "allow_anonymous": True,
            "payload": self.asked["payload"],
        }
        if self.paid_at is not None:
            told |= {
                "paid_asset": ASSET,
                "paid_amount": f"{Decimal(str(self.asked['amount'])) / RATE:f}",
                "paid_fiat_rate": f"{RATE:f}",
                "fee_asset": ASSET,
                "fee_amount": "0.01",
                "paid_anonymously": False,
                "paid_at": _iso(self.paid_at),
            }
        return told | self.overrides


class CryptoPayStandIn(Faulty):
    code = "cryptopay"
    currency = "USD"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "ok")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.invoices: dict[int, Invoice] = {}
        self.transfers: dict[str, dict[str, object]] = {}  # by spend_id
        self.refusal: ApiError | None = None  # of every transfer
        self.answers: dict[str, bytes] = {}  # by method, in the place of its own
        self.strangers: set[int] = set()  # who have never used the bot
        self.deleting = True  # or the invoice stays as it is

    def environment(self) -> dict[str, str]:
        return {"CRYPTOPAY_TOKEN": TOKEN, "CRYPTOPAY_URL": self.url}

    def routes(self) -> Sequence[web.RouteDef]:
        return [web.route("*", "/api/{method}", self._answer)]

    # --- What happens at the provider -------------------------------------------------------

    def knows(self, number: str) -> bool:
        return any(invoice.asked["payload"] == number for invoice in self.invoices.values())

    def payable(self, number: str) -> bool:
        return self.knows(number) and self.invoice(number).status == "active"

    def pay(self, number: str, amount: Money | None = None) -> None:
        """An invoice is paid whole or not at all."""
        assert self.payable(number)
        invoice = self.invoice(number)
        invoice.status, invoice.paid_at = "paid", self.now

    def give_back(self, number: str, amount: Money | None = None) -> None:
        """Whatever the merchant sends from the app by hand has no tie to the invoice."""

    def expire(self, number: str) -> None:
        self.invoice(number).status = "expired"

    def invoice(self, number: str) -> Invoice:
        """The newest under the number."""
        found = [i for i in self.invoices.values() if i.asked["payload"] == number]
        return found[-1]

    def given_back(self, number: str) -> Money | None:
        """A transfer names its invoice by nothing but the shop's number of the refund, which
        begins as those of the order's attempts do.
        """
        invoice = self.invoice(number)
        orders = {str(i.asked["payload"])[:12] for i in self.invoices.values()} - {number[:12]}
        mine = [told for name, told in self.transfers.items() if name[:12] not in orders]
        sent = sum((Decimal(str(told["amount"])) for told in mine), Decimal())
        fiat = (sent * RATE).quantize(Decimal("0.01"))
        return Money.parse(f"{fiat:f}", str(invoice.asked["fiat"])) if sent else None

    # --- Updates ----------------------------------------------------------------------------

    def notice(self, number: str) -> Notice:
        return self.signed(self.update(number))

    def update(self, number: str, **changes: object) -> dict[str, object]:
        return {
            "update_id": 1,
            "update_type": "invoice_paid",
            "request_date": _iso(self.now),
            "payload": self.invoice(number).told() | changes,
        }

    def signed(self, told: Mapping[str, object]) -> Notice:
        return notice(json.dumps(told, ensure_ascii=False).encode())

    def forgeries(self, number: str) -> dict[str, Notice]:
        genuine = self.notice(number)
        name, kind = "crypto-pay-api-signature", {"Content-Type": "application/json"}
        signed = genuine.headers[name]
        body = genuine.body
        doubled = body.replace(b'"update_id"', b'"update_type": "invoice_paid", "update_id"')
        return {
            "unsigned": Notice(headers=kind, body=body),
            "with an empty signature": Notice(headers=kind | {name: ""}, body=body),
            "signed with nothing": notice(body, token=""),
            "signed with the token itself": notice(body, key=TOKEN.encode()),
            "signed by another app": notice(body, token="54321:AAother"),
            "signed in capitals": Notice(headers=kind | {name: signed.upper()}, body=body),
            "of another amount": Notice(headers=genuine.headers, body=body.replace(b"10", b"99")),
            "truncated": Notice(headers=genuine.headers, body=body[:-1]),
            "re-serialised": Notice(
                headers=genuine.headers, body=json.dumps(json.loads(body), indent=1).encode()
            ),
            "with a doubled field": notice(doubled),
            "without an amount": self.signed(self.update(number, amount="")),
            "that is no JSON": notice(b"invoice_paid"),
            "without an invoice": self.signed({"update_type": "invoice_paid"}),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        return {
            "of another kind": self.signed(self.update(number) | {"update_type": "invoice_made"}),
            "active": self.signed(self.update(number, status="active")),
            "expired": self.signed(self.update(number, status="expired")),
            "of another program": self.signed(self.update(number, payload="donation #7")),
            "without a payload": self.signed(self.update(number, payload=None)),
            "in an asset": self.signed(self.update(number, currency_type="crypto", asset="TON")),
        }

    # --- The API ----------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        if method in self.answers:
            return web.Response(body=self.answers[method], content_type="application/json")
        try:
            if request.headers.get("Crypto-Pay-API-Token") != TOKEN:
                raise ApiError(401, "UNAUTHORIZED")
            result = self._result(method, await request.json())
        except ApiError as error:
            told = {"ok": False, "error": {"code": error.status, "name": error.name}}
            return web.json_response(told, status=error.status)
        return web.json_response({"ok": True, "result": result})

    def _result(self, method: str, asked: dict[str, object]) -> object:
        if method == "getMe":
            return {"app_id": int(APP), "name": "A shop", "payment_processing_bot_username": "b"}
        if method == "createInvoice":
            return self._create(asked).told()
        if method == "getInvoices":
            return {"items": self._page(asked)}
        if method == "getTransfers":
            sent = self.transfers.get(str(asked["spend_id"]))
            return {"items": [] if sent is None else [sent]}
        if method == "deleteInvoice":
            return self._delete(asked)
        if method == "transfer":
            return self._transfer(asked)
        raise ApiError(405, "METHOD_NOT_FOUND")

    def _create(self, asked: dict[str, object]) -> Invoice:
        description, payload, left = asked["description"], asked["payload"], asked["expires_in"]
        assert isinstance(description, str)
        assert isinstance(payload, str)
        assert isinstance(left, int)
        if asked["currency_type"] != "fiat" or asked["fiat"] not in FIAT:
            raise ApiError(400, "FIAT_INVALID")
        if not 1 <= len(description) <= 1024 or len(payload.encode()) > 4096:
            raise ApiError(400, "DESCRIPTION_TOO_LONG")
        if not 1 <= left <= 2678400:
            raise ApiError(400, "EXPIRES_IN_INVALID")
        if Decimal(str(asked["amount"])) <= 0:
            raise ApiError(400, "AMOUNT_INVALID")
        id_ = 1000 + len(self.invoices)
        self.invoices[id_] = Invoice(id_, asked, self.now)
        return self.invoices[id_]

    def _page(self, asked: dict[str, object]) -> list[dict[str, object]]:
        ids = str(asked["invoice_ids"]).split(",") if "invoice_ids" in asked else None
        found = [
            invoice.told()
            for invoice in reversed(self.invoices.values())
            if (ids is None or str(invoice.id) in ids)
            and invoice.status in (asked.get("status", invoice.status),)
            and invoice.status != "deleted"
        ]
        offset, count = asked.get("offset", 0), asked.get("count", 100)
        assert isinstance(offset, int)
        assert isinstance(count, int)
        assert 1 <= count <= 1000
        return found[offset : offset + count]

    def _delete(self, asked: dict[str, object]) -> bool:
        id_ = asked["invoice_id"]
        assert isinstance(id_, int)
        if id_ not in self.invoices or self.invoices[id_].status != "active":
            raise ApiError(400, "INVOICE_NOT_FOUND")
        if self.deleting:
            self.invoices[id_].status = "deleted"
        return True

    def _transfer(self, asked: dict[str, object]) -> dict[str, object]:
        spend_id = str(asked["spend_id"])
        assert 1 <= len(spend_id) <= 64
        if self.refusal is not None:
            raise self.refusal
        if spend_id in self.transfers:
            raise ApiError(400, "SPEND_ID_ALREADY_USED")
        if asked["user_id"] in self.strangers:
            raise ApiError(400, "USER_NOT_FOUND")
        self.transfers[spend_id] = asked
        return {"transfer_id": len(self.transfers), "status": "completed", **asked}


def notice(body: bytes, *, token: str = TOKEN, key: bytes | None = None) -> Notice:
    """A body with the signature that Crypto Pay's document describes."""
    secret = key or hashlib.sha256(token.encode()).digest()
    signed = hmac.digest(secret, body, "sha256").hex()
    headers = {"crypto-pay-api-signature": signed, "Content-Type": "application/json"}
    return Notice(headers=headers, body=body)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
