"""The order's message: what was ordered, where it stands, what can be done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Attempt, AttemptStatus, Checkout, Transfer
from handlers.texts import Texts
from handlers.views import methods, qr
from handlers.views.buttons import Cancel, Methods, Paid, PayWith, ShowKeys, ShowOrder
from handlers.views.length import clip
from handlers.views.methods import Ways
from handlers.views.money import amount, clock
from handlers.views.view import View, button, copy, lines, link, paragraphs

Rows = list[list[InlineKeyboardButton]]

_TITLE_UNITS: Final = 200
_GONE: Final = frozenset({OrderStatus.REFUNDING, OrderStatus.REFUNDED})
_HANDED_OVER: Final = frozenset(
    {OrderStatus.DELIVERED, OrderStatus.SHIPPED, OrderStatus.COMPLETED}
)


@dataclass(frozen=True)
class Shown:
    """An order as its buyer sees it; `claims` are links at which they collect a refund."""

    order: Order
    attempt: Attempt | None
    claims: Sequence[str] = ()


def order(shown: Shown, ways: Ways, t: Texts) -> View:
    """Where the order stands now."""
    order, attempt = shown.order, shown.attempt
    parts = [head(order, t), _standing(shown, ways, t), _concern(order, t)]
    if order.is_pending:
        keyboard = _to_pay(order, attempt, t)
        if attempt is not None and attempt.is_confirming:
            return View(paragraphs(parts))
        if len(ways.quotes(order.bill)) > 1 or attempt is None or not _is_open(attempt):
            keyboard.append(_others(order, t))
        keyboard.append(_cancel(order, t))
    else:
        keyboard = _to_keys(order, t)
        keyboard += [[link(t.label("Collect your refund"), url)] for url in shown.claims]
    return View(paragraphs(parts), keyboard, _picture(order, attempt))


def choose(order: Order, balance: Money, ways: Ways, t: Texts) -> View:
    """The ways to pay an order that was placed."""
    rows = _ways(order, balance, ways, t)
    says = _choose(order, t) if rows else no_method(t)
    back = button(t.label("Back"), ShowOrder(number=order.number))
    return View(paragraphs([head(order, t), says]), [*rows, [back], _cancel(order, t)])


def failed(order: Order, method: str, balance: Money, ways: Ways, t: Texts) -> View:
    """The payment service did not take the order; it waits, to be paid in some way."""
    says = t(
        "{method} does not answer at the moment. Your order is held all the same: try again, or "
        "pay another way.",
        method=ways.title(method, t),
    )
    parts = [head(order, t), says, _held_until(order, t)]
    return View(paragraphs(parts), [*_ways(order, balance, ways, t), _cancel(order, t)])


def _ways(order: Order, balance: Money, ways: Ways, t: Texts) -> Rows:
    def data(code: str) -> PayWith:
        return PayWith(number=order.number, provider=code)

    rows = methods.buttons(ways, ways.quotes(order.bill), data, t)
    return rows + methods.from_balance(ways, balance, order.bill, data, t)


def no_method(t: Texts) -> Markup:
    return t("There is no way to pay for this at the moment. Write to /support, or try later.")


def head(order: Order, t: Texts) -> Markup:
    """The order's number, what is in it and what it costs."""
    goods = [
        Markup("{} × {}").format(clip(line.title, _TITLE_UNITS), line.quantity)
        for line in order.lines
    ]
    aside = Money(order.from_balance, order.total.currency)
    return lines(
        t("Order <b>{number}</b>", number=order.number),
        *(goods or [t("Top-up of your balance")]),
        t("Total: <b>{total}</b>", total=amount(order.total, t)),
        t("From your balance: {part}", part=amount(aside, t)) if aside else None,
        t("Left to pay: <b>{due}</b>", due=amount(order.bill.due, t)) if aside else None,
    )


# --- Where it stands ------------------------------------------------------------------------


def _standing(shown: Shown, ways: Ways, t: Texts) -> Markup:
    order, attempt = shown.order, shown.attempt
    if order.is_pending:
        return lines(*_pending(order, attempt, ways, t))
    if order.can_be_paid and attempt is not None and attempt.confirming:
        return lines(_STANDINGS[order.status](t), _confirming(attempt.confirming, t))
    if order.is_paid and not order.lines:
        return t("✅ Paid: the money is on your balance. See /balance.")
    if order.exception is OrderException.SHORT:
        return t("✅ Paid.")
    return _STANDINGS[order.status](t)


_STANDINGS: Final[Mapping[OrderStatus, Callable[[Texts], Markup]]] = {
    OrderStatus.PAID: lambda t: t("✅ Paid. Your keys are being delivered to this chat."),
    OrderStatus.DELIVERED: lambda t: t("✅ Paid and delivered. Thank you!"),
    OrderStatus.SHIPPED: lambda t: t("✅ Paid and on its way to you."),
    OrderStatus.COMPLETED: lambda t: t("✅ Completed. Thank you!"),
    OrderStatus.CANCELLED: lambda t: t(
        "✖️ Cancelled: there is nothing to pay. To order again, see /catalog."
    ),
    OrderStatus.EXPIRED: lambda t: t(
        "✖️ Expired: it was not paid in time, and nothing is held for it any more. Do not pay it "
        "now. To order again, see /catalog."
    ),
    OrderStatus.REFUNDING: lambda t: t("↩️ Your money is on its way back to you."),
    OrderStatus.REFUNDED: lambda t: t("↩️ Refunded: your money was given back."),
}


def _pending(order: Order, attempt: Attempt | None, ways: Ways, t: Texts) -> list[Markup]:
    if attempt is not None and attempt.confirming:
        return [_confirming(attempt.confirming, t)]
    said = [_how_to_pay(attempt, ways, t), _held_until(order, t)]
    if attempt is not None and _is_open(attempt) and attempt.received:
        arrived = t(
            "So far {received} of {asked} have arrived.",
            received=amount(Money(attempt.received, attempt.amount.currency), t),
            asked=amount(attempt.amount, t),
        )
        said.insert(0, arrived)
    return said


def _confirming(progress: tuple[int, int], t: Texts) -> Markup:
    seen, needed = progress
    return t(
        "🔄 Your payment is on its way: {seen} of {needed} confirmations. There is nothing more "
        "to do; the rest comes by itself.",
        seen=seen,
        needed=needed,
    )


def _held_until(order: Order, t: Texts) -> Markup:
    return t(
        "Held for you until <b>{until}</b>; if it is not paid by then, it expires.",
        until=clock(order.reserved_until),
    )


def _choose(order: Order, t: Texts) -> Markup:
    return lines(t("How do you want to pay?"), _held_until(order, t))


def _is_open(attempt: Attempt) -> bool:
    return attempt.status is AttemptStatus.OPEN


def _how_to_pay(attempt: Attempt | None, ways: Ways, t: Texts) -> Markup:
    if attempt is None or not _is_open(attempt):
        return t("⏳ Waiting for payment. Choose how to pay.")
    asked, method = amount(attempt.amount, t), ways.title(attempt.provider, t)
    checkout = attempt.checkout
    if checkout is None:
        return t("⏳ {method} has not answered yet. Try again.", method=method)
    return lines(_instruction(checkout, asked, method, t), _its_end(checkout, t))


def _instruction(checkout: Checkout, asked: str, method: str, t: Texts) -> Markup:
    if checkout.in_chat:
        return t(
            "⏳ Waiting for payment. Pay <b>{asked}</b> with the invoice in this chat ({method}).",
            asked=asked,
            method=method,
        )
    if checkout.transfer is not None:
        return _send(checkout.transfer, asked, t)
    if checkout.qr is not None:
        return _scan(asked, method, t)
    return t(
        "⏳ Waiting for payment. Press Pay and pay <b>{asked}</b> ({method}), then come back: the "
        "keys come by themselves.",
        asked=asked,
        method=method,
    )


def _its_end(checkout: Checkout, t: Texts) -> Markup | None:
    if checkout.expires_at is None:
        return None
    return t("Pay before <b>{end}</b>.", end=clock(checkout.expires_at))


def _send(transfer: Transfer, asked: str, t: Texts) -> Markup:
    """The address is bold and has a button that copies it: code is for keys alone."""
    return lines(
        t("⏳ Waiting for payment of {asked}.", asked=asked),
        t(
            "Send exactly <b>{amount} {asset}</b>, not more and not less,",
            amount=transfer.amount,
            asset=transfer.asset,
        ),
        t("over the network <b>{network}</b>,", network=transfer.network),
        t("to <b>{address}</b>", address=transfer.address),
        t("Money sent over another network is lost."),
    )


def _scan(asked: str, method: str, t: Texts) -> Markup:
    return t(
        "⏳ Waiting for payment. Scan the picture with the app and pay <b>{asked}</b> ({method}). "
        "With a single phone, show the picture on a second screen: not every app reads it from "
        "the phone that it is on.",
        asked=asked,
        method=method,
    )


# --- What is odd about it -------------------------------------------------------------------

_CONCERNS: Final[Mapping[OrderException, Callable[[Texts], Markup]]] = {
    OrderException.LATE: lambda t: t(
        "❗ Your payment came after the order had closed, and there was nothing left to hand "
        "over. The money is safe: the shop's people have been told, and will deliver or give it "
        "back."
    ),
    OrderException.SHORT: lambda t: t(
        "❗ The goods ran out before your payment came. You are in line for the next ones, which "
        "come by themselves. If you would rather have your money back, write to /paysupport."
    ),
    OrderException.UNDER: lambda t: t(
        "❗ Less money has arrived than the order costs. The shop's people have been told, and "
        "will see to it."
    ),
    OrderException.OVER: lambda t: t(
        "❗ You have paid more than the order costs. The difference is yours: the shop's people "
        "have been told."
    ),
    OrderException.TWICE: lambda t: t(
        "❗ A second payment for this order has arrived. It is yours: the shop's people have been "
        "told, and will give it back."
    ),
    OrderException.MISMATCH: lambda t: t(
        "❗ A payment has arrived that does not fit this order. The shop's people have been told, "
        "and will see to it."
    ),
    OrderException.UNDELIVERABLE: lambda t: t(
        "❗ Your keys could not be sent to this chat. Press “Show keys” to get them now."
    ),
}


def _concern(order: Order, t: Texts) -> Markup | None:
    """What a person of the shop is looking into, told to the buyer."""
    if order.exception is None or order.status in _GONE:
        return None
    if order.exception is OrderException.LATE and order.is_paid:
        return t("Your payment came late, but your goods were still there.")
    said = _CONCERNS[order.exception](t)
    if order.exception is OrderException.UNDELIVERABLE:
        return said
    return lines(said, t("Any questions: /paysupport"))


# --- What can be done -----------------------------------------------------------------------


def _to_keys(order: Order, t: Texts) -> Rows:
    undelivered = order.exception is OrderException.UNDELIVERABLE
    handed_over = order.status in _HANDED_OVER and order.lines
    if handed_over or (order.is_paid and undelivered):
        return [[button(t.label("Show keys"), ShowKeys(number=order.number))]]
    return []


def _to_pay(order: Order, attempt: Attempt | None, t: Texts) -> Rows:
    if attempt is None or not _is_open(attempt) or attempt.confirming:
        return []
    again = PayWith(number=order.number, provider=attempt.provider)
    checkout = attempt.checkout
    if checkout is None:
        return [[button(t.label("Try again"), again)]]
    if checkout.in_chat:
        return [[button(t.label("Send the invoice again"), again)]]
    rows = [[link(t.label("Pay"), checkout.link)]] if checkout.link else []
    if checkout.transfer is not None:
        rows.append(
            [
                copy(t.label("Copy the address"), checkout.transfer.address),
                copy(t.label("Copy the amount"), checkout.transfer.amount),
            ]
        )
    return [*rows, [button(t.label("I have paid"), Paid(number=order.number))]]


def _others(order: Order, t: Texts) -> list[InlineKeyboardButton]:
    return [button(t.label("Other ways to pay"), Methods(number=order.number))]


def _cancel(order: Order, t: Texts) -> list[InlineKeyboardButton]:
    return [button(t.label("Cancel"), Cancel(number=order.number))]


def _picture(order: Order, attempt: Attempt | None) -> bytes | None:
    if not order.is_pending or attempt is None or not _is_open(attempt) or attempt.confirming:
        return None
    checkout = attempt.checkout
    return qr.png(checkout.qr) if checkout is not None and checkout.qr is not None else None
