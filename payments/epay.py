"""EPay (易支付), version 1: signed links, signed callbacks, and orders asked for by key."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundResult,
)
from payments.asking import Reply, Service
from payments.provider import (
    FORM,
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
    fields,
)
from payments.reading import LINK, NUMBER, json_object, money, text

REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(200, "success"),
    Answer.RETRY: HttpReply(500, "fail"),
    Answer.REJECTED: HttpReply(401, "fail"),
}
METHODS: Final[Mapping[str, frozenset[str]]] = {"GET": frozenset(), "POST": frozenset({FORM})}
_UNSIGNED: Final = frozenset({"sign", "sign_type"})
_NAME_BYTES: Final = 127  # what platforms keep of a name
_QR: Final = re.compile(r"[\x21-\x7e]{1,2000}")
REFUSAL: Final = re.compile(r"-[0-9]{1,9}")


class EPay:
    """A platform that speaks EPay V1; `types` are the payment types the merchant offers there.

    The money has no currency on the wire: `currency` is what the platform settles in. An answer
    may take `timeout` seconds.
    """

    code: Final = "epay"
    title: Final = "EPay"
    live: Final = True
    capabilities: Final = Capability.QUERY | Capability.REFUND
    tail: Final = timedelta(hours=2)
    methods: Final = METHODS

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        pid: str,
        key: str,
        types: Sequence[str],
        currency: str,
        public_url: str,
        confirm_by_query: bool = True,
        timeout: float = 8,
    ) -> None:
        if not (pid and key and types):
            raise ValueError("EPay needs a merchant id, a key and a payment type")
        self.account: Final = pid
        self._service = Service(http, self.code, url, timeout=timeout)
        self._key = key
        self._types = tuple(types)
        self._currency = currency
        self._callbacks = f"{public_url.rstrip('/')}/payments/epay"
        self._confirm_by_query = confirm_by_query

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self._currency,)

    def takes(self, amount: Money) -> bool:
        return True

    async def create(self, new: NewAttempt) -> Checkout:
        """The payment page that `mapi.php` makes for the first type, or the `submit.php` link.

        The link needs no answer from the platform, so whatever keeps `mapi.php` from offering a
        page, a refusal too, leaves the buyer with a link on which the platform explains itself.
        """
        asked = self._asked(new) | {
            "type": self._types[0],
            "clientip": "127.0.0.1",  # Telegram does not tell the buyer's
            "device": "jump",  # a page to open, whatever the buyer's device
        }
        try:
            answer = await self._ask("/mapi.php", form=self._signed(asked))
        except ProviderUnavailable:
            answer = {}
        made = answer if answer.get("code") == "1" else {}
        # A `urlscheme` opens in no chat.
        pay_url, qr = made.get("payurl", ""), made.get("qrcode", "")
        return offered(pay_url, qr, made.get("trade_no")) or Checkout(link=self._link(new))

    async def query(self, attempt: Attempt) -> News | None:
        return await self._find({"out_trade_no": attempt.number})

    async def close(self, attempt: Attempt) -> CloseResult:
        """The protocol has no close, and its links do not expire."""
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """All of a payment: V1 knows no number of a refund, and so no second part.

        A refund leaves the order with status 2, whoever made it. So the order is asked for
        before, lest an unknown outcome is repeated, and after anything but a plain yes: platforms
        say `code=1` by the documents and `code=0` by the program that most of them run.
        """
        if refund.amount != refund.paid:
            raise ProviderRejected(self.code, "partial")
        order = {"out_trade_no": refund.attempt_number, "trade_no": refund.external_id}
        before = await self._status(order)
        if before is None:
            raise ProviderUnavailable(self.code, "does not tell of the order")
        if before == "2":
            return RefundResult(done=True)
        asked = order | {"pid": self.account, "key": self._key}
        asked["money"] = f"{refund.amount.decimal:f}"
        answer = await self._ask("/api.php", query={"act": "refund"}, form=asked)
        code = answer.get("code", "")
        after = "2" if code == "1" else await self._status(order)
        if after == before and REFUSAL.fullmatch(code):
            raise ProviderRejected(self.code, code)
        if after != "2":
            raise ProviderUnavailable(self.code, "neither refunded nor refused")
        return RefundResult(done=True)

    async def check(self) -> None:
        """An order that does not exist: `-1` says so, `-3` that the merchant is not known."""
        answer = await self._order({"out_trade_no": "000000000000"})
        if answer.get("code") == "-3":
            raise ProviderRejected(self.code, "the merchant id or the key")

    async def parse(self, callback: RawCallback) -> list[PaymentEvent]:
        """As `CallbackProvider`. A callback proves no freshness, so the platform is asked too."""
        told = self._authentic(callback)
        if told.get("pid") != self.account:
            raise WrongMerchant("another pid")
        if told.get("trade_status") != "TRADE_SUCCESS":
            return []
        event = self._event(told)
        if self._confirm_by_query and await self._confirmed(event) != event:
            raise InvalidSignature("the platform does not confirm it")
        return [event]

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _authentic(self, callback: RawCallback) -> dict[str, str]:
        told = fields(encoded(callback))
        expected = signature(told, self._key)
        if not hmac.compare_digest(expected.encode(), as_bytes(told.get("sign", ""))):
            raise InvalidSignature("the signature is not the merchant's")
        return told

    def _event(self, told: Mapping[str, str]) -> PaymentEvent:
        return payment(told, self.account, self._currency)

    async def _confirmed(self, event: PaymentEvent) -> PaymentEvent | None:
        """The order under its trade's id: one number may have an abandoned trade besides.

        What a platform's answer leaves out is taken from the callback, which is signed.
        """
        order = {"out_trade_no": event.attempt_number, "trade_no": event.external_id}
        return await self._find(order, known={"money": f"{event.amount.decimal:f}"})

    async def _find(
        self, order: dict[str, str], known: dict[str, str] | None = None
    ) -> PaymentEvent | None:
        """The platform's own word on an order; None unless it is paid."""
        told = (known or {}) | await self._order(order)
        if (told.get("code"), told.get("status")) != ("1", "1"):
            return None
        try:
            return self._event(told)
        except MalformedCallback as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def _status(self, order: dict[str, str]) -> str | None:
        """0 unpaid, 1 paid, 2 refunded, 3 frozen; None where the platform has no such order."""
        told = await self._order(order)
        return told.get("status", "") if told.get("code") == "1" else None

    async def _order(self, order: dict[str, str]) -> dict[str, str]:
        asked = {"act": "order", "pid": self.account, "key": self._key}
        told = {"pid": self.account} | order | await self._ask("/api.php", query=asked | order)
        if (told["pid"], told["out_trade_no"]) != (self.account, order["out_trade_no"]):
            raise ProviderUnavailable(self.code, "answered about another order")
        return told

    async def _ask(
        self, path: str, *, query: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> dict[str, str]:
        method = "GET" if form is None else "POST"
        return scalars(await self._service.ask(method, path, query=query, form=form))

    def _asked(self, new: NewAttempt) -> dict[str, str]:
        return {
            "pid": self.account,
            "out_trade_no": new.attempt.number,
            "notify_url": f"{self._callbacks}/notify",
            "return_url": f"{self._callbacks}/return",
            "name": trimmed(new.title),
            "money": f"{new.attempt.amount.decimal:f}",
        }

    def _link(self, new: NewAttempt) -> str:
        """Of several types none is named: the platform's page lets the buyer choose."""
        only = {"type": self._types[0]} if len(self._types) == 1 else {}
        return f"{self._service.url}/submit.php?{urlencode(self._signed(self._asked(new) | only))}"

    def _signed(self, asked: dict[str, str]) -> dict[str, str]:
        return asked | {"sign": signature(asked, self._key), "sign_type": "MD5"}


def signature(told: Mapping[str, str], key: str) -> str:
    """MD5 in hex over the signed text and the key."""
    # Not for security as far as Python is concerned: the platform knows no other algorithm.
    return hashlib.md5(as_bytes(signed_text(told) + key), usedforsecurity=False).hexdigest()


def signed_text(told: Mapping[str, str]) -> str:
    """The sorted `k=v` that are not empty, joined by `&`."""
    return "&".join(f"{k}={v}" for k, v in sorted(told.items()) if v and k not in _UNSIGNED)


def payment(told: Mapping[str, str], account: str, currency: str) -> PaymentEvent:
    """What callbacks and orders tell in the same words. Raises `MalformedCallback`."""
    return PaymentEvent(
        provider=EPay.code,
        account=account,
        live=EPay.live,
        external_id=text(told, "trade_no"),
        attempt_number=text(told, "out_trade_no", NUMBER),
        amount=money(told.get("money"), currency),
    )


def as_bytes(told: str) -> bytes:
    return told.encode("utf-8", "surrogatepass")


def encoded(callback: RawCallback) -> str:
    """The form that a callback is, from where its method puts it."""
    if callback.method != "POST":
        return callback.query
    try:
        return callback.body.decode()
    except UnicodeDecodeError:
        raise MalformedCallback("not a form") from None


def trimmed(title: str) -> str:
    """On one line and no longer than platforms keep, cut between characters."""
    return " ".join(title.split()).encode()[:_NAME_BYTES].decode(errors="ignore")


def scalars(reply: Reply) -> dict[str, str]:
    """An answer's texts, and its numbers as they are written. Raises `ProviderUnavailable`."""
    if reply.status != 200:
        raise ProviderUnavailable(EPay.code, f"status {reply.status}")
    try:
        answer = json_object(reply.body, literal=True)
    except MalformedCallback:
        raise ProviderUnavailable(EPay.code, "nonsense") from None
    return {name: str(value) for name, value in answer.items() if isinstance(value, str)}


def offered(pay_url: str, qr: str, external_id: str | None) -> Checkout | None:
    """A page, a code to scan, or a code that is an address and so a page too."""
    links = [link for link in (pay_url, qr) if LINK.fullmatch(link)]
    code = qr if _QR.fullmatch(qr) else None
    if not links and code is None:
        return None
    return Checkout(links[0] if links else None, code, external_id=external_id)
