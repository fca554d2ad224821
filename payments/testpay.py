"""A payment that costs nothing, for the demo: a signed link out, a signed callback in."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from domain.errors import ProviderRejected
from domain.money import CURRENCIES, MAX_MINOR, Money
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
from payments.provider import (
    REPLIES,
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
)

SIGNATURE_HEADER: Final = "X-Test-Signature"
PAID: Final = "payment.succeeded"
FAILED: Final = "payment.failed"
TOLERANCE: Final = 300  # seconds, both ways
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_ID: Final = re.compile(r"[0-9A-Za-z]{6,64}")


class TestPay:
    """Takes any currency; only the demo may offer it."""

    __test__ = False  # it is no test, whatever its name tells pytest

    code: Final = "test"
    title: Final = "Test payment"
    account: Final = "test"
    live: Final = False
    capabilities: Final = Capability.NONE
    currencies: Final[Sequence[str]] = ()
    tail: Final = timedelta()
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self, secret: bytes, *, page_url: str, clock: Callable[[], float] = time.time
    ) -> None:
        if not secret:
            raise ValueError("a secret is needed to sign with")
        self._secret = secret
        self._page_url = page_url.rstrip("/")
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        return True

    async def create(self, new: NewAttempt) -> Checkout:
        link = PayLink(new.attempt.number, new.attempt.amount, new.title)
        path = f"/sandbox/pay/{link.number}?{urlencode(link.query(self._secret))}"
        return Checkout(link=f"{self._page_url}{path}")

    async def query(self, attempt: Attempt) -> News | None:
        """There is nobody to ask: the page forgets."""
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        raise ProviderRejected(self.code, "not offered")

    async def check(self) -> None:
        """There is nothing that could be wrong."""

    async def parse(self, callback: RawCallback) -> list[PaymentEvent]:
        self._authenticate(callback)
        told = _object(callback.body)
        event = PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=_id(told.get("transaction")),
            attempt_number=_id(told.get("number")),
            amount=_money(told.get("amount"), told.get("currency")),
        )
        return [event] if told.get("event") == PAID else []

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _authenticate(self, callback: RawCallback) -> None:
        parts = _SIGNATURE.fullmatch(callback.headers.get(SIGNATURE_HEADER, ""))
        if parts is None:
            raise InvalidSignature("no signature")
        at = int(parts[1])
        if not hmac.compare_digest(signature_header(self._secret, at, callback.body), parts[0]):
            raise InvalidSignature("the signature is not the page's")
        if abs(self._clock() - at) > TOLERANCE:
            raise StaleCallback("signed too long ago, or in the future")


@dataclass(frozen=True)
class PayLink:
    """What the payment page is told by its link."""

    number: str
    amount: Money
    title: str

    @classmethod
    def read(cls, secret: bytes, number: str, query: Mapping[str, str]) -> "PayLink | None":
        """The link as it was made; None for one that was tampered with."""
        amount, currency = query.get("amount", ""), query.get("currency", "")
        if currency not in CURRENCIES or not re.fullmatch("[0-9]{1,15}", amount):
            return None
        link = cls(number, Money(int(amount), currency), query.get("title", ""))
        given = query.get("signature", "").encode("utf-8", "surrogatepass")
        return link if hmac.compare_digest(link._signature(secret).encode(), given) else None

    def query(self, secret: bytes) -> dict[str, str]:
        return {
            "amount": str(self.amount.amount),
            "currency": self.amount.currency,
            "title": self.title,
            "signature": self._signature(secret),
        }

    def _signature(self, secret: bytes) -> str:
        # The title comes last: it alone may hold line breaks.
        asked = ("link", self.number, str(self.amount.amount), self.amount.currency, self.title)
        return _hmac(secret, "\n".join(asked).encode("utf-8", "surrogatepass"))


def signature_header(secret: bytes, at: int, body: bytes) -> str:
    """The callback's signature: `at` is Unix time, the body goes in as it is sent."""
    return f"t={at},v1={_hmac(secret, b'%d.' % at + body)}"


def _hmac(secret: bytes, signed: bytes) -> str:
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


# What JSON holds is of any type until it is looked at.
def _object(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise MalformedCallback("not JSON, or a field is doubled") from None
    if not isinstance(told, dict):
        raise MalformedCallback("no object")
    return told


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is doubled")
    return found


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise MalformedCallback("an id is missing or of the wrong form")
    return value


def _money(amount: object, currency: object) -> Money:
    """Minor units. A bool is an int to Python, and no amount."""
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise MalformedCallback("no currency")
    if type(amount) is not int or not 0 < amount <= MAX_MINOR:
        raise MalformedCallback("no amount")
    return Money(amount, currency)
