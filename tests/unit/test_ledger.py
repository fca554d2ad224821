"""Every movement of money sums to zero."""

from collections import Counter

import pytest
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


@given(amounts)
def test_every_transfer_sums_to_zero(amount: int) -> None:
    assert sum(balances(ledger.transfer("a", "b", Money(amount, "USD"))).values()) == 0


@given(st.integers(1, 2**63 - 1))
def test_a_balances_account_tells_whose_it_is(customer_id: int) -> None:
    assert ledger.customer_of(ledger.customer_account(customer_id)) == customer_id


@pytest.mark.parametrize(
    "account", [ledger.GOODS, ledger.HELD, ledger.BALANCE, ledger.provider_account("customer")]
)
def test_every_other_account_is_nobodys(account: str) -> None:
    assert ledger.customer_of(account) is None


def test_a_payment_comes_from_the_provider_or_from_the_buyers_own_balance() -> None:
    assert ledger.source_of("stripe", 7) == "provider:stripe"
    assert ledger.source_of(ledger.BALANCE, 7) == ledger.customer_account(7)
