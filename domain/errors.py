"""Every failure that the shop expects. Handlers turn these into sentences."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.money import Money


class DomainError(Exception):
    """Base of all expected failures."""


# --- What a person typed or pressed ---------------------------------------------------------


class BadAmount(DomainError):
    """An amount that is not a plain positive decimal of its currency."""

    def __init__(self, text: str, currency: str) -> None:
        super().__init__(f"{text!r} is no amount in {currency}")
        self.text, self.currency = text, currency


class UnknownCurrency(DomainError):
    def __init__(self, currency: str) -> None:
        super().__init__(f"{currency!r} is no currency")
        self.currency = currency


class BadSku(DomainError):
    """A SKU has 1 to 32 letters, digits, `-` and `_`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no SKU")
        self.text = text


class SkuTaken(DomainError):
    def __init__(self, sku: str) -> None:
        super().__init__(f"SKU {sku} exists already")
        self.sku = sku


class BadField(DomainError):
    """A product's field that does not exist or cannot hold the value."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule = field, rule


class ProductNotFound(DomainError):
    """No such product, or none that is for sale."""


class NoSuchKind(BadField):
    def __init__(self, kind: str, kinds: Sequence[str]) -> None:
        super().__init__("kind", f"one of {', '.join(kinds)}")
        self.kind, self.kinds = kind, kinds


class BadQuantity(DomainError):
    """A quantity outside the product's bounds."""

    def __init__(self, quantity: int, least: int, most: int) -> None:
        super().__init__(f"{quantity} is not between {least} and {most}")
        self.quantity, self.least, self.most = quantity, least, most


class OutOfStock(DomainError):
    """Fewer keys are free than were asked for."""

    def __init__(self, variant_id: int, left_count: int) -> None:
        super().__init__(f"variant {variant_id} has {left_count} left")
        self.variant_id, self.left_count = variant_id, left_count


class TooManyPending(DomainError):
    """The buyer holds as many unpaid orders as the shop allows."""

    def __init__(self, most: int, numbers: Sequence[str]) -> None:
        super().__init__(f"{len(numbers)} orders are pending, {most} are allowed")
        self.most, self.numbers = most, numbers


class PriceChanged(DomainError):
    """The price is no longer the one that the buyer was shown."""


class MethodUnavailable(DomainError):
    """The payment method is off or cannot take this order."""


class OrderNotFound(DomainError):
    """No such order, or somebody else's: the answer is the same."""


class OrderExpired(DomainError):
    def __init__(self, number: str) -> None:
        super().__init__(f"order {number} has expired")
        self.number = number


class OrderClosed(DomainError):
    """The order is in a state in which this cannot be done."""

    def __init__(self, number: str, status: str) -> None:
        super().__init__(f"order {number} is {status}")
        self.number, self.status = number, status


class IllegalTransition(DomainError):
    def __init__(self, number: str, source: str, target: str) -> None:
        super().__init__(f"order {number} cannot go from {source} to {target}")
        self.number, self.source, self.target = number, source, target


class Banned(DomainError):
    """The customer may not buy."""


class NotPermitted(DomainError):
    """The person's role does not allow it: answered like an unknown command."""


class BatchNotFound(DomainError):
    """No such import."""


class BatchUndone(DomainError):
    """The import was undone before."""


class BadUserId(DomainError):
    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no Telegram user id")
        self.text = text


class FileFault(StrEnum):
    """Why a file of keys cannot be read."""

    EMPTY = "empty"
    TOO_BIG = "too_big"
    ZIP_BOMB = "zip_bomb"
    UNKNOWN_TYPE = "unknown_type"
    BROKEN = "broken"
    AMBIGUOUS_DELIMITER = "ambiguous_delimiter"
    CHOOSE_COLUMN = "choose_column"


class UnreadableFile(DomainError):
    """The file cannot be read. Neither its text nor its repr holds anything from the file.

    `columns` counts the columns to choose from; `preview` shows up to three rows, each cell cut
    to two characters and "…".
    """

    def __init__(
        self, reason: FileFault, *, columns: int = 0, preview: Sequence[Sequence[str]] = ()
    ) -> None:
        super().__init__(reason.value, columns)
        self.reason, self.columns, self.preview = reason, columns, preview


# --- Money ----------------------------------------------------------------------------------


class ProviderUnavailable(DomainError):
    """The provider did not answer: the outcome is unknown."""

    def __init__(self, provider: str, why: str) -> None:
        super().__init__(f"{provider}: {why}")
        self.provider, self.why = provider, why


class ProviderRejected(DomainError):
    """The provider said no."""

    def __init__(self, provider: str, code: str) -> None:
        super().__init__(f"{provider}: {code}")
        self.provider, self.code = provider, code


class NotRefundable(DomainError):
    """There is not so much to give back."""


class BalanceTooLow(DomainError):
    """The customer's balance does not hold what is to be taken from it."""


class TopUpOutOfBounds(DomainError):
    """Less, or more, than the shop lets a buyer put on their balance at once."""

    def __init__(self, least: "Money", most: "Money") -> None:
        super().__init__(f"from {least} to {most}")
        self.least, self.most = least, most


class PaymentUnderWay(DomainError):
    """Money for the order is on its way: it cannot be left now."""


class NotPaidYet(DomainError):
    """The provider knows of no payment so far."""


# --- Messages -------------------------------------------------------------------------------


class NotSent(DomainError):
    """Base of what can go wrong with a message: whether it arrived may be unknown."""


class SlowDown(NotSent):
    """Telegram asks to wait; nothing was sent."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class BlockedByBuyer(NotSent):
    """The person has blocked the bot or never started it."""


class ChatNotFound(NotSent):
    """Telegram knows no such chat."""


class TokenRevoked(NotSent):
    """Telegram refuses the bot's token: nothing can be sent at all."""


class NotNow(NotSent):
    """It is not decided yet whether this is to be sent."""


class TelegramAway(NotSent):
    """No answer, or a 5xx: it may or may not have arrived."""


class TelegramUnreachable(TelegramAway):
    """No connection at all: certainly nothing arrived."""


class Refused(NotSent):
    """Telegram cannot take this message as it is."""


# --- The database ---------------------------------------------------------------------------


class DatabaseAway(DomainError):
    """The database cannot be reached: try later."""


class DiskFull(DatabaseAway):
    """The database cannot write: selling stops until there is room."""


class TransactionAborted(DomainError):
    """Deadlock, lock timeout or a lost connection before the commit: nothing was written."""


class WrongSecretKey(DomainError):
    """The master key does not open the shop's data keys."""


class TamperedKey(DomainError):
    """A stored key does not belong where it stands."""
