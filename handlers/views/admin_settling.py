"""What can be done about an order now: the buttons that do it, and what has become of it then."""

from collections.abc import Sequence
from typing import Final

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain import refunds
from domain.customers import Customer, Permission
from domain.money import Money
from domain.orders import Order, OrderException
from domain.payments import Refund, RefundOrigin, RefundStatus
from domain.reviewing import File
from domain.settlement import Outcome
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views import money
from handlers.views.admin_words import or_cancel
from handlers.views.view import View, button, lines

Row = list[InlineKeyboardButton]

_NOTHING_CAME: Final = frozenset({OrderException.UNDELIVERABLE, OrderException.SHORT})
_SURPLUS: Final = frozenset({OrderException.TWICE, OrderException.MISMATCH})


def held(found: File) -> list[tuple[str, Money]]:
    """What the order's payments still hold for the shop, by their provider's code."""
    left = refunds.returnable(found.shares, found.order, found.refunds)
    return [(p.provider, left[p.id]) for p in found.payments if p.id in left]


def returned_alone(order: Order, why: OrderException | None) -> bool:
    """Whether the order keeps what bought its goods, and only another payment goes back."""
    return order.is_paid and why in _SURPLUS


def refund_is_plain(order: Order, why: OrderException | None) -> bool:
    """Whether one press may give all of it back: the buyer has nothing for it."""
    return not order.is_paid or why in _NOTHING_CAME


def can_refund(found: File) -> bool:
    """Whether there is money to give back, or a refund to go on with."""
    return bool(held(found)) or any(
        refund.status is RefundStatus.REQUESTED for refund in found.refunds
    )


def actions(found: File, viewer: Customer, t: Texts) -> list[Row]:
    """In an order's file: all that its state and the viewer's role allow."""
    order, why = found.order, found.order.exception
    money_is_there = bool(held(found))
    rows = []
    if viewer.may(Permission.MONEY):
        if order.can_be_paid and money_is_there:
            rows.append([_fulfil(order, why, t)])
        if order.can_be_paid and found.attempts:
            rows.append([button(t.label("Confirm a payment"), data.Confirm(number=order.number))])
        if can_refund(found):
            rows.append([button(t.label("Refund …"), data.AskRefund(number=order.number))])
    if viewer.may(Permission.ORDERS) and order.is_paid and why is not OrderException.SHORT:
        rows.append([_resend(order, why, t)])
    if why is not None and may_dismiss(viewer, why):
        rows.append([_handled(order, why, t)])
    return rows


def decisions(order: Order, why: OrderException, viewer: Customer, t: Texts) -> list[Row]:
    """Under an alert: what settles an order that is odd in this way, the likeliest first."""
    rows = []
    if why is not order.exception:
        return _besides(order, why, viewer, t)
    if why is OrderException.UNDELIVERABLE and viewer.may(Permission.ORDERS):
        rows.append([_resend(order, why, t)])
    if viewer.may(Permission.MONEY):
        if order.can_be_paid and why is not OrderException.UNDELIVERABLE:
            rows.append([_fulfil(order, why, t)])
        if why in _SURPLUS or why in _NOTHING_CAME or order.can_be_paid:
            rows.append([_refund(order, why, t)])
    if may_dismiss(viewer, why):
        rows.append([_handled(order, why, t)])
    return rows


def _besides(order: Order, why: OrderException, viewer: Customer, t: Texts) -> list[Row]:
    """Settled meanwhile; but goods may be stuck in an order that is odd in another way too."""
    stuck = why is OrderException.UNDELIVERABLE and order.exception is not None and order.is_paid
    if not (stuck and viewer.may(Permission.ORDERS)):
        return []
    return [[_resend(order, order.exception, t)]]


def may_dismiss(viewer: Customer, why: OrderException) -> bool:
    """Who may say that all is well: where it is about money, who may decide about money."""
    if why is OrderException.UNDELIVERABLE:
        return viewer.may(Permission.ORDERS)
    return viewer.may(Permission.MONEY)


def confirm_refund(found: File, t: Texts) -> View:
    """The last look before money goes back."""
    order, why = found.order, found.order.exception
    rows = [[_refund(order, why, t, t.label("Refund everything"), whole=True)]]
    if returned_alone(order, why):
        rows.insert(0, [_refund(order, why, t, t.label("Only the payment that is too many"))])
    rows.append([button(t.label("A part …"), data.AskPart(number=order.number))])
    if order.lines:
        credit = data.Refund(number=order.number, why=why, whole=True, to_balance=True)
        rows.append([button(t.label("Everything, to the balance"), credit)])
    text = lines(
        t("Give the money of order <b>{number}</b> back?", number=order.number),
        *(
            t("{amount} by {provider}", amount=money.amount(left, t), provider=provider)
            for provider, left in held(found)
        ),
        t("Keys that were handed over stay with the buyer.") if order.is_paid else None,
    )
    return View(text, [*rows, [button(t.label("‹ Order"), data.OpenFile(number=order.number))]])


def fulfilled(t: Texts) -> Markup:
    return t("Delivering: the goods are on their way to the buyer.")


def resent(t: Texts) -> Markup:
    return t("Resending: the same goods are on their way to the buyer once more.")


def dismissed(t: Texts) -> Markup:
    return t("Noted: it has been seen to.")


def settled_already(t: Texts) -> str:
    """A pop-up for whoever comes second."""
    return t.label("This has been settled already. Here is how the order stands now.")


def not_allowed(t: Texts) -> str:
    return t.label("Your role does not allow this.")


def ask_part(found: File, t: Texts) -> View:
    question = t(
        "How much of order {number} is to go back? Send an amount, such as 2.50, and a reason "
        "behind it if you like.",
        number=found.order.number,
    )
    return View(or_cancel(question, t))


def refunded(done: Sequence[Refund], t: Texts) -> Markup:
    return lines(*(_given_back(refund, t) for refund in done))


def _given_back(refund: Refund, t: Texts) -> Markup:
    sum_ = money.amount(refund.amount, t)
    if refund.status is not RefundStatus.DONE:
        return t("On its way back: {amount}. It is seen to until it is there.", amount=sum_)
    if refund.claim is not None:
        return t("Set aside: {amount}. The buyer's order has a button to collect it.", amount=sum_)
    if refund.origin is RefundOrigin.BALANCE:
        return t("Given back to the buyer's balance: {amount}", amount=sum_)
    return t("Given back: {amount}", amount=sum_)


def balance_spent(t: Texts) -> Markup:
    return t("The buyer has spent it: their balance does not hold so much any more.")


def refund_unknown(t: Texts) -> Markup:
    return t(
        "The payment service does not answer, so the refund is under way: it is asked again until "
        "it does, and never paid twice."
    )


def refund_refused(code: str, t: Texts) -> Markup:
    return t(
        "The payment service refused the refund ({code}). Press Refund … for the buyer's balance "
        "instead, or give the money back there, then press Handled.",
        code=code,
    )


def not_refundable(t: Texts) -> Markup:
    return t("There is not so much to give back: it was given back before, or never came.")


def confirmed(outcome: Outcome, t: Texts) -> Markup:
    """What became of a payment that was seen elsewhere."""
    return {
        Outcome.PAID: t("Confirmed: the order is paid, the goods are on their way."),
        Outcome.REPEATED: t("This transaction was known already; nothing has changed."),
        Outcome.LATE: t("Confirmed, late: see below whether there were goods left."),
    }.get(outcome, t("Recorded. The order needs a decision: see below."))


def ask_transaction(number: str, t: Texts) -> View:
    question = t(
        "Order {number}: which transaction paid it? Send the payment service's id of it.",
        number=number,
    )
    return View(or_cancel(question, t))


def ask_reason(t: Texts) -> View:
    return View(or_cancel(t("How do you know of the payment? This goes into the audit log."), t))


def _fulfil(order: Order, why: OrderException | None, t: Texts) -> InlineKeyboardButton:
    pressed = data.Fulfil(number=order.number, why=why)
    return button(t.label("Deliver anyway"), pressed, style="success")


def _resend(order: Order, why: OrderException | None, t: Texts) -> InlineKeyboardButton:
    return button(t.label("Resend"), data.Resend(number=order.number, why=why), style="primary")


def _handled(order: Order, why: OrderException, t: Texts) -> InlineKeyboardButton:
    return button(t.label("Handled"), data.Handled(number=order.number, why=why))


def _refund(
    order: Order, why: OrderException | None, t: Texts, label: str = "", *, whole: bool = False
) -> InlineKeyboardButton:
    pressed = data.Refund(number=order.number, why=why, whole=whole)
    return button(label or t.label("Refund"), pressed, style="danger")
