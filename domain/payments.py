"""Attempts to pay, payments that arrived, and what every provider can do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, Flag, StrEnum, auto
from typing import Protocol, TypeAlias, runtime_checkable

from domain.money import Money
from domain.orders import OrderStatus


class AttemptStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True)
class Transfer:
    """Crypto money that the buyer sends by hand: exactly so much, over this network."""

    address: str
    amount: str  # a plain decimal, exact
    asset: str  # "USDT"
    network: str  # as buyers know it: "TRON (TRC20)"


@dataclass(frozen=True)
class Checkout:
    """What to show a buyer who is about to pay."""

    link: str | None = None
    qr: str | None = None  # the text that the QR picture holds
    in_chat: bool = False  # an invoice of Telegram's own
    external_id: str | None = None  # the provider's id of it, where it has one
    transfer: Transfer | None = None
    expires_at: datetime | None = None  # where the provider ends it, maybe before the order does

    def has_ended(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at


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
    received: int = 0  # minor units that have arrived and are kept for the order
    from_balance: int = 0  # what the balance had paid when `amount` was asked for
    status: AttemptStatus = AttemptStatus.OPEN
    checkout: Checkout | None = None
    confirming: tuple[int, int] | None = None  # seen of needed, once money is on its way
    poll_at: datetime | None = None  # when to ask the provider; None: no more
    poll_count: int = 0

    @property
    def is_watched(self) -> bool:
        """Whether its provider may still have news of it."""
        return self.status in {AttemptStatus.OPEN, AttemptStatus.CLOSED}

    @property
    def is_confirming(self) -> bool:
        """Whether money for it is on its way."""
        return self.is_watched and self.confirming is not None

    def is_on_offer(self, now: datetime) -> bool:
        """Whether it can be paid yet, as far as the provider has said."""
        ended = self.checkout is not None and self.checkout.has_ended(now)
        return self.status is AttemptStatus.OPEN and not ended

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
    returned: Money | None = None  # what of it has gone back by now, where that is told with it


@dataclass(frozen=True)
class RefundEvent:
    """Money that has left a payment again, whoever sent it back.

    `returned` is all that has gone back of the payment so far, so that the same news may come
    any number of times and in any order. Refunds and disputes are counted apart; a dispute that
    the shop has won says that nothing has gone back.
    """

    provider: str
    account: str
    external_id: str  # the payment's
    returned: Money
    disputed: bool = False  # a chargeback: the buyer's bank took it
    # Where a provider tells of each refund and of no sum: this one's id, and `returned` is it
    # alone. For the shop's own refunds the id is their number.
    refund_id: str = ""


@dataclass(frozen=True)
class Approval:
    """The buyer has agreed to pay; the money moves when the shop captures it."""

    provider: str
    account: str
    live: bool
    attempt_number: str
    amount: Money


@dataclass(frozen=True)
class Confirming:
    """Money is on its way and not final: `seen` of `needed` confirmations or stages."""

    provider: str
    attempt_number: str
    seen: int
    needed: int


@dataclass(frozen=True)
class Ended:
    """The provider takes no more money for the attempt, and none has come."""

    provider: str
    attempt_number: str


# What a provider may tell of an attempt, in answer to a question or of its own accord.
News: TypeAlias = PaymentEvent | Approval | Confirming | Ended
Event: TypeAlias = News | RefundEvent


class RefundStatus(StrEnum):
    REQUESTED = "requested"
    DONE = "done"
    FAILED = "failed"


class RefundOrigin(StrEnum):
    """Who sent the money back."""

    SHOP = "shop"
    BALANCE = "balance"  # the shop, to the buyer's balance
    DESK = "desk"  # the merchant, at the provider's own desk
    DISPUTE = "dispute"  # the buyer's bank


@dataclass
class Refund:
    """Money on its way back. `number` is the idempotency key towards the provider."""

    number: str
    provider: str
    external_id: str  # the payment's
    attempt_number: str
    buyer_id: int
    paid: Money  # the whole payment
    amount: Money  # what of it goes back
    reason: str
    order_id: int
    payment_id: int
    status_before: OrderStatus
    id: int = 0
    status: RefundStatus = RefundStatus.REQUESTED
    origin: RefundOrigin = RefundOrigin.SHOP
    desk_id: str = ""  # the provider's id of it, where it was made at its own desk
    claim: str | None = None  # where the buyer collects it
    # The accounts that it came from, with minor units of its currency; empty until it is done.
    taken: tuple[tuple[str, int], ...] = ()
    due_at: datetime | None = None  # when the provider is to be asked, again
    leased_until: datetime | None = None  # somebody is asking, so long at most
    try_count: int = 0  # how often the provider has been asked, this time included


@dataclass(frozen=True)
class RefundResult:
    """What a provider has made of a refund; one that is not done is asked for again later."""

    done: bool
    claim: str | None = None  # a link at which the buyer collects the money


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

    @classmethod
    def of(
        cls, event: PaymentEvent, payment_id: int, order_id: int | None, at: datetime
    ) -> "Payment":
        return cls(
            payment_id,
            order_id,
            event.provider,
            event.account,
            event.live,
            event.external_id,
            event.attempt_number,
            event.amount,
            at,
        )


@dataclass(frozen=True)
class Recorded:
    """A payment as it was written down; `adopted` when it was here before its order.

    Then the amount is the one that came, whatever the news of it says now.
    """

    id: int
    adopted: bool
    amount: Money


class Capability(Flag):
    """What a provider's API can do beside taking money."""

    NONE = 0
    QUERY = auto()
    CLOSE = auto()
    REFUND = auto()
    PARTIAL_REFUND = auto()
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
    @property
    def currencies(self) -> Sequence[str]:
        """Those in which it takes money, the preferred first; empty where any will do."""

    @property
    def tail(self) -> timedelta:
        """How long after an attempt's end a payment of it may still be found by asking."""

    def takes(self, amount: Money) -> bool:
        """Whether an amount in one of its currencies is neither too small nor too large."""

    async def create(self, new: NewAttempt) -> Checkout:
        """Start the payment; repeated under the same number, it is the same one."""

    async def query(self, attempt: Attempt) -> News | None:
        """The provider's own word on an attempt; None where there is nothing to say."""

    async def close(self, attempt: Attempt) -> CloseResult:
        """See to it that the attempt cannot be paid any more."""

    async def refund(self, refund: Refund) -> RefundResult:
        """Give money back; repeating it under the same number does no harm.

        Asked again for one that is not done, it tells how it stands. Raises `ProviderRejected`
        only where the money certainly stays with the shop.
        """

    async def check(self) -> None:
        """Ask something harmless that the provider answers only if the settings are right.

        `ProviderRejected` names what is wrong with them.
        """


@runtime_checkable
class InChatProvider(PaymentProvider, Protocol):
    """A provider behind Telegram's own invoices."""

    @property
    def token(self) -> str:
        """What Telegram knows it by; empty for Stars."""


@runtime_checkable
class CapturingProvider(PaymentProvider, Protocol):
    """A provider at which the shop has the last word before the money moves."""

    async def capture(self, attempt: Attempt) -> News | None:
        """Take the money of an approved attempt; repeated, it is taken once."""


@runtime_checkable
class ListingProvider(PaymentProvider, Protocol):
    """A provider that tells of everything that came in."""

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        """Payments, and what went back of them, from then on; what became of one, in turn."""
