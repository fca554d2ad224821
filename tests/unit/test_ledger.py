"""Every movement of money sums to zero."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain import ledger
from domain.money import Money

amounts = st.integers(-(10**9), 10**9)


def balances(postings: list[ledger.Posting]) -> Counter[str]:
    found: Counter[str] = Counter()
    for posting in postings:
        found[posting.account] += posting.amount.amount
    return found


def test_nothing_is_moved_for_nothing() -> None:
    assert ledger.transfer("a", "b", Money(0, "USD")) == []


def test_what_leaves_one_account_comes_to_the_other() -> None:
    assert balances(ledger.transfer("a", "b", Money(5, "USD"))) == {"a": -5, "b": 5}


def test_a_payment_is_earned_and_its_excess_owed() -> None:
    owed = ledger.customer_account(7)
    postings = ledger.receive("till", Money(600, "USD"), earned=Money(499, "USD"), excess_to=owed)
    assert balances(postings) == {"provider:till": -600, "goods": 499, "customer:7": 101}


@given(amounts, amounts)
def test_a_payment_always_balances(amount: int, earned: int) -> None:
    """More may be earned than arrives: what came before counts too, and so less than nothing."""
    postings = ledger.receive(
        "till", Money(amount, "USD"), earned=Money(earned, "USD"), excess_to=ledger.HELD
    )
    found = balances(postings)
    assert sum(found.values()) == 0
    assert found["provider:till"] == -amount
