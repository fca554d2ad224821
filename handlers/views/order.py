"""The order's message: what was ordered, where it stands, what can be done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Attempt, AttemptStatus, PaymentProvider
from handlers.texts import Texts
from handlers.views import methods, qr
from handlers.views.buttons import Cancel, Methods, PayWith, ShowKeys, ShowOrder
from handlers.views.length import clip
from handlers.views.money import amount, clock
from handlers.views.view import View, button, lines, link, paragraphs

Rows = list[list[InlineKeyboardButton]]

_TITLE_UNITS: Final = 200
_GONE: Final = frozenset({OrderStatus.REFUNDING, OrderStatus.REFUNDED})
_HANDED_OVER: Final = frozenset(
    {OrderStatus.DELIVERED, OrderStatus.SHIPPED, OrderStatus.COMPLETED}
)


def order(order: Order, attempt: Attempt | None, t: Texts, *, other_methods: bool = False) -> View:
    """Where the order stands now; `other_methods` tells that it can be paid in several ways."""
    parts = [head(order, t), _standing(order, attempt, t), _concern(order, t)]
    if order.is_pending:
        keyboard = _to_pay(order, attempt, t)
        if other_methods or attempt is None:
            keyboard.append(_others(order, t))
        keyboard.append(_cancel(order, t))
    else:
        keyboard = _to_keys(order, t)
    return View(paragraphs(parts), keyboard, _picture(order, attempt))


def choose(order: Order, among: Sequence[PaymentProvider], t: Texts) -> View:
    """The ways to pay an order that was placed."""
    rows = methods.buttons(among, order.lines, _pay_with(order), t)
    says = _choose(order, t) if rows else no_method(t)
    back = button(t.label("Back"), ShowOrder(number=order.number))
    return View(paragraphs([head(order, t), says]), [*rows, [back], _cancel(order, t)])


def failed(order: Order, method: str, among: Sequence[PaymentProvider], t: Texts) -> View:
    """The payment service did not take the order; it waits, to be paid in some way."""
    says = t(
        "{method} does not answer at the moment. Your order is held all the same: try again, or "
        "pay another way.",
        method=methods.title(method, t),
    )
    rows = methods.buttons(among, order.lines, _pay_with(order), t)
    parts = [head(order, t), says, _held_until(order, t)]
    return View(paragraphs(parts), [*rows, _cancel(order, t)])


def no_method(t: Texts) -> Markup:
    return t("There is no way to pay for this at the moment. Write to /support, or try later.")


def head(order: Order, t: Texts) -> Markup:
    """The order's number, what is in it and what it costs."""
    return lines(
        t("Order <b>{number}</b>", number=order.number),
        *(
            Markup("{} × {}").format(clip(line.title, _TITLE_UNITS), line.quantity)
            for line in order.lines
        ),
        t("Total: <b>{total}</b>", total=amount(order.total, t)),
    )


# --- Where it stands ------------------------------------------------------------------------


def _standing(order: Order, attempt: Attempt | None, t: Texts) -> Markup:
    if order.is_pending:
        return lines(*_pending(order, attempt, t))
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


def _pending(order: Order, attempt: Attempt | None, t: Texts) -> list[Markup]:
    said = [_how_to_pay(attempt, t), _held_until(order, t)]
    if attempt is not None and attempt.received:
        arrived = t(
            "So far {received} of {asked} have arrived.",
            received=amount(Money(attempt.received, attempt.amount.currency), t),
            asked=amount(attempt.amount, t),
        )
        said.insert(0, arrived)
    return said


def _held_until(order: Order, t: Texts) -> Markup:
    return t(
        "Held for you until <b>{until}</b>; if it is not paid by then, it expires.",
        until=clock(order.reserved_until),
    )


def _choose(order: Order, t: Texts) -> Markup:
    return lines(t("How do you want to pay?"), _held_until(order, t))


def _how_to_pay(attempt: Attempt | None, t: Texts) -> Markup:
    if attempt is None or attempt.status is not AttemptStatus.OPEN:
        return t("⏳ Waiting for payment. Choose how to pay.")
    asked, method = amount(attempt.amount, t), methods.title(attempt.provider, t)
    checkout = attempt.checkout
    if checkout is None:
        return t("⏳ {method} has not answered yet. Try again.", method=method)
    if checkout.in_chat:
        return t(
            "⏳ Waiting for payment. Pay <b>{asked}</b> with the invoice in this chat ({method}).",
            asked=asked,
            method=method,
        )
    if checkout.qr is not None:
        return _scan(asked, method, t)
    return t(
        "⏳ Waiting for payment. Press Pay and pay <b>{asked}</b> ({method}), then come back: the "
        "keys come by themselves.",
        asked=asked,
        method=method,
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
        "❗ You have paid, but the goods ran out. The shop's people have been told, and will "
        "deliver or give your money back."
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
    if order.status in _HANDED_OVER or (order.is_paid and undelivered):
        return [[button(t.label("Show keys"), ShowKeys(number=order.number))]]
    return []


def _to_pay(order: Order, attempt: Attempt | None, t: Texts) -> Rows:
    if attempt is None or attempt.status is not AttemptStatus.OPEN:
        return []
    again = PayWith(number=order.number, provider=attempt.provider)
    checkout = attempt.checkout
    if checkout is None:
        return [[button(t.label("Try again"), again)]]
    if checkout.in_chat:
        return [[button(t.label("Send the invoice again"), again)]]
    return [[link(t.label("Pay"), checkout.link)]] if checkout.link else []


def _others(order: Order, t: Texts) -> list[InlineKeyboardButton]:
    return [button(t.label("Other ways to pay"), Methods(number=order.number))]


def _cancel(order: Order, t: Texts) -> list[InlineKeyboardButton]:
    return [button(t.label("Cancel"), Cancel(number=order.number))]


def _pay_with(order: Order) -> Callable[[PaymentProvider], PayWith]:
    return lambda method: PayWith(number=order.number, provider=method.code)


def _picture(order: Order, attempt: Attempt | None) -> bytes | None:
    if not order.is_pending or attempt is None or attempt.status is not AttemptStatus.OPEN:
        return None
    checkout = attempt.checkout
    return qr.png(checkout.qr) if checkout is not None and checkout.qr is not None else None
