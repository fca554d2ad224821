"""The order aggregate and the only place where its status may change."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.catalog import Variant
from domain.errors import IllegalTransition, OrderClosed, OrderExpired
from domain.money import Money

# Crockford's digits: no I, L, O, U to confuse when read aloud.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH: Final = 12  # 60 bits
PAYMENT_GRACE: Final = timedelta(minutes=1)


class OrderStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    DELIVERED = "delivered"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class OrderException(StrEnum):
    """What puts an order before a person, apart from where it stands."""

    LATE = "late"  # money after the order was closed
    SHORT = "short"  # paid, and waiting for goods
    UNDER = "under"  # less money than asked for
    OVER = "over"  # more money than asked for
    TWICE = "twice"  # a second payment for a paid order
    MISMATCH = "mismatch"  # another currency, merchant or mode than asked for
    UNDELIVERABLE = "undeliverable"  # the goods do not reach the chat


_S = OrderStatus
_BEFORE_PAYMENT: Final = frozenset({_S.PENDING, _S.CANCELLED, _S.EXPIRED})
_AFTER_PAYMENT: Final = frozenset({_S.PAID, _S.DELIVERED, _S.SHIPPED, _S.COMPLETED})
TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    _S.PENDING: frozenset({_S.PAID, _S.CANCELLED, _S.EXPIRED}),
    _S.PAID: frozenset({_S.DELIVERED, _S.SHIPPED, _S.REFUNDING}),
    _S.DELIVERED: frozenset({_S.COMPLETED, _S.REFUNDING}),
    _S.SHIPPED: frozenset({_S.COMPLETED, _S.REFUNDING}),
    _S.COMPLETED: frozenset({_S.REFUNDING}),
    _S.CANCELLED: frozenset({_S.PAID}),
    _S.EXPIRED: frozenset({_S.PAID}),
    _S.REFUNDING: frozenset({_S.REFUNDED, *_AFTER_PAYMENT}),
    _S.REFUNDED: frozenset(),
}


def new_number() -> str:
    """An order number: unguessable, safe to read aloud."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(NUMBER_LENGTH))


def read_number(text: str) -> str:
    """The number that a person meant: any case, with blanks or dashes, O for 0, I and L for 1."""
    kept = "".join(c for c in text.upper() if c.isascii() and c.isalnum())
    return kept.translate(str.maketrans("OIL", "011"))[:32]


@dataclass(frozen=True)
class OrderLine:
    """What was bought, as it was named and priced then."""

    variant_id: int
    sku: str
    title: str
    quantity: int
    unit_price: Money
    prices: Mapping[str, int] = field(default_factory=dict)  # of one, in other currencies

    @classmethod
    def of(cls, variant: Variant, title: str, quantity: int) -> "OrderLine":
        return cls(variant.id, variant.sku, title, quantity, variant.price, dict(variant.prices))

    @property
    def total(self) -> Money:
        return self.unit_price * self.quantity


def total(lines: Sequence[OrderLine]) -> Money:
    """The lines' sum; they share a currency."""
    first, *rest = lines
    result = first.total
    for line in rest:
        result += line.total
    return result


@dataclass(frozen=True)
class Bill:
    """What is to be paid: the lines (none for a top-up), their total, and what of it the buyer's
    balance has put aside.
    """

    lines: Sequence[OrderLine]
    total: Money
    from_balance: int = 0

    @property
    def due(self) -> Money:
        return self.total - Money(self.from_balance, self.total.currency)


@dataclass
class Order:
    """A purchase: what, for how much, where it stands, and what is odd about it."""

    number: str
    buyer_id: int
    lines: tuple[OrderLine, ...]
    total: Money
    created_at: datetime
    reserved_until: datetime
    request_id: str
    kind: str = "normal"  # see `domain.order_kinds`
    from_balance: int = 0  # what the buyer's balance has paid towards it, minor units
    id: int = 0  # 0 until it is stored
    status: OrderStatus = OrderStatus.PENDING
    exception: OrderException | None = None
    paid_at: datetime | None = None
    message_id: int | None = None  # the message in the buyer's chat that shows the order

    @property
    def quantity(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def bill(self) -> Bill:
        return Bill(self.lines, self.total, self.from_balance)

    @property
    def is_pending(self) -> bool:
        return self.status is OrderStatus.PENDING

    @property
    def is_paid(self) -> bool:
        """Whether the goods are the buyer's."""
        return self.status in _AFTER_PAYMENT

    @property
    def can_be_paid(self) -> bool:
        """Also when it is closed: late money may still meet stock."""
        return self.status in _BEFORE_PAYMENT

    def check_payable(self, now: datetime) -> None:
        """Raises `OrderExpired` or `OrderClosed` unless the buyer may pay now."""
        if self.status is OrderStatus.EXPIRED or (
            self.status is OrderStatus.PENDING and now >= self.reserved_until
        ):
            raise OrderExpired(self.number)
        if self.status is not OrderStatus.PENDING:
            raise OrderClosed(self.number, self.status)

    def hold_for_payment(self, now: datetime) -> None:
        """The buyer is paying this very moment: do not let go of the keys meanwhile."""
        self.reserved_until = max(self.reserved_until, now + PAYMENT_GRACE)

    def hold_for_confirmation(self, until: datetime) -> None:
        """Money for it is on its way."""
        self.reserved_until = max(self.reserved_until, until)

    def mark_paid(self, at: datetime) -> None:
        self._move_to(OrderStatus.PAID)
        self.paid_at = at

    def mark_delivered(self) -> None:
        self._move_to(OrderStatus.DELIVERED)

    def cancel(self) -> None:
        self._move_to(OrderStatus.CANCELLED)

    def expire(self) -> None:
        self._move_to(OrderStatus.EXPIRED)

    def begin_refund(self) -> None:
        self._move_to(OrderStatus.REFUNDING)

    def mark_refunded(self) -> None:
        self._move_to(OrderStatus.REFUNDED)

    def end_refund(self, back_to: OrderStatus) -> None:
        """The refund failed: the order stands where it stood."""
        self._move_to(back_to)

    def _move_to(self, target: OrderStatus) -> None:
        if target not in TRANSITIONS[self.status]:
            raise IllegalTransition(self.number, self.status, target)
        self.status = target
