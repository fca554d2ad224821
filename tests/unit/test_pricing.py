"""What a payment method asks for: by the price list, else by the rates, and never too little."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.money import Money, minor_digits
from domain.orders import Bill, OrderLine, total
from domain.pricing import Rates, due_in, quote, quotes
from tests.unit.views import Method

RATES = Rates("USD", {"CNY": Decimal("7.2"), "JPY": Decimal("151.37"), "XTR": Decimal(50)})
CURRENCIES = ["USD", "CNY", "JPY", "KWD", "XTR"]
currencies = st.sampled_from(CURRENCIES)
rates = st.fixed_dictionaries(
    {code: st.decimals("0.0001", "100000", places=4) for code in CURRENCIES if code != "USD"}
).map(lambda units: Rates("USD", units))
prices = st.integers(1, 10**9)
counts = st.integers(1, 1000)


def line(price: int = 499, count: int = 1, currency: str = "USD", **listed: int) -> OrderLine:
    return OrderLine(7, "GAME", "Game", count, Money(price, currency), listed)


def bill(*lines: OrderLine, from_balance: int = 0) -> Bill:
    return Bill(lines, total(lines), from_balance)


def exact(amount: Money, currency: str, at: Rates) -> Fraction:
    """Its worth in the other currency's minor units, with nothing rounded."""
    units = {at.base: Decimal(1), **at.units}
    whole = Fraction(amount.decimal) * Fraction(units[currency]) / Fraction(units[amount.currency])
    return whole * Fraction(Decimal(1).scaleb(minor_digits(currency)))


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    """Of one to three lines in one currency, with no more from the balance than is due."""
    own = draw(currencies)
    lines = [
        line(draw(prices), draw(counts), own, **draw(st.dictionaries(currencies, prices)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    aside = draw(st.integers(0, total(lines).amount))
    return bill(*lines, from_balance=aside)


# --- Rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "converted"),
    [
        (Money(500, "USD"), "CNY", Money(3600, "CNY")),
        (Money(499, "USD"), "CNY", Money(3593, "CNY")),  # 35.928
        (Money(499, "USD"), "JPY", Money(756, "JPY")),  # 755.33…
        (Money(1, "USD"), "JPY", Money(2, "JPY")),
        (Money(499, "USD"), "XTR", Money(250, "XTR")),  # 249.5
        (Money(720, "CNY"), "USD", Money(100, "USD")),
        (Money(721, "CNY"), "USD", Money(101, "USD")),
        (Money(720, "CNY"), "JPY", Money(152, "JPY")),
    ],
)
def test_a_rate_is_applied_and_rounded_up(amount: Money, currency: str, converted: Money) -> None:
    assert RATES.convert(amount, currency) == converted


@given(prices, currencies, currencies, rates)
def test_rounding_costs_less_than_the_smallest_coin(
    price: int, own: str, currency: str, at: Rates
) -> None:
    amount = Money(price, own)
    converted = at.convert(amount, currency)
    assume(converted is not None)  # else it is more than money can be
    assert converted is not None
    # 28 digits are more than a price has, but not all that a quotient has.
    slack = Fraction(1, 10**9)
    assert exact(amount, currency, at) - slack <= converted.amount
    assert converted.amount < exact(amount, currency, at) + 1 + slack


@given(prices, currencies, rates)
def test_its_own_currency_needs_no_rate(price: int, currency: str, at: Rates) -> None:
    assert at.convert(Money(price, currency), currency) == Money(price, currency)
    assert Rates("EUR").convert(Money(price, currency), currency) == Money(price, currency)


@pytest.mark.parametrize(("own", "currency"), [("USD", "EUR"), ("EUR", "USD"), ("EUR", "CNY")])
def test_without_a_rate_there_is_no_price(own: str, currency: str) -> None:
    assert RATES.convert(Money(499, own), currency) is None


def test_the_shops_own_currency_is_worth_one_whatever_a_rate_says() -> None:
    odd = Rates("USD", {"USD": Decimal(3), "CNY": Decimal(7)})
    assert odd.convert(Money(100, "USD"), "CNY") == Money(700, "CNY")


# --- The price list -----------------------------------------------------------------------------


@given(prices, counts, prices, rates)
def test_the_price_list_wins_over_the_rate(price: int, count: int, listed: int, at: Rates) -> None:
    assert due_in(bill(line(price, count, CNY=listed)), "CNY", at) == Money(listed * count, "CNY")


def test_a_list_cannot_change_the_price_itself() -> None:
    assert due_in(bill(line(499, 2, USD=1)), "USD", RATES) == Money(998, "USD")


def test_lines_with_and_without_a_listed_price_add_up() -> None:
    mixed = bill(line(499, 2, CNY=3000), line(500, 1))
    assert due_in(mixed, "CNY", RATES) == Money(2 * 3000 + 3600, "CNY")


def test_a_list_needs_no_rate_but_every_line_needs_one_of_both() -> None:
    listed = line(EUR=450)
    assert due_in(bill(listed, line(EUR=100)), "EUR", RATES) == Money(550, "EUR")
    assert due_in(bill(listed, line()), "EUR", RATES) is None


# --- What the balance has paid ------------------------------------------------------------------


def test_of_the_whole_price_the_same_share_is_due_in_every_currency() -> None:
    half = bill(line(500, 2, XTR=251), from_balance=500)
    assert due_in(half, "USD", RATES) == Money(500, "USD")
    assert due_in(half, "XTR", RATES) == Money(251, "XTR")
    assert due_in(half, "CNY", RATES) == Money(3600, "CNY")


def test_a_share_is_rounded_up() -> None:
    third = bill(line(300, XTR=100), from_balance=200)
    assert due_in(third, "XTR", RATES) == Money(34, "XTR")


@given(bills(), currencies, rates)
def test_a_share_is_within_a_coin_of_what_it_should_be(of: Bill, currency: str, at: Rates) -> None:
    whole, due = due_in(Bill(of.lines, of.total), currency, at), due_in(of, currency, at)
    assume(whole is not None and due is not None)  # else it is more than money can be
    assert whole is not None
    assert due is not None
    fair = Fraction(whole.amount * of.due.amount, of.total.amount)
    assert fair <= due.amount < fair + 1


@given(bills(), currencies, rates)
def test_what_is_due_is_never_negative_and_never_more_than_the_price(
    of: Bill, currency: str, at: Rates
) -> None:
    whole, due = due_in(Bill(of.lines, of.total), currency, at), due_in(of, currency, at)
    assume(whole is not None and due is not None)  # else it is more than money can be
    assert whole is not None
    assert due is not None
    assert 0 <= due.amount <= whole.amount
    assert bool(due) is bool(of.due)


# --- A method -----------------------------------------------------------------------------------


def test_a_method_that_takes_any_money_takes_the_bills_own() -> None:
    assert quote(Method("m", "M"), bill(line(currency="EUR")), RATES) == Money(499, "EUR")


def test_its_own_currency_is_preferred_wherever_it_stands() -> None:
    method = Method("m", "M", "CNY", "JPY", "USD")
    assert quote(method, bill(line(CNY=1)), RATES) == Money(499, "USD")


def test_of_others_the_first_with_a_price_is_asked_for() -> None:
    method = Method("m", "M", "EUR", "JPY", "CNY")
    assert quote(method, bill(line()), RATES) == Money(756, "JPY")
    assert quote(method, bill(line(EUR=450)), RATES) == Money(450, "EUR")


def test_a_method_without_any_price_asks_for_nothing() -> None:
    assert quote(Method("m", "M", "EUR", "KWD"), bill(line()), RATES) is None
    assert quote(Method("m", "M", "CNY"), bill(line()), Rates()) is None


def test_an_amount_out_of_bounds_is_tried_in_the_next_currency() -> None:
    bounded = Method("m", "M", "USD", "JPY", "CNY", most=800)
    assert quote(bounded, bill(line(499)), RATES) == Money(499, "USD")
    assert quote(bounded, bill(line(499, 1, JPY=300)), RATES) == Money(499, "USD")
    assert quote(bounded, bill(line(1000, 1, JPY=700)), RATES) == Money(700, "JPY")
    assert quote(bounded, bill(line(1000)), RATES) is None


def test_a_paid_bill_asks_for_nothing() -> None:
    assert quote(Method("m", "M"), bill(line(499), from_balance=499), RATES) is None


@given(bills(), st.lists(currencies, unique=True), rates)
def test_whatever_is_asked_for_is_money_that_the_method_takes(
    of: Bill, taken: list[str], at: Rates
) -> None:
    method = Method("m", "M", *taken, most=10**9)
    asked = quote(method, of, at)
    if asked is not None:
        assert 0 < asked.amount <= 10**9
        assert asked.currency in (taken or [of.total.currency])
        assert asked == due_in(of, asked.currency, at)


def test_a_top_up_is_converted_by_rate() -> None:
    top_up = Bill([], Money(2000, "USD"))
    assert quote(Method("m", "M", "XTR"), top_up, RATES) == Money(1000, "XTR")
    assert quote(Method("m", "M", "EUR"), top_up, RATES) is None


def test_methods_that_cannot_take_it_are_left_out_and_the_rest_keep_their_order() -> None:
    methods = [Method("c", "C", "CNY"), Method("e", "E", "EUR"), Method("a", "A")]
    found = quotes(methods, bill(line(500)), RATES)
    assert [(q.provider.code, str(q.amount)) for q in found] == [
        ("c", "36.00 CNY"),
        ("a", "5.00 USD"),
    ]
