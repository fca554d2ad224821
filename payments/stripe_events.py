"""What Stripe tells of sessions, charges and disputes, in its webhooks and its answers."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.money import Money
from domain.payments import Confirming, Ended, Event, News, PaymentEvent, RefundEvent
from payments.provider import InvalidSignature, RawCallback, StaleCallback
from payments.reading import NUMBER, nested, text
from payments.stripe_amounts import money

TOLERANCE: Final = 300  # seconds, both ways
_CODE: Final = "stripe"
_TIME: Final = re.compile(r"[0-9]{1,12}")
_SESSIONS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
_DISPUTES: Final = (
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
KINDS: Final = (*_SESSIONS, *_DISPUTES, "charge.refunded")
_NOT_TAKEN: Final = ("won", "warning_closed", "prevented")  # disputes that cost nothing


def authenticate(callback: RawCallback, secrets: Sequence[bytes], now: float) -> None:
    """Raises `InvalidSignature` unless one of the secrets signed it, and `StaleCallback`.

    `Stripe-Signature: t=…,v1=…[,v1=…]`; other schemes than v1 are not looked at.
    """
    header = callback.headers.get("Stripe-Signature", "")
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise InvalidSignature("no time of signing")
    given = [value.encode("utf-8", "surrogatepass") for name, _, value in parts if name == "v1"]
    signed = f"{times[0]}.".encode() + callback.body
    right = [hmac.new(secret, signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not any(hmac.compare_digest(ours, one) for ours in right for one in given):
        raise InvalidSignature("no signature of Stripe's")
    if abs(now - int(times[0])) > TOLERANCE:
        raise StaleCallback("signed too long ago, or in the future")


@dataclass(frozen=True)
class Reader:
    """Reads what concerns one merchant, in one mode. Raises `MalformedCallback`."""

    account: str
    live: bool

    def event(self, told: Mapping[str, object]) -> Event | None:
        kind = text(told, "type")
        if kind not in KINDS:
            return None
        about = nested(nested(told, "data"), "object")
        if kind in _SESSIONS:
            return self.news(about, failed=kind == "checkout.session.async_payment_failed")
        if about.get("payment_intent") is None:  # no payment of Checkout's
            return None
        return self._dispute(kind, about) if kind in _DISPUTES else self._refund(about)

    def news(self, session: Mapping[str, object], *, failed: bool) -> News | None:
        """A session's; `failed` is what it does not say of an asynchronous payment."""
        number, metadata = session.get("client_reference_id"), session.get("metadata")
        if not isinstance(number, str) or not NUMBER.fullmatch(number):
            return None
        if not isinstance(metadata, dict) or metadata.get("attempt") != number:
            return None  # another program's, on the same account
        match session.get("payment_status"), session.get("status"):
            case "paid", _:
                amount = money(session.get("amount_total"), session.get("currency"))
                return PaymentEvent(
                    _CODE,
                    self.account,
                    self.live,
                    _intent(session),
                    number,
                    amount,
                    returned=_returned(session),
                )
            case "unpaid", "complete" if not failed:
                return Confirming(_CODE, number, seen=0, needed=1)
            case "unpaid", "complete" | "expired":
                return Ended(_CODE, number)
        return None

    def _refund(self, charge: Mapping[str, object]) -> RefundEvent:
        returned = money(charge.get("amount_refunded"), charge.get("currency"))
        return RefundEvent(_CODE, self.account, _intent(charge), returned)

    def _dispute(self, kind: str, dispute: Mapping[str, object]) -> RefundEvent | None:
        amount = money(dispute.get("amount"), dispute.get("currency"))
        status = text(dispute, "status")
        if kind == "charge.dispute.funds_reinstated" or status in _NOT_TAKEN:
            amount *= 0
        elif status.startswith("warning_"):  # an inquiry: the money stays for now
            return None
        return RefundEvent(_CODE, self.account, _intent(dispute), amount, disputed=True)


def _returned(session: Mapping[str, object]) -> Money | None:
    """What has gone back of its payment; answers tell it, webhooks do not."""
    intent = session.get("payment_intent")
    charge = intent.get("latest_charge") if isinstance(intent, dict) else None
    if not isinstance(charge, dict) or not charge.get("amount_refunded"):
        return None
    return money(charge["amount_refunded"], session.get("currency"))


def _intent(about: Mapping[str, object]) -> str:
    """The payment intent's id; in an answer it may be told whole."""
    intent = about.get("payment_intent")
    return text(intent, "id") if isinstance(intent, dict) else text(about, "payment_intent")
