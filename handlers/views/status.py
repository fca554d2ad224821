"""Where an order stands, in words."""

from collections.abc import Callable, Mapping
from typing import Final

from domain.orders import OrderStatus
from handlers.texts import Texts

_WORDS: Final[Mapping[OrderStatus, Callable[[Texts], str]]] = {
    OrderStatus.PENDING: lambda t: t.label("waiting for payment"),
    OrderStatus.PAID: lambda t: t.label("paid"),
    OrderStatus.DELIVERED: lambda t: t.label("delivered"),
    OrderStatus.SHIPPED: lambda t: t.label("shipped"),
    OrderStatus.COMPLETED: lambda t: t.label("completed"),
    OrderStatus.CANCELLED: lambda t: t.label("cancelled"),
    OrderStatus.EXPIRED: lambda t: t.label("expired"),
    OrderStatus.REFUNDING: lambda t: t.label("being refunded"),
    OrderStatus.REFUNDED: lambda t: t.label("refunded"),
}
_SIGNS: Final = {
    OrderStatus.PENDING: "⏳",
    OrderStatus.CANCELLED: "✖️",
    OrderStatus.EXPIRED: "✖️",
    OrderStatus.REFUNDING: "↩️",
    OrderStatus.REFUNDED: "↩️",
}


def word(status: OrderStatus, t: Texts) -> str:
    """`waiting for payment`, `paid`, …: plain, to stand in a sentence or on a button."""
    return _WORDS[status](t)


def sign(status: OrderStatus) -> str:
    """One character that tells good from bad at a glance."""
    return _SIGNS.get(status, "✅")
