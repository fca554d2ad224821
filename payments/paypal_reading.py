"""What PayPal's objects say: orders, captures, refunds and disputes, in answers and notices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.money import Money
from domain.payments import Approval, Confirming, Ended, Event, News, PaymentEvent, RefundEvent
from payments.paypal_api import CODE
from payments.provider import MalformedCallback
from payments.reading import LINK, NUMBER, items, money, nested, text

_CURRENCY: Final = re.compile("[A-Z]{3}")
_CAPTURE: Final = re.compile(r"https://[\x21-\x7e]+/v2/payments/captures/([0-9A-Za-z]{1,64})")


@dataclass(frozen=True)
class Reader:
    """Reads for one account; raises `MalformedCallback` for what cannot be read."""

    account: str
    live: bool

    def notice(self, told: Mapping[str, object]) -> list[Event]:
        """What has no number of the shop's was sold elsewhere by the same app.

        A dispute that was opened is no news: PayPal holds the money, and has given none back.
        """
        match text(told, "event_type"):
            case "CHECKOUT.ORDER.APPROVED":
                return self._approved(nested(told, "resource"))
            case (
                "PAYMENT.CAPTURE.COMPLETED"
                | "PAYMENT.CAPTURE.PENDING"
                | "PAYMENT.CAPTURE.DENIED"
                | "PAYMENT.CAPTURE.DECLINED"
            ):
                return self._captured(nested(told, "resource"))
            case "PAYMENT.CAPTURE.REFUNDED":
                return self._refunded(nested(told, "resource"))
            case "PAYMENT.CAPTURE.REVERSED":
                return self._reversed(nested(told, "resource"))
            case "CUSTOMER.DISPUTE.RESOLVED":
                return self._resolved(nested(told, "resource"))
        return []

    def order(self, order: Mapping[str, object]) -> News | None:
        """How an order of the shop's stands."""
        unit = _unit(order)
        number = text(unit, "custom_id", NUMBER)
        match text(order, "status"):
            case "APPROVED":
                return self._approval(unit, number)
            case "VOIDED":
                return Ended(CODE, number)
            case "COMPLETED":
                captures = items(nested(unit, "payments"), "captures")
                news = [self._capture(capture, number) for capture in captures]
                paid = [event for event in news if isinstance(event, PaymentEvent)]
                return (paid or news or [None])[-1]
        return None

    def _approved(self, order: Mapping[str, object]) -> list[Event]:
        unit = _unit(order)
        number = _number(unit)
        if number is None or order.get("status") != "APPROVED":
            return []
        return [self._approval(unit, number)]

    def _captured(self, capture: Mapping[str, object]) -> list[Event]:
        number = _number(capture)
        news = None if number is None else self._capture(capture, number)
        return [] if news is None else [news]

    def _refunded(self, refund: Mapping[str, object]) -> list[Event]:
        """`total_refunded_amount` is of all the capture's refunds, this one included."""
        if refund.get("status") in ("FAILED", "CANCELLED"):
            return []
        breakdown = refund.get("seller_payable_breakdown")
        if isinstance(breakdown, dict) and "total_refunded_amount" in breakdown:
            returned = _money(breakdown, "total_refunded_amount")
        else:
            returned = _money(refund, "amount")
        return [self._returned(_capture_id(refund), returned)]

    def _reversed(self, reversal: Mapping[str, object]) -> list[Event]:
        """Its own amount: the total would hold refunds too, which are counted apart."""
        returned = _money(reversal, "amount")
        return [self._returned(_capture_id(reversal), returned, disputed=True)]

    def _resolved(self, dispute: Mapping[str, object]) -> list[Event]:
        """A dispute that the shop has won gives it the money again."""
        outcome = nested(dispute, "dispute_outcome").get("outcome_code")
        if outcome != "RESOLVED_SELLER_FAVOUR":
            return []
        nothing = Money(0, text(nested(dispute, "dispute_amount"), "currency_code", _CURRENCY))
        return [
            self._returned(text(item, "seller_transaction_id"), nothing, disputed=True)
            for item in items(dispute, "disputed_transactions")
        ]

    def _capture(self, capture: Mapping[str, object], number: str) -> News | None:
        """Money that has gone back entirely is no payment any more."""
        match text(capture, "status"):
            case "COMPLETED" | "PARTIALLY_REFUNDED":
                return PaymentEvent(
                    provider=CODE,
                    account=self.account,
                    live=self.live,
                    external_id=text(capture, "id"),
                    attempt_number=number,
                    amount=_money(capture, "amount"),
                )
            case "PENDING":
                return Confirming(CODE, number, seen=0, needed=1)
            case "DECLINED" | "DENIED" | "FAILED":
                return Ended(CODE, number)  # an order is captured once
        return None

    def _approval(self, unit: Mapping[str, object], number: str) -> Approval:
        return Approval(CODE, self.account, self.live, number, _money(unit, "amount"))

    def _returned(self, capture: str, amount: Money, *, disputed: bool = False) -> RefundEvent:
        return RefundEvent(CODE, self.account, capture, amount, disputed)


def order_number(order: Mapping[str, object]) -> str | None:
    """The attempt's number, where the order is one of the shop's."""
    return _number(_unit(order))


def approval_link(order: Mapping[str, object]) -> str:
    """The page on which the buyer approves the order; older answers call it `approve`."""
    for link in items(order, "links"):
        if link.get("rel") in ("payer-action", "approve"):
            return text(link, "href", LINK)
    raise MalformedCallback("no link")


def _unit(order: Mapping[str, object]) -> dict[str, object]:
    """The shop's orders have one; another's are as good as none."""
    units = items(order, "purchase_units")
    return units[0] if len(units) == 1 else {}


def _number(told: Mapping[str, object]) -> str | None:
    number = told.get("custom_id")
    return number if isinstance(number, str) and NUMBER.fullmatch(number) else None


def _capture_id(refund: Mapping[str, object]) -> str:
    """A refund names what it is of by a link."""
    for link in items(refund, "links"):
        if link.get("rel") == "up" and (found := _CAPTURE.fullmatch(text(link, "href"))):
            return found[1]
    raise MalformedCallback("a refund of nothing")


def _money(told: Mapping[str, object], name: str) -> Money:
    amount = nested(told, name)
    return money(amount.get("value"), amount.get("currency_code"))
