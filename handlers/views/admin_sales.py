"""Orders in a list, and one order's file with what can be done about it."""

from typing import Final

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.catalog import Page
from domain.customers import Customer
from domain.orders import Order, OrderStatus
from domain.payments import Attempt, Payment, Refund
from domain.reviewing import File
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views import admin_settling as settling
from handlers.views import admin_words as words
from handlers.views import money
from handlers.views.view import View, button, lines

_SHOWN: Final = 5  # of the attempts, payments and refunds, the newest
REVIEW: Final = "review"
ALL: Final = "all"


def sales(page: Page[Order], which: str, t: Texts) -> View:
    """`which`: a status, `all`, or `review` for what is before a person."""
    text = lines(
        t("<b>Orders</b>: {which}", which=_filter_name(which, t)),
        t("None.") if not page.items else None,
        *(_line(order, t) for order in page.items),
    )
    files = [button(_label(order, t), data.OpenFile(number=order.number)) for order in page.items]
    return View(
        text,
        [
            *(files[i : i + 2] for i in range(0, len(files), 2)),
            words.pager(page, lambda number: data.Sales(which=which, page=number), t),
            *_filters(which, t),
            [button(t.label("‹ Menu"), data.Menu())],
        ],
    )


def no_such_status(word: str, t: Texts) -> View:
    known = ", ".join([REVIEW, *OrderStatus])
    return View(t("“{word}” is no status. One of: {known}", word=word[:32], known=known))


def ask_number(t: Texts) -> View:
    question = t("Which order? Send its number, or choose one.")
    recent = [button(t.label("Newest orders"), data.Sales())]
    waiting = [button(t.label("Needs a person"), data.Sales(which=REVIEW))]
    return View(words.or_cancel(question, t), [recent, waiting])


def file(found: File, viewer: Customer, t: Texts, news: Markup | None = None) -> View:
    """Everything about an order; `news` is what has just become of it."""
    order = found.order
    text = lines(
        news,
        t("<b>Order {number}</b>: {status}", number=order.number, status=_standing(order, t)),
        t("Buyer: {buyer}", buyer=words.person(found.buyer, order.buyer_id)),
        *_goods(order, t),
        t("Total: {total}", total=money.amount(order.total, t)),
        t("Placed: {at}", at=words.moment(order.created_at)),
        t("Paid: {at}", at=words.moment(order.paid_at)) if order.paid_at else None,
        *(_attempt(attempt, t) for attempt in found.attempts[-_SHOWN:]),
        *(_payment(payment, t) for payment in found.payments[-_SHOWN:]),
        *(_refund(refund, t) for refund in found.refunds[-_SHOWN:]),
    )
    back = [button(t.label("‹ Orders"), data.Sales())]
    return View(text, [*settling.actions(found, viewer, t), back])


def _filters(which: str, t: Texts) -> list[list[InlineKeyboardButton]]:
    offered = [
        ALL,
        REVIEW,
        *(s.value for s in OrderStatus if s not in {OrderStatus.SHIPPED, OrderStatus.COMPLETED}),
    ]
    buttons = [
        button(_filter_name(name, t), data.Sales(which=name)) for name in offered if name != which
    ]
    return [buttons[i : i + 4] for i in range(0, len(buttons), 4)]


def _filter_name(which: str, t: Texts) -> str:
    if which == ALL:
        return t.label("all")
    if which == REVIEW:
        return t.label("needs a person")
    return words.status(OrderStatus(which), t)


def _label(order: Order, t: Texts) -> str:
    mark = "⚠ " if order.exception else ""
    return f"{mark}{order.number}"


def _line(order: Order, t: Texts) -> Markup:
    return t(
        "{number} · {status} · {total} · {at}",
        number=order.number,
        status=_standing(order, t),
        total=money.amount(order.total, t),
        at=words.moment(order.created_at),
    )


def _standing(order: Order, t: Texts) -> str:
    status = words.status(order.status, t)
    return f"{status} ⚠ {words.oddity(order.exception, t)}" if order.exception else status


def _goods(order: Order, t: Texts) -> list[Markup]:
    return [
        t(
            "{quantity} × {title} ({sku}), {price} each",
            quantity=line.quantity,
            title=line.title,
            sku=line.sku,
            price=money.amount(line.unit_price, t),
        )
        for line in order.lines
    ]


def _attempt(attempt: Attempt, t: Texts) -> Markup:
    return t(
        "Attempt {number}: {provider}, {amount}, {status}",
        number=attempt.number,
        provider=attempt.provider,
        amount=money.amount(attempt.amount, t),
        status=words.attempt_status(attempt.status, t),
    )


def _payment(payment: Payment, t: Texts) -> Markup:
    return t(
        "Payment {transaction}: {provider}, {amount}, {at}",
        transaction=payment.external_id,
        provider=payment.provider,
        amount=money.amount(payment.amount, t),
        at=words.moment(payment.received_at),
    )


def _refund(refund: Refund, t: Texts) -> Markup:
    return t(
        "Refund {number}: {amount}, {status}",
        number=refund.number,
        amount=money.amount(refund.amount, t),
        status=words.refund_status(refund.status, t),
    )
