"""Orders, offers and messages for the tests of views, and what Telegram makes of a message."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.sandbox.html_markup import parse
from bot.sandbox.utf16 import length, part
from domain.catalog import Category, Offer, Product, Variant
from domain.customers import Customer
from domain.delivery import HandOver
from domain.errors import ProviderUnavailable
from domain.money import Money
from domain.orders import Order, OrderLine, OrderStatus, total
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    PaymentEvent,
    Refund,
)
from domain.secret import Secret
from domain.stock import CardKey
from handlers.views.view import View

NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN: Final = Customer(1001, "Ann")
NUMBER: Final = "7K3MQ2ZX9A4B"
IN_CHAT: Final = Checkout(in_chat=True)


def variant(**changed: Any) -> Variant:  # values of any field's type
    return replace(Variant(7, 3, "GAME-1", "", Money(499, "USD")), **changed)


def product(**changed: Any) -> Product:  # values of any field's type
    return replace(Product(3, "Space Game", "A game about space."), **changed)


def offer(of: Product | None = None, what: Variant | None = None, left: int = 12) -> Offer:
    return Offer(of or product(), what or variant(), left)


def in_category(name: str = "Games") -> Product:
    return product(category=Category(4, name))


def order(**changed: Any) -> Order:  # values of any field's type
    lines = (OrderLine.of(variant(), "Space Game", 2),)
    placed = Order(
        number=NUMBER,
        buyer_id=ANN.id,
        lines=lines,
        total=total(lines),
        created_at=NOON,
        reserved_until=NOON + timedelta(minutes=15),
        request_id="nonce",
    )
    return replace(placed, **changed)


def attempt(checkout: Checkout | None = IN_CHAT, **changed: Any) -> Attempt:  # any field's type
    made = Attempt(
        number=f"{NUMBER}01",
        provider="stars",
        account="42",
        live=True,
        amount=Money(500, "XTR"),
        created_at=NOON,
        checkout=checkout,
    )
    return replace(made, **changed)


def hand_over(keys: Sequence[str], status: OrderStatus = OrderStatus.PAID) -> HandOver:
    cards = [CardKey(nth, Secret(key)) for nth, key in enumerate(keys, 1)]
    return HandOver(order(status=status), cards, ANN)


class Method:
    """A way to pay that asks for what it is told; None where it cannot take the lines."""

    account: Final = "shop"
    live: Final = True
    capabilities: Final = Capability.NONE

    def __init__(self, code: str, title: str, asks: Money | None) -> None:
        self.code: Final = code
        self.title: Final = title
        self._asks = asks

    def quote(self, lines: Sequence[OrderLine]) -> Money | None:
        return self._asks

    async def create(self, new: NewAttempt) -> Checkout:
        raise ProviderUnavailable(self.code, "a view does not pay")

    async def query(self, attempt: Attempt) -> PaymentEvent | None:
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> None:
        raise ProviderUnavailable(self.code, "a view does not pay")


@dataclass(frozen=True)
class Shown:
    """A message as Telegram shows it."""

    text: str
    entities: list[dict[str, Any]]  # Bot API objects

    @property
    def units(self) -> int:
        return length(self.text)

    @property
    def codes(self) -> list[str]:
        return self.of_kind("code")

    def of_kind(self, kind: str) -> list[str]:
        return [
            part(self.text, entity["offset"], entity["length"])
            for entity in self.entities
            if entity["type"] == kind
        ]


def shown(html: str) -> Shown:
    """Raises what the local Telegram raises for HTML that Telegram refuses."""
    return Shown(*parse(html))


def labels(view: View) -> list[str]:
    return [button.text for row in view.keyboard for button in row]


def data(view: View) -> list[str]:
    return [b.callback_data for row in view.keyboard for b in row if b.callback_data is not None]
