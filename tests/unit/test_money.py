"""Money is counted in whole minor units, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadAmount, UnknownCurrency
from domain.money import CURRENCIES, MAX_MINOR, STARS, Money, minor_digits

amounts = st.integers(0, 10**11)
currencies = st.sampled_from(sorted(CURRENCIES))


@given(amounts, currencies)
def test_what_is_written_is_read_again(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.parse(f"{money.decimal:f}", currency) == money
    assert str(money) == f"{money.decimal:f} {currency}"


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("4.99", "USD", 499),
        ("4.9", "USD", 490),
        ("5", "USD", 500),
        ("100.0000", "USD", 10_000),
        ("0.001", "KWD", 1),
        ("500", "JPY", 500),
        ("500.00", "JPY", 500),
        ("7", STARS, 7),
        ("0", "USD", 0),
    ],
)
def test_a_plain_decimal_is_an_amount(text: str, currency: str, amount: int) -> None:
    assert Money.parse(text, currency) == Money(amount, currency)


@pytest.mark.parametrize(
    "text",
    # The Arabic-Indic and full-width digits are digits to Python's int().
    [
        *("-1", "+1", "1e3", "NaN", "Infinity", "1_000", "0x10", "1,5", "٣", "５"),
        *(" 1", "1 ", "1\n", "", ".5", "5.", "4.999", "1.123456789", "1" * 13),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        Money.parse(text, "USD")


@pytest.mark.parametrize(("text", "currency"), [("0.5", "JPY"), ("1.0005", "KWD"), ("1.5", STARS)])
def test_more_decimals_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(BadAmount):
        Money.parse(text, currency)


def test_the_largest_amount_is_bounded() -> None:
    assert Money.parse("100000000000", "KWD").amount == MAX_MINOR
    with pytest.raises(BadAmount):
        Money.parse("100000000000.001", "KWD")


@pytest.mark.parametrize("currency", ["", "usd", "ABC", "US", "USDT"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        Money.parse("1", currency)


@given(amounts, amounts, currencies)
def test_sums_and_differences_undo_each_other(a: int, b: int, currency: str) -> None:
    left, right = Money(a, currency), Money(b, currency)
    assert left + right - right == left
    assert (left < right) == (a < b)


@given(amounts, st.integers(0, 1000))
def test_a_price_times_a_quantity_is_exact(amount: int, count: int) -> None:
    assert (Money(amount, "USD") * count).decimal == Decimal(amount * count) / 100


def test_only_nothing_is_false() -> None:
    assert not Money(0, "USD")
    assert Money(1, "USD")
    assert Money(-1, "USD")


def test_currencies_do_not_mix() -> None:
    dollar, euro = Money(1, "USD"), Money(1, "EUR")
    with pytest.raises(ValueError, match="do not mix"):
        _ = dollar + euro
    with pytest.raises(ValueError, match="do not mix"):
        _ = dollar - euro
    with pytest.raises(ValueError, match="do not mix"):
        _ = dollar < euro


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("JPY", 0), (STARS, 0), ("KWD", 3)])
def test_a_currency_has_its_decimals(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits
