"""PayPal Orders v2: the buyer approves an order, and money moves when the shop captures it."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote, urlsplit

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    Confirming,
    Event,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundResult,
)
from payments.asking import Reply
from payments.paypal_api import CODE, Api, issue
from payments.paypal_reading import Reader, approval_link, order_number
from payments.paypal_signature import PAYPAL, ByApi, ByCertificate, Signatures, Trust
from payments.provider import REPLIES, Answer, HttpReply, MalformedCallback, RawCallback
from payments.reading import json_object, one_line, readable, text

_ORDERS: Final = "/v2/checkout/orders"
_TITLE: Final = 127  # characters of a purchase unit's description
# How long PayPal waits for the buyer, as its staff say; no request changes it.
_WAITS: Final = timedelta(hours=3)
# PayPal's currency codes: "does not support decimals", and DECIMALS_NOT_SUPPORTED.
_WHOLE: Final = frozenset({"HUF", "JPY", "TWD"})
# The buyer has yet to approve it, or to choose something else to pay with.
_BUYERS_TURN: Final = frozenset(
    {"INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"}
)


class PayPal:
    """A merchant's account at PayPal, known by its REST app's client id.

    Notices are signed for one webhook of one app, live or sandbox: that is what tells the
    merchant and the mode, of which they say nothing else. `verify` chooses how the signature is
    checked, `trust` by which certificates.
    """

    code: Final = CODE
    title: Final = "PayPal"
    capabilities: Final = Capability.QUERY | Capability.REFUND | Capability.PARTIAL_REFUND
    # PayPal's, without BRL, CNY, INR and MYR: only accounts in those countries can take them.
    currencies: Final[Sequence[str]] = (
        *("USD", "EUR", "GBP", "AUD", "CAD", "CHF", "CZK", "DKK", "HKD", "HUF", "ILS"),
        *("JPY", "MXN", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD"),
    )
    tail: Final = timedelta(days=3)  # captured money may be under review that long
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        client_id: str,
        secret: str,
        webhook_id: str,
        public_url: str,
        verify: Literal["api", "certificate"] = "api",
        trust: Trust = PAYPAL,
        clock: Callable[[], float] = time.time,
        timeout: float = 8,
    ) -> None:
        if not (client_id and secret and webhook_id):
            raise ValueError("PayPal needs a client id, a secret and a webhook id")
        self.account: Final = client_id
        self.live: Final = "sandbox" not in (urlsplit(url).hostname or "")
        self._webhook_id = webhook_id
        self._return_url = f"{public_url.rstrip('/')}/payments/paypal/return"
        self._reader = Reader(self.account, self.live)
        self._clock = clock
        self._api = Api(
            http, url=url, client_id=client_id, secret=secret, clock=clock, timeout=timeout
        )
        self._signatures: Signatures = (
            ByApi(self._api, webhook_id=webhook_id, clock=clock)
            if verify == "api"
            else ByCertificate(
                http,
                webhook_id=webhook_id,
                live=self.live,
                trust=trust,
                clock=clock,
                timeout=timeout,
            )
        )

    def takes(self, amount: Money) -> bool:
        whole = amount.currency not in _WHOLE or amount.decimal % 1 == 0
        return amount.amount > 0 and whole

    async def create(self, new: NewAttempt) -> Checkout:
        """An order to be captured. Immediate payment: no cheque that clears in days."""
        number = new.attempt.number
        unit = {
            "custom_id": number,
            "invoice_id": number,
            "description": one_line(new.title, _TITLE),
            "amount": _amount(new.attempt.amount),
        }
        experience = {
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "return_url": self._return_url,
            "cancel_url": self._return_url,
        }
        asked = {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": experience}},
        }
        reply = await self._api.ask("POST", _ORDERS, asked, number=number)
        if not reply.ok:
            raise ProviderRejected(self.code, issue(reply))
        ends_at = datetime.fromtimestamp(self._clock(), UTC) + _WAITS
        with readable(CODE):
            order = _order(reply, number)
            return Checkout(
                link=approval_link(order),
                external_id=text(order, "id"),
                expires_at=ends_at if ends_at < new.expires_at else None,
            )

    async def query(self, attempt: Attempt) -> News | None:
        """PayPal finds an order by its own id alone, and forgets one that nobody approved.

        That says nothing about an attempt: with other settings it may be known.
        """
        path = _path(attempt)
        if path is None:
            return None
        reply = await self._api.ask("GET", path)
        if _unknown(reply):
            return None
        return self._told(reply, attempt)

    async def capture(self, attempt: Attempt) -> News | None:
        """Take the money. An order can be captured once, whatever the request's number.

        That number is good for a minute: PayPal answers a repeated one as it did before, and a
        buyer whose card was declined may approve the order again.
        """
        path = _path(attempt)
        if path is None:
            return None
        number = f"{attempt.number}-{self._clock() // 60:.0f}"
        reply = await self._api.ask("POST", f"{path}/capture", {}, number=number)
        if reply.ok:
            return self._told(reply, attempt)
        code = issue(reply)
        if code == "ORDER_ALREADY_CAPTURED":
            return await self.query(attempt)
        if code in _BUYERS_TURN:
            return None
        raise ProviderRejected(self.code, code)

    async def close(self, attempt: Attempt) -> CloseResult:
        """PayPal cancels no order, and does not have to: nobody but the shop captures one.

        So whoever closes an attempt must not capture it afterwards.
        """
        news = await self.query(attempt)
        if isinstance(news, PaymentEvent):
            return CloseResult.ALREADY_PAID
        captured = isinstance(news, Confirming)
        return CloseResult.MAYBE_PAYABLE if captured else CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        """A repetition is told how the refund stands, for 45 days (PayPal Payments v2).

        One that finds nothing left to give back is done: the buyer has it all.
        """
        path = f"/v2/payments/captures/{quote(refund.external_id, safe='')}/refund"
        asked = {"amount": _amount(refund.amount)}
        reply = await self._api.ask("POST", path, asked, number=refund.number)
        if not reply.ok:
            code = issue(reply)
            if code == "CAPTURE_FULLY_REFUNDED":
                return RefundResult(done=True)
            raise ProviderRejected(self.code, code)
        with readable(CODE):
            status = text(reply.json(), "status")
        if status in {"FAILED", "CANCELLED"}:
            raise ProviderRejected(self.code, status)
        return RefundResult(done=status == "COMPLETED")

    async def check(self) -> None:
        if not await self._api.sign_in():
            raise ProviderRejected(self.code, "PAYPAL_CLIENT_ID or PAYPAL_SECRET is wrong")
        path = f"/v1/notifications/webhooks/{quote(self._webhook_id, safe='')}"
        reply = await self._api.ask("GET", path)
        if _unknown(reply):
            raise ProviderRejected(self.code, "PAYPAL_WEBHOOK_ID is wrong")
        with readable(CODE):
            text(reply.json(), "id")

    async def parse(self, callback: RawCallback) -> list[Event]:
        await self._signatures.verify(callback)
        return self._reader.notice(json_object(callback.body, literal=True))

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _told(self, reply: Reply, attempt: Attempt) -> News | None:
        """What an order says of the attempt. Raises `ProviderUnavailable` for another's."""
        if not reply.ok:
            raise ProviderUnavailable(self.code, f"status {reply.status}")
        with readable(CODE):
            order = _order(reply, attempt.number)
            if attempt.checkout is None or text(order, "id") != attempt.checkout.external_id:
                raise MalformedCallback("answered about another order")
            return self._reader.order(order)


def _path(attempt: Attempt) -> str | None:
    """Where the attempt's order lies; None where it is unknown whether there is one."""
    if attempt.checkout is None or attempt.checkout.external_id is None:
        return None
    return f"{_ORDERS}/{quote(attempt.checkout.external_id, safe='')}"


def _unknown(reply: Reply) -> bool:
    return reply.status == 404 and issue(reply) == "INVALID_RESOURCE_ID"


def _order(reply: Reply, number: str) -> dict[str, object]:
    order = reply.json()
    if order_number(order) != number:
        raise MalformedCallback("answered about another order")
    return order


def _amount(amount: Money) -> dict[str, str]:
    whole = amount.currency in _WHOLE and amount.decimal % 1 == 0
    value = f"{amount.decimal:.0f}" if whole else f"{amount.decimal:f}"
    return {"currency_code": amount.currency, "value": value}
