"""A BTCPay invoice: what to ask for, and what it tells of its payments and their worth."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.money import CURRENCIES, MAX_MINOR, Money, minor_digits
from domain.payments import Confirming, Ended, NewAttempt, News, PaymentEvent
from payments.provider import MalformedCallback
from payments.reading import NUMBER, items, money, one_line, text, whole

_DECIMAL: Final = re.compile(r"-?\d{1,20}(\.\d{1,30})?", re.ASCII)
_TITLE_CHARS: Final = 256  # no limit is documented
PROVIDER: Final = "btcpay"
LIVE: Final = True  # a server on a test network does not say so
ENDED: Final = ("Expired", "Invalid")
FINAL: Final = ("Settled", *ENDED)


@dataclass(frozen=True)
class _Share:
    """A payment on a chain or over Lightning; `minor` may be nothing."""

    id: str
    minor: int
    settled: bool  # confirmed as often as the store wants it


def invoice_for(new: NewAttempt, *, now: float, return_url: str) -> dict[str, object]:
    """What to ask for one. The store decides on confirmations, tolerance and methods."""
    left = new.expires_at.timestamp() - now
    return {
        "amount": f"{new.attempt.amount.decimal:f}",  # a missing one would be paid by any payment
        "currency": new.attempt.amount.currency,
        "metadata": {"orderId": new.attempt.number, "itemDesc": one_line(new.title, _TITLE_CHARS)},
        "checkout": {
            "expirationMinutes": max(1, math.ceil(left / 60)),
            "redirectURL": return_url,
        },
    }


def number_of(invoice: Mapping[str, object]) -> str:
    """The number that it was made under; of any form where it is not the shop's."""
    metadata = invoice.get("metadata")
    number = metadata.get("orderId") if isinstance(metadata, dict) else None
    return number if isinstance(number, str) else ""


def is_ours(invoice: Mapping[str, object]) -> bool:
    """Whether the shop may have made it: the store may have other uses, and other currencies."""
    return bool(NUMBER.fullmatch(number_of(invoice))) and invoice.get("currency") in CURRENCIES


def news_of(
    invoice: Mapping[str, object], methods: Sequence[Mapping[str, object]], *, account: str
) -> list[News]:
    """Its payments once it has ended or is settled, or else whether there may be any.

    `methods` are its payment methods. Raises `MalformedCallback`.
    """
    price = money(invoice.get("amount"), invoice.get("currency"))
    number, status = number_of(invoice), invoice.get("status")
    found = _shares(invoice, methods, price)
    # The merchant's word on an invoice stands for confirmations and for what is missing.
    marked = (status, invoice.get("additionalStatus")) == ("Settled", "Marked")
    paid = [(share.id, share.minor) for share in found if share.settled or marked]
    if marked:
        paid.append((text(invoice, "id"), price.amount - sum(minor for _, minor in paid)))
    events: list[News] = [
        PaymentEvent(PROVIDER, account, LIVE, id_, number, Money(minor, price.currency))
        for id_, minor in paid
        if minor > 0
    ]
    if status in FINAL and events:
        return events
    if any(status not in FINAL or not share.settled for share in found):
        return [Confirming(PROVIDER, number, seen=1, needed=2)]
    return [Ended(PROVIDER, number)] if status in ENDED else []


def _shares(
    invoice: Mapping[str, object], methods: Sequence[Mapping[str, object]], price: Money
) -> list[_Share]:
    """In the order in which they arrived.

    Each is rounded down, and the last makes up for what that has taken from all: so a payment's
    share is the same when others follow it, for the shop records it only once.
    """
    arrived = sorted(
        (
            (whole(payment, "receivedDate"), text(payment, "id"), payment, _net(payment, method))
            for method in methods
            for payment in items(method, "payments")
            if payment.get("status") != "Invalid"  # its coins went elsewhere
        ),
        key=lambda found: found[:2],
    )
    minor = [net.scaleb(minor_digits(price.currency)) for *_, net in arrived]
    exact = any(_decimal(method, "due") == 0 for method in methods if items(method, "payments"))
    total = _total(invoice, price.amount, int(sum(minor)), exact=exact)
    found: list[_Share] = []
    for (_, id_, payment, _), amount in zip(arrived, minor, strict=True):
        last = len(found) == len(arrived) - 1
        share = total - sum(before.minor for before in found) if last else int(amount)
        found.append(_Share(id_, max(share, 0), payment.get("status") == "Settled"))
    return found


def _total(invoice: Mapping[str, object], asked: int, paid: int, *, exact: bool) -> int:
    """What all payments count for, `paid` being what they are worth, rounded down.

    BTCPay Server rounds what is due in a coin up to the coin's smallest unit: where nothing is
    due, the price is paid and not exceeded, whatever the rate makes of it. A settled invoice is
    paid even where something is due, within the store's tolerance.
    """
    status, additional = invoice.get("status"), invoice.get("additionalStatus")
    if additional == "PaidOver":
        return paid
    if exact:
        return asked
    return max(asked, paid) if status == "Settled" and additional != "Marked" else paid


def _net(payment: Mapping[str, object], method: Mapping[str, object]) -> Decimal:
    """A payment's value without the fee that the store adds for the network."""
    value = _decimal(payment, "value") - _decimal(payment, "fee")
    worth = value * _decimal(method, "rate")
    if abs(worth) > MAX_MINOR:
        raise MalformedCallback("no amount")
    return worth


def _decimal(told: Mapping[str, object], name: str) -> Decimal:
    return Decimal(text(told, name, _DECIMAL))
