"""Orders, offers and messages for the tests of views, and what Telegram makes of a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bot.sandbox.html_markup import parse
from bot.sandbox.utf16 import length, part
from domain.catalog import Category, Offer, Product, Variant
from domain.customers import Customer
from domain.delivery import HandOver
from domain.errors import ProviderUnavailable
from domain.money import MAX_MINOR, Money
from domain.orders import Order, OrderLine, OrderStatus, total
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    Refund,
    RefundResult,
    Transfer,
)
from domain.rules import Rules
from domain.secret import Secret
from domain.stock import CardKey
from handlers.texts import Texts, texts
from handlers.views import order as orders
from handlers.views.length import TEXT
from handlers.views.methods import Ways
from handlers.views.view import View

ENGLISH: Final = texts("en")
NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN: Final = Customer(1001, "Ann")
NASTY: Final = "<b>&" + "💥" * 60  # a name as somebody may choose it
NUMBER: Final = "7K3MQ2ZX9A4B"
IN_CHAT: Final = Checkout(in_chat=True)
# As long as addresses get: Bitcoin's of 62 signs are the longest that people meet.
TRANSFER: Final = Transfer("bc1q" + "z" * 58, "9.980001", "USDT", "TRON (TRC20)")
PAY_LINK: Final = Checkout(link="https://pay.example/7K3M")
QR: Final = Checkout(qr="https://qr.example/7K3M")
BY_HAND: Final = Checkout(
    qr=TRANSFER.address, transfer=TRANSFER, expires_at=NOON + timedelta(minutes=10)
)
CHECKOUTS: Final = [None, IN_CHAT, PAY_LINK, QR, BY_HAND]
RULES: Final = Rules()


def variant(**changed: Any) -> Variant:  # values of any field's type
    """$4.99 or 250 Stars."""
    made = Variant(7, 3, "GAME-1", "", Money(499, "USD"), {"XTR": 250})
    return replace(made, **changed)


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


def top_up(**changed: Any) -> Order:  # values of any field's type
    return order(lines=(), total=Money(2000, "USD"), kind="topup", **changed)


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
    """A way to pay in the currencies that it is told; any where it is told none."""

    account: Final = "shop"
    live: Final = True
    capabilities: Final = Capability.NONE
    tail: Final = timedelta()

    def __init__(self, code: str, title: str, *currencies: str, most: int = MAX_MINOR) -> None:
        self.code: Final = code
        self.title: Final = title
        self.currencies: Final = currencies
        self._most = most

    def takes(self, amount: Money) -> bool:
        return amount.amount <= self._most

    async def create(self, new: NewAttempt) -> Checkout:
        raise ProviderUnavailable(self.code, "a view does not pay")

    async def query(self, attempt: Attempt) -> News | None:
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        raise ProviderUnavailable(self.code, "a view does not pay")

    async def check(self) -> None:
        """Nothing is wrong with it."""


def ways(*methods: Method, titles: Mapping[str, str] | None = None) -> Ways:
    """These methods in this order; `titles` are the owner's own, by the methods' codes."""
    return Ways({method.code: method for method in methods}, RULES, titles or {})


STARS: Final = Method("stars", "Telegram Stars", "XTR")
TEST: Final = Method("test", "Test payment")
ONE_WAY: Final = ways(STARS)
TWO_WAYS: Final = ways(STARS, TEST)


def seen(
    order: Order,
    attempt: Attempt | None,
    t: Texts = ENGLISH,
    by: Ways = ONE_WAY,
    claims: Sequence[str] = (),
) -> View:
    """The order's message as its buyer sees it."""
    return orders.order(orders.Shown(order, attempt, claims), by, t)


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


def fits(view: View) -> bool:
    """Whether Telegram takes the message with its buttons, and no text of it is as code."""
    message = shown(view.text)
    sizes = [len(packed.encode()) for packed in data(view)]
    return message.units <= TEXT and message.codes == [] and all(size <= 64 for size in sizes)


def labels(view: View) -> list[str]:
    return [button.text for row in view.keyboard for button in row]


def data(view: View) -> list[str]:
    return [b.callback_data for row in view.keyboard for b in row if b.callback_data is not None]


def copied(view: View) -> list[str]:
    """What the buttons that copy would copy."""
    return [b.copy_text.text for row in view.keyboard for b in row if b.copy_text is not None]


def links(view: View) -> list[str]:
    return [b.url for row in view.keyboard for b in row if b.url is not None]
