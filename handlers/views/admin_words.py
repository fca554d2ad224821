"""Words that the admins' messages share: states, reasons, roles, people, times, pages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.catalog import Page
from domain.customers import Customer, Role
from domain.orders import OrderException, OrderStatus
from domain.payments import AttemptStatus, RefundStatus
from handlers.texts import Texts
from handlers.views.length import clip
from handlers.views.view import button

_NAME: Final = 64  # units


def status(value: OrderStatus, t: Texts) -> str:
    return {
        OrderStatus.PENDING: t.label("pending"),
        OrderStatus.PAID: t.label("paid"),
        OrderStatus.DELIVERED: t.label("delivered"),
        OrderStatus.SHIPPED: t.label("shipped"),
        OrderStatus.COMPLETED: t.label("completed"),
        OrderStatus.CANCELLED: t.label("cancelled"),
        OrderStatus.EXPIRED: t.label("expired"),
        OrderStatus.REFUNDING: t.label("refunding"),
        OrderStatus.REFUNDED: t.label("refunded"),
    }[value]


def oddity(why: OrderException, t: Texts) -> str:
    """What is odd about an order, in a few words."""
    return {
        OrderException.LATE: t.label("paid late"),
        OrderException.SHORT: t.label("paid, but out of stock"),
        OrderException.UNDER: t.label("paid too little"),
        OrderException.OVER: t.label("paid too much"),
        OrderException.TWICE: t.label("paid twice"),
        OrderException.MISMATCH: t.label("the payment does not match"),
        OrderException.UNDELIVERABLE: t.label("not delivered"),
    }[why]


def attempt_status(value: AttemptStatus, t: Texts) -> str:
    return {
        AttemptStatus.OPEN: t.label("open"),
        AttemptStatus.PAID: t.label("paid"),
        AttemptStatus.CLOSED: t.label("closed"),
        AttemptStatus.FAILED: t.label("failed"),
    }[value]


def refund_status(value: RefundStatus, t: Texts) -> str:
    return {
        RefundStatus.REQUESTED: t.label("under way"),
        RefundStatus.DONE: t.label("done"),
        RefundStatus.FAILED: t.label("failed"),
    }[value]


def role(value: Role | None, t: Texts) -> str:
    names = {
        Role.OWNER: t.label("owner"),
        Role.MANAGER: t.label("manager"),
        Role.STOCK: t.label("stock"),
        Role.SUPPORT: t.label("support"),
    }
    return names[value] if value is not None else t.label("no admin")


def person(customer: Customer | None, user_id: int) -> Markup:
    """A name, which anybody may choose for themselves, always with the id, which nobody can."""
    name = clip(customer.name, _NAME) if customer is not None else ""
    link = Markup('<a href="tg://user?id={id}">{name}</a>').format(id=user_id, name=name or "…")
    return Markup("{} ({})").format(link, user_id)


def moment(at: datetime) -> str:
    """To the minute, UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def pager(
    page: Page[Any],  # of whatever; only its place matters
    turn: Callable[[int], CallbackData],
    t: Texts,
) -> list[InlineKeyboardButton]:
    """Buttons to the pages before and after."""
    row = []
    if page.number > 0:
        row.append(button(t.label("‹ Back"), turn(page.number - 1)))
    if page.more:
        row.append(button(t.label("Next ›"), turn(page.number + 1)))
    return row


def or_cancel(question: Markup, t: Texts) -> Markup:
    """A question of a dialog, with the way out of it."""
    return Markup("{}\n{}").format(question, t("/cancel leaves this."))
