"""Double entry: every movement of money is a set of postings that sums to zero."""

from dataclasses import dataclass
from typing import Final

from domain.money import Money

GOODS: Final = "goods"  # earned by orders
EXCHANGE: Final = "exchange"  # what came in one currency and is owed in another
HELD: Final = "held"  # arrived, and not yet known for what
BALANCE: Final = "balance"  # the code of payments that customers' balances make
_CUSTOMER: Final = "customer:"


def provider_account(code: str) -> str:
    """Money that a provider holds for the shop."""
    return f"provider:{code}"


def customer_account(customer_id: int) -> str:
    """What the shop owes a customer: their balance."""
    return f"{_CUSTOMER}{customer_id}"


def customer_of(account: str) -> int | None:
    """Whose balance it is; None for every other account."""
    return int(account.removeprefix(_CUSTOMER)) if account.startswith(_CUSTOMER) else None


def source_of(provider: str, buyer_id: int) -> str:
    """Where a payment comes from, and where it goes back to."""
    return customer_account(buyer_id) if provider == BALANCE else provider_account(provider)


@dataclass(frozen=True)
class Posting:
    """Plus is what came to the account, minus what left it.

    A provider's account is an asset and counts down: its balance is minus what it holds.
    """

    account: str
    amount: Money


@dataclass(frozen=True)
class Share:
    """What of a payment stands on an account, by what became of it so far."""

    payment_id: int
    provider: str
    attempt_number: str
    paid_in: str  # the payment's currency
    account: str
    amount: Money


def transfer(source: str, target: str, amount: Money) -> list[Posting]:
    """Move money; nothing at all for nothing."""
    if not amount:
        return []
    return [Posting(source, Money(-amount.amount, amount.currency)), Posting(target, amount)]
