"""Double entry: every movement of money is a set of postings that sums to zero."""

from dataclasses import dataclass
from typing import Final

from domain.money import Money

GOODS: Final = "goods"  # earned by orders
HELD: Final = "held"  # arrived, and a person has to say for what


def provider_account(code: str) -> str:
    """Money that a provider holds for the shop."""
    return f"provider:{code}"


def customer_account(customer_id: int) -> str:
    """What the shop owes a customer."""
    return f"customer:{customer_id}"


@dataclass(frozen=True)
class Posting:
    """Plus is what came to the account, minus what left it."""

    account: str
    amount: Money


def transfer(source: str, target: str, amount: Money) -> list[Posting]:
    """Move money; nothing at all for nothing."""
    if not amount:
        return []
    return [Posting(source, Money(-amount.amount, amount.currency)), Posting(target, amount)]


def receive(provider: str, amount: Money, *, earned: Money, excess_to: str) -> list[Posting]:
    """A payment: what the provider now holds, what of it was earned, whose the rest is.

    The provider's account is an asset and counts down: its balance is minus what it holds.
    """
    source = provider_account(provider)
    return transfer(source, GOODS, earned) + transfer(source, excess_to, amount - earned)
