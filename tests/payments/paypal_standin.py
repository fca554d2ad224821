"""PayPal on a port of its own: tokens, orders, captures, refunds, and signed notices."""

import base64
import json
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from domain.money import Money
from tests.logscan import plant
from tests.payments import paypal_certificates as certificates
from tests.payments.standin import Faulty, Notice

CLIENT_ID: Final = "AYSq3RDGsmBLJE-otTkBtM-jBRd1TCQwFf9RGfwddNXWz0uFU9ztymylOhRS"
SECRET: Final = "EGnHDxD_qRPdaLdZz8iCr8N7_MzF-YHPTkjs6NKYQvQSBngp4PTTVWkPZRbL"
WEBHOOK_ID: Final = "9XL90610J3647323C"
plant(SECRET)

CERTIFICATE: Final = "/v1/notifications/certs/CERT-360caa42-fca2a594-1a5f47cb"
ISSUER: Final = "/DigiCertTestCA.crt"
_WHOLE: Final = ("HUF", "JPY", "TWD")
# JSON of any shape.
Json = dict[str, Any]


@dataclass
class Order:
    id: str
    unit: Json  # the purchase unit, as it was asked for
    status: str = "PAYER_ACTION_REQUIRED"
    capture: Json | None = None
    refunds: list[Json] = field(default_factory=list)

    @property
    def refunded(self) -> Money | None:
        amounts = [_read(refund["amount"]) for refund in self.refunds]
        return sum(amounts[1:], amounts[0]) if amounts else None


class PayPalStandIn(Faulty):
    """`declined` is how captures are refused; the statuses are those that they and refunds get.

    A buyer approves, the shop captures: so a notice tells of the one until the other is done.
    """

    code = "paypal"
    currency = "USD"
    refused: tuple[int, ...] = (401,)
    accepted = (200, "ok")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.orders: dict[str, Order] = {}  # by the attempt's number
        self.tokens: dict[str, float] = {}  # and until when they are good
        self.token_seconds = 32_400
        self.declined = ""
        self.capture_status = "COMPLETED"
        self.refund_status = "COMPLETED"
        self.forbidden = False  # the app lacks the permission
        self.busy = False  # with a request of the same number
        self.link_rel = "payer-action"
        self.overrides: Json = {}  # of the order's representation
        self.request_ids: dict[tuple[str, str], Json] = {}
        self.by_shop: dict[str, Money] = {}
        self.sent: list[tuple[str, Mapping[str, str], bytes]] = []  # what the shop asked
        self.chain: list[x509.Certificate] = []  # instead of PayPal's certificate alone

    def routes(self) -> Sequence[web.RouteDef]:
        orders, notifications = "/v2/checkout/orders", "/v1/notifications"
        return [
            web.post("/v1/oauth2/token", self._token),
            web.post(orders, self._create),
            web.get(orders + "/{id}", self._show),
            web.post(orders + "/{id}/capture", self._capture),
            web.post("/v2/payments/captures/{id}/refund", self._refund),
            web.get(notifications + "/webhooks/{id}", self._webhook),
            web.post(notifications + "/verify-webhook-signature", self._verify),
            web.get(CERTIFICATE, self._certificate),
            web.get(ISSUER, self._issuer),
        ]

    # --- As the suites drive it -------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        return {
            "PAYPAL_CLIENT_ID": CLIENT_ID,
            "PAYPAL_SECRET": SECRET,
            "PAYPAL_WEBHOOK_ID": WEBHOOK_ID,
            "PAYPAL_URL": self.url,
        }

    def knows(self, number: str) -> bool:
        return number in self.orders

    def payable(self, number: str) -> bool:
        """Whether the buyer could approve it: it is the shop that lets no money move."""
        return self.orders[number].capture is None

    def pay(self, number: str, amount: Money | None = None) -> None:
        """The buyer approves; PayPal lets nobody pay another amount."""
        assert self.orders[number].status == "PAYER_ACTION_REQUIRED"
        self.orders[number].status = "APPROVED"

    def give_back(self, number: str, amount: Money | None = None) -> None:
        order = self.orders[number]
        assert order.capture is not None
        self._give_back(order, _read(order.capture["amount"]) if amount is None else amount)

    def notice(self, number: str) -> Notice:
        order = self.orders[number]
        if order.refunds:
            return self.signed(self.event("PAYMENT.CAPTURE.REFUNDED", order.refunds[-1]))
        if order.capture is not None:
            return self.signed(self.event("PAYMENT.CAPTURE.COMPLETED", order.capture))
        return self.signed(self.event("CHECKOUT.ORDER.APPROVED", self._shown(order)))

    def forgeries(self, number: str) -> dict[str, Notice]:
        genuine = self.notice(number)
        body = genuine.body

        def resigned(**changes: Any) -> Notice:  # any of the signer's arguments
            return self.signed(body, **changes)

        def changed(**headers: str) -> Notice:
            names = {f"PAYPAL-{name.replace('_', '-')}": value for name, value in headers.items()}
            return Notice(headers=genuine.headers | names, body=body)

        return {
            "unsigned": Notice(headers={"Content-Type": "application/json"}, body=body),
            "an empty signature": changed(TRANSMISSION_SIG=""),
            "no base64": changed(TRANSMISSION_SIG="A" * 5),
            "signed by others": resigned(key=certificates.key("another's")),
            "signed for another webhook": resigned(webhook_id="1AB23456CD789012E"),
            "another number of transmission": changed(TRANSMISSION_ID="0-0-0-0"),
            "another kind of signature": changed(AUTH_ALGO="SHA1withRSA"),
            "stale": resigned(age=timedelta(days=32)),
            "in the future": resigned(age=-timedelta(minutes=6)),
            "no time": changed(TRANSMISSION_TIME="2026-13-45T99:00:00Z"),
            "another amount": Notice(headers=genuine.headers, body=_altered(body)),
            "re-serialised": Notice(headers=genuine.headers, body=_reserialised(body)),
            "truncated": Notice(headers=genuine.headers, body=body[:-1]),
            "doubled": self.signed(body[:-1] + b',"event_type":"PAYMENT.CAPTURE.COMPLETED"}'),
            "no JSON": self.signed(b"resource=1"),
            "its certificate elsewhere": changed(CERT_URL="https://paypal.com.evil.example/c"),
        }

    def other_news(self, number: str) -> dict[str, Notice]:
        order = self.orders[number]
        unit, shown = order.unit, self._shown(order)
        capture = order.capture or self._captured(order)
        events = {
            "approved": ("CHECKOUT.ORDER.APPROVED", shown | {"status": "APPROVED"}),
            "completed": ("CHECKOUT.ORDER.COMPLETED", shown | {"status": "COMPLETED"}),
            "pending": ("PAYMENT.CAPTURE.PENDING", capture | {"status": "PENDING"}),
            "denied": ("PAYMENT.CAPTURE.DENIED", capture | {"status": "DECLINED"}),
            "declined": ("PAYMENT.CAPTURE.DECLINED", capture | {"status": "DECLINED"}),
            "not ours": ("PAYMENT.CAPTURE.COMPLETED", capture | {"custom_id": "sold elsewhere"}),
            "refunded": ("PAYMENT.CAPTURE.REFUNDED", self._refund_of(capture, unit["amount"])),
            "reversed": ("PAYMENT.CAPTURE.REVERSED", self._refund_of(capture, unit["amount"])),
            "disputed": ("CUSTOMER.DISPUTE.CREATED", self.dispute(capture)),
        }
        return {name: self.signed(self.event(*event)) for name, event in events.items()}

    def given_back(self, number: str) -> Money | None:
        return self.by_shop.get(number)

    # --- Notices ----------------------------------------------------------------------------

    def event(self, kind: str, resource: Json) -> bytes:
        """A notice's body, in PayPal's manner: without spaces, and with its own order of names."""
        stamp = zlib.crc32(f"{kind}{resource.get('id')}".encode())
        told = {
            "id": f"WH-{stamp}",
            "event_version": "1.0",
            "create_time": "2026-11-20T12:00:00.000Z",
            "resource_type": "capture",
            "resource_version": "2.0",
            "event_type": kind,
            "summary": f"Payment of {resource.get('id')} — {kind}",
            "resource": resource,
        }
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()

    def signed(
        self,
        body: bytes,
        *,
        key: rsa.RSAPrivateKey | None = None,
        webhook_id: str = WEBHOOK_ID,
        age: timedelta = timedelta(),
    ) -> Notice:
        sent_at = datetime.fromtimestamp(self.clock(), UTC) - age
        stamp = sent_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        transmission = "51730200-5106-11ef-9a30-157053fd3e43"
        signed = f"{transmission}|{stamp}|{webhook_id}|{zlib.crc32(body) & 0xFFFFFFFF}"
        signature = (key or certificates.key("PayPal's")).sign(
            signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        headers = {
            "Content-Type": "application/json",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-AUTH-VERSION": "v2",
            "PAYPAL-CERT-URL": f"{self.url}{CERTIFICATE}",
            "PAYPAL-TRANSMISSION-ID": transmission,
            "PAYPAL-TRANSMISSION-TIME": stamp,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
        }
        return Notice(headers=headers, body=body)

    def dispute(self, capture: Json, outcome: str | None = None) -> Json:
        told = {
            "dispute_id": "PP-000-042-663-135",
            "disputed_transactions": [{"seller_transaction_id": capture["id"]}],
            "dispute_amount": capture["amount"],
        }
        return told if outcome is None else told | {"dispute_outcome": {"outcome_code": outcome}}

    # --- The API ----------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        given = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {given}":
            return _json({"error": "invalid_client", "error_description": "failed"}, 401)
        if dict(await request.post()) != {"grant_type": "client_credentials"}:
            return _json({"error": "unsupported_grant_type"}, 400)
        token = f"A21AAtoken-{token_hex(40)}"
        plant(token)
        self.tokens[token] = self.clock() + self.token_seconds
        answer = {"scope": "https://uri.paypal.com/services/payments", "access_token": token}
        return _json(answer | {"token_type": "Bearer", "expires_in": self.token_seconds})

    async def _create(self, request: web.Request) -> web.Response:
        asked, refusal = await self._asked(request)
        if refusal is not None:
            return refusal
        number = request.headers.get("PayPal-Request-Id", "")
        if not number:
            return _issue(400, "PAYPAL_REQUEST_ID_REQUIRED")
        if (known := self.request_ids.get(("create", number))) is not None:
            return _preferred(request, known)
        (unit,) = asked["purchase_units"]
        context = asked["payment_source"]["paypal"]["experience_context"]
        if (asked["intent"], context["user_action"]) != ("CAPTURE", "PAY_NOW"):
            return _issue(400, "INVALID_PARAMETER_VALUE")
        if not {"return_url", "cancel_url"} <= context.keys() or len(unit["description"]) > 127:
            return _issue(400, "INVALID_STRING_LENGTH")
        if (refused := _refused_amount(unit["amount"])) is not None:
            return _issue(422, refused)
        order = Order(f"5O190127TN3{len(self.orders):06}", unit)
        self.orders[unit["custom_id"]] = order
        self.request_ids["create", number] = self._shown(order) | self.overrides
        return _preferred(request, self.request_ids["create", number], 201)

    async def _show(self, request: web.Request) -> web.Response:
        _, refusal = await self._asked(request)
        order = self._order(request)
        if refusal is not None or order is None:
            return refusal or _issue(404, "INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND")
        return _json(self._shown(order) | self.overrides)

    async def _capture(self, request: web.Request) -> web.Response:
        _, refusal = await self._asked(request)
        order = self._order(request)
        if refusal is not None or order is None:
            return refusal or _issue(404, "INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND")
        key = ("capture", request.headers["PayPal-Request-Id"])
        if key in self.request_ids:
            return _preferred(request, self.request_ids[key])
        if self.declined:
            return _issue(422, self.declined)
        if order.capture is not None:
            return _issue(422, "ORDER_ALREADY_CAPTURED")
        if order.status != "APPROVED":
            return _issue(422, "ORDER_NOT_APPROVED")
        order.capture = self._captured(order) | {"status": self.capture_status}
        order.status = "COMPLETED"
        self.request_ids[key] = self._shown(order) | self.overrides
        return _preferred(request, self.request_ids[key], 201)

    async def _refund(self, request: web.Request) -> web.Response:
        asked, refusal = await self._asked(request)
        if refusal is not None:
            return refusal
        key = ("refund", request.headers["PayPal-Request-Id"])
        if key in self.request_ids:
            return _json(self.request_ids[key] | {"status": self.refund_status})
        captures = {o.capture["id"]: o for o in self.orders.values() if o.capture is not None}
        order = captures.get(request.match_info["id"])
        if order is None or order.capture is None:
            return _issue(404, "INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND")
        if (refused := _refused_amount(asked["amount"])) is not None:
            return _issue(422, refused)
        amount, paid = _read(asked["amount"]), _read(order.capture["amount"])
        before = order.refunded or Money(0, paid.currency)
        if not before < paid:
            return _issue(422, "CAPTURE_FULLY_REFUNDED")
        if paid < before + amount:
            return _issue(422, "REFUND_AMOUNT_EXCEEDED")
        self.request_ids[key] = self._give_back(order, amount) | {"status": self.refund_status}
        number = order.unit["custom_id"]
        self.by_shop[number] = amount + self.by_shop.get(number, Money(0, paid.currency))
        return _json(self.request_ids[key], 201)

    async def _webhook(self, request: web.Request) -> web.Response:
        _, refusal = await self._asked(request)
        if refusal is not None:
            return refusal
        if request.match_info["id"] != WEBHOOK_ID:
            told = {"name": "INVALID_RESOURCE_ID", "message": "Resource id is invalid"}
            return _json(told | {"details": []}, 404)
        return _json({"id": WEBHOOK_ID, "url": "https://shop.example/payments/paypal/notify"})

    async def _verify(self, request: web.Request) -> web.Response:
        """The event's bytes count as they stand in the request, not as they read."""
        asked, refusal = await self._asked(request)
        if refusal is not None:
            return refusal
        raw = (await request.read()).partition(b'"webhook_event":')[2][:-1]
        told = [asked[f"transmission_{name}"] for name in ("id", "time")]
        signed = "|".join([*told, asked["webhook_id"], str(zlib.crc32(raw) & 0xFFFFFFFF)])
        ours = (f"{self.url}{CERTIFICATE}", WEBHOOK_ID, "SHA256withRSA")
        if (asked["cert_url"], asked["webhook_id"], asked["auth_algo"]) != ours:
            return _json({"verification_status": "FAILURE"})
        try:
            signature = base64.b64decode(asked["transmission_sig"], validate=True)
        except ValueError:
            return _issue(400, "INVALID_STRING_PATTERN", "VALIDATION_ERROR")
        try:
            certificates.key("PayPal's").public_key().verify(
                signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return _json({"verification_status": "FAILURE"})
        return _json({"verification_status": "SUCCESS"})

    async def _certificate(self, request: web.Request) -> web.Response:
        chain = self.chain or [certificates.leaf(issuer_lies=f"{self.url}{ISSUER}")]
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
        return web.Response(body=pem, content_type="application/x-pem-file")

    async def _issuer(self, request: web.Request) -> web.Response:
        return web.Response(body=certificates.intermediate().public_bytes(Encoding.DER))

    async def _asked(self, request: web.Request) -> tuple[Json, web.Response | None]:
        """What is asked for, and the refusal of what is not authorised or no JSON."""
        body = await request.read()
        self.sent.append((f"{request.method} {request.path}", request.headers, body))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0.0) <= self.clock():
            refusal = {"error": "invalid_token", "error_description": "Token signature failed"}
            return {}, _json(refusal, 401)
        if self.forbidden:
            return {}, _issue(403, "PERMISSION_DENIED", "NOT_AUTHORIZED")
        if self.busy:
            return {}, _issue(409, "PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT")
        if request.method == "GET":
            return {}, None
        if request.content_type != "application/json":
            return {}, _json({"name": "UNSUPPORTED_MEDIA_TYPE"}, 415)
        try:
            return json.loads(body, object_pairs_hook=_once, parse_int=str), None
        except ValueError:
            return {}, _issue(400, "MALFORMED_REQUEST_JSON", "INVALID_REQUEST")

    def _order(self, request: web.Request) -> Order | None:
        found = [o for o in self.orders.values() if o.id == request.match_info["id"]]
        return found[0] if found else None

    def _shown(self, order: Order) -> Json:
        unit = order.unit | {"reference_id": "default", "payee": {"merchant_id": "QG3ECYYLJ2A48"}}
        if order.capture is not None:
            unit |= {"payments": {"captures": [order.capture], "refunds": order.refunds}}
        here = f"{self.url}/v2/checkout/orders/{order.id}"
        links = [{"href": here, "rel": "self", "method": "GET"}]
        if order.capture is None:
            page = f"{self.url}/checkoutnow?token={order.id}"
            links.append({"href": page, "rel": self.link_rel, "method": "GET"})
        told = {"id": order.id, "intent": "CAPTURE", "status": order.status, "links": links}
        return told | {"purchase_units": [unit], "create_time": "2026-11-20T12:00:00Z"}

    def _captured(self, order: Order) -> Json:
        number, capture = order.unit["custom_id"], f"3C679366HH9{order.id[-6:]}"
        return {
            "id": capture,
            "status": "COMPLETED",
            "amount": order.unit["amount"],
            "final_capture": True,
            "custom_id": number,
            "invoice_id": order.unit["invoice_id"],
            "supplementary_data": {"related_ids": {"order_id": order.id}},
            "links": [{"href": f"https://api.paypal.com/v2/payments/captures/{capture}"}],
        }

    def _give_back(self, order: Order, amount: Money) -> Json:
        assert order.capture is not None
        paid = _read(order.capture["amount"])
        total = amount + (order.refunded or Money(0, paid.currency))
        order.capture["status"] = "PARTIALLY_REFUNDED" if total < paid else "REFUNDED"
        refund = self._refund_of(order.capture, _written(amount), _written(total))
        order.refunds.append(refund | {"id": f"1Y107995YT78343{len(order.refunds):02}"})
        return order.refunds[-1]

    def _refund_of(self, capture: Json, amount: Json, total: Json | None = None) -> Json:
        up = f"https://api.paypal.com/v2/payments/captures/{capture['id']}"
        return {
            "id": "1Y107995YT783435V",
            "amount": amount,
            "seller_payable_breakdown": {
                "gross_amount": amount,
                "total_refunded_amount": total or amount,
            },
            "status": "COMPLETED",
            "links": [
                {"href": "https://api.paypal.com/v2/payments/refunds/1Y1", "rel": "self"},
                {"href": up, "rel": "up", "method": "GET"},
            ],
        }


# --- JSON and money -----------------------------------------------------------------------------


def _json(told: Json, status: int = 200) -> web.Response:
    return web.json_response(told, status=status)


def _preferred(request: web.Request, told: Json, status: int = 200) -> web.Response:
    """All of an object only where that is asked for."""
    if request.headers.get("Prefer") != "return=representation":
        told = {name: told[name] for name in ("id", "status", "links")}
    return _json(told, status)


def _issue(status: int, issue: str, name: str = "UNPROCESSABLE_ENTITY") -> web.Response:
    details = [{"issue": issue, "description": "A sentence about it."}]
    return _json({"name": name, "details": details, "debug_id": "90957fca61718"}, status)


def _once(pairs: list[tuple[str, Any]]) -> Json:  # JSON of any shape
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _refused_amount(amount: Json) -> str | None:
    currency, value = amount["currency_code"], amount["value"]
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", value):
        return "INVALID_PARAMETER_SYNTAX"
    if currency in _WHOLE and "." in value:
        return "DECIMALS_NOT_SUPPORTED"
    if len(value.partition(".")[2]) > 2:
        return "DECIMAL_PRECISION"
    return None if float(value) > 0 else "CANNOT_BE_ZERO_OR_NEGATIVE"


def _read(amount: Json) -> Money:
    return Money.parse(amount["value"], amount["currency_code"])


def _written(amount: Money) -> Json:
    value = f"{amount.decimal:f}"
    value = value.partition(".")[0] if amount.currency in _WHOLE else value
    return {"currency_code": amount.currency, "value": value}


def _altered(body: bytes) -> bytes:
    return body.replace(b'"value":"', b'"value":"9', 1)


def _reserialised(body: bytes) -> bytes:
    return json.dumps(json.loads(body)).encode()
