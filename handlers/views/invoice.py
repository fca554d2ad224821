"""What an invoice of Telegram's own says."""

from dataclasses import dataclass
from typing import Final

from domain.orders import Order
from handlers.texts import Texts
from handlers.views.length import clip
from handlers.views.money import clock

# Bot API, sendInvoice.
_TITLE: Final = 32
_DESCRIPTION: Final = 255


@dataclass(frozen=True)
class Invoice:
    """Plain texts. `start_parameter` is where a forwarded copy leads: to the product, if any."""

    title: str
    description: str
    start_parameter: str


def invoice(order: Order, t: Texts) -> Invoice:
    """A copy without `start_parameter` could be paid by anybody it is forwarded to."""
    goods = ", ".join(f"{line.title} × {line.quantity}" for line in order.lines)
    named = goods or t.label("Top-up of your balance")
    says = t.label(
        "Order {number}, to be paid until {until}. {goods}",
        number=order.number,
        until=clock(order.reserved_until),
        goods=named,
    )
    leads_to = f"p_{order.lines[0].sku}" if order.lines else "balance"
    return Invoice(clip(named, _TITLE), clip(says, _DESCRIPTION), leads_to)
