"""Attempts to pay, payments that arrived, and what every provider can do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, Flag, StrEnum, auto
from typing import Protocol

from domain.money import Money
from domain.orders import OrderLine, OrderStatus


class AttemptStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True)
class Checkout:
    """What to show a buyer who is about to pay."""

    link: str | None = None
    qr: str | None = None  # the text that the QR picture holds
    in_chat: bool = False  # an invoice of Telegram's own
    external_id: str | None = None


@dataclass
class Attempt:
    """One try to pay an order by one method. `number` is what the provider knows it by."""

    number: str
    provider: str
    account: str  # the merchant id that is to receive the money
    live: bool
    amount: Money
    created_at: datetime
    order_id: int = 0
    order_number: str = ""
    buyer_id: int = 0
    id: int = 0
    received: int = 0  # minor units that have arrived
    status: AttemptStatus = AttemptStatus.OPEN
    checkout: Checkout | None = None

    @property
    def missing(self) -> int:
        """Minor units still to come."""
        return self.amount.amount - self.received

    def counts(self, money: "PaymentEvent | Payment") -> bool:
        """Whether the money is for this account, in this mode and currency."""
        expected = (self.account, self.live, self.amount.currency)
        return (money.account, money.live, money.amount.currency) == expected


@dataclass(frozen=True)
class PaymentEvent:
    """Money that a provider vouches for; authenticated by its adapter."""

    provider: str
    account: str
    live: bool
    external_id: str  # the provider's id of the transaction
    attempt_number: str
    amount: Money


@dataclass(frozen=True)
class RefundEvent:
    """Money given back at the provider's own desk, or a chargeback."""

    provider: str
    account: str
    external_id: str  # the payment's


class RefundStatus(StrEnum):
    REQUESTED = "requested"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Refund:
    """Money on its way back. `number` is the idempotency key towards the provider."""

    number: str
    provider: str
    external_id: str  # the payment's
    attempt_number: str
    buyer_id: int
    amount: Money
    reason: str
    order_id: int
    payment_id: int
    status_before: OrderStatus
    id: int = 0
    status: RefundStatus = RefundStatus.REQUESTED


@dataclass(frozen=True)
class Payment:
    """Money that has arrived, as it is recorded."""

    id: int
    order_id: int | None
    provider: str
    account: str
    live: bool
    external_id: str
    attempt_number: str
    amount: Money
    received_at: datetime


@dataclass(frozen=True)
class Recorded:
    """A payment as it was written down; `adopted` when it was here before its order.

    Then the amount is the one that came, whatever the news of it says now.
    """

    id: int
    adopted: bool
    amount: Money


class Capability(Flag):
    NONE = 0
    QUERY = auto()
    CLOSE = auto()
    REFUND = auto()
    PARTIAL_REFUND = auto()
    LIST = auto()
    CAPTURE = auto()
    IN_CHAT = auto()


class CloseResult(Enum):
    CLOSED = auto()
    ALREADY_PAID = auto()
    MAYBE_PAYABLE = auto()


@dataclass(frozen=True)
class NewAttempt:
    """What a provider needs to know of a purchase to start a payment."""

    attempt: Attempt
    title: str
    expires_at: datetime


class PaymentProvider(Protocol):
    """A way to pay. Its methods may take seconds: never call them inside a transaction.

    They raise `ProviderUnavailable` (the outcome is unknown) and `ProviderRejected`.
    """

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str:
        """As buyers know it, in English."""

    @property
    def account(self) -> str:
        """The merchant id under which the money arrives."""

    @property
    def live(self) -> bool: ...
    @property
    def capabilities(self) -> Capability: ...

    def quote(self, lines: Sequence[OrderLine]) -> Money | None:
        """What the method asks for these lines; None when it cannot take them."""

    async def create(self, new: NewAttempt) -> Checkout: ...
    async def query(self, attempt: Attempt) -> PaymentEvent | None: ...
    async def close(self, attempt: Attempt) -> CloseResult: ...
    async def refund(self, refund: Refund) -> None:
        """Give the money back; repeating it under the same number does no harm."""
