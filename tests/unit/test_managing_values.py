"""What an owner types after a command."""

import pytest

from domain.catalog import Category, Product, Variant
from domain.errors import BadAmount, BadField, NoSuchKind
from domain.managing import _SETTERS, FIELDS, read_price
from domain.money import Money
from tests.shop import PRICE


@pytest.mark.parametrize(
    ("text", "price", "rest"),
    [
        ("4.99", Money(499, "USD"), ""),
        ("4,99", Money(499, "USD"), ""),
        ("4.99 CNY", Money(499, "CNY"), ""),
        ("4.99 CNY Game", Money(499, "CNY"), "Game"),
        ("  4.99   Game of the year ", Money(499, "USD"), "Game of the year"),
        ("500 JPY Game", Money(500, "JPY"), "Game"),
        ("5 XTR", Money(500, "USD"), "XTR"),  # Stars have a field of their own
    ],
)
def test_a_price_is_read_with_its_currency_and_name(text: str, price: Money, rest: str) -> None:
    assert read_price(text, "USD") == (price, rest)


@pytest.mark.parametrize("text", ["", "0", "0.00", "free", "-1", "4.999", "1e3", "Game 4.99"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadAmount):
        read_price(text, "USD")


@pytest.mark.parametrize("text", ["1,000", "1.000", "2,500 Game"])
def test_a_separator_of_thousands_is_not_taken_for_decimals(text: str) -> None:
    """Else a thousand dollars become one, and nobody is told."""
    with pytest.raises(BadAmount):
        read_price(text, "USD")


@pytest.mark.parametrize("name", ["Top Game", "All access", "Try me", "Cup of tea", "Pen"])
def test_a_name_that_begins_like_a_currency_is_a_name(name: str) -> None:
    assert read_price(f"4.99 {name}", "USD") == (PRICE, name)


def game() -> tuple[Product, Variant]:
    return Product(1, "Game", least=2, most=10), Variant(1, 1, "GAME", "", PRICE)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("name", "  New\u202e name ", "New name"),
        ("stars", "50", 50),
        ("stars", "-", None),
        ("prices", "35 CNY", "35.00 CNY"),
        ("prices", " 4.5 EUR,35 CNY ", "35.00 CNY, 4.50 EUR"),
        ("prices", "500 JPY", "500 JPY"),
        ("prices", "-", None),
        ("description", "One\nTwo", "One\nTwo"),
        ("description", " - ", ""),
        ("photo", " AgACAgIA ", "AgACAgIA"),
        ("photo", "-", None),
        ("min", "10", 10),
        ("max", "2", 2),
        ("max", "1000", 1000),
        ("kind", "Keys", "keys"),
        ("low_stock", "0", 0),
        ("low_stock", "-", None),
        ("active", "OFF", "off"),
        ("active", "yes", "on"),
    ],
)
def test_a_field_takes_its_value(field: str, value: str, shown: str | int | None) -> None:
    product, variant = game()
    _SETTERS[field](product, variant, value)
    assert FIELDS[field](product, variant) == shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "\u200b"),
        ("stars", "0"),
        ("stars", "100001"),
        ("stars", "1.5"),
        ("stars", "９"),
        ("prices", "5 USD"),  # that is the price
        ("prices", "35 CNY cheap"),
        ("description", "x" * 701),
        ("min", "0"),
        ("min", "11"),
        ("min", "-1"),
        ("max", "1"),
        ("max", "1001"),
        ("max", "9" * 4000),
        ("kind", "parcel"),
        ("low_stock", "many"),
        ("active", "perhaps"),
    ],
)
def test_a_field_refuses_what_it_cannot_hold(field: str, value: str) -> None:
    product, variant = game()
    before = FIELDS[field](product, variant)
    with pytest.raises(BadField):
        _SETTERS[field](product, variant, value)
    assert FIELDS[field](product, variant) == before


@pytest.mark.parametrize(
    "value", ["35", "free", "0 CNY", "-1 CNY", "3.555 CNY", "35 CNY,", "5 XTR"]
)
def test_a_price_list_takes_amounts_with_their_currencies_alone(value: str) -> None:
    product, variant = game()
    variant.prices["EUR"] = 450
    with pytest.raises(BadField):
        _SETTERS["prices"](product, variant, value)
    assert variant.prices == {"EUR": 450}


def test_stars_and_the_rest_of_the_price_list_are_set_apart() -> None:
    product, variant = game()
    _SETTERS["stars"](product, variant, "50")
    _SETTERS["prices"](product, variant, "35 CNY, 4.50 EUR")
    assert variant.prices == {"XTR": 50, "CNY": 3500, "EUR": 450}
    _SETTERS["prices"](product, variant, "30 CNY")
    assert variant.prices == {"XTR": 50, "CNY": 3000}
    _SETTERS["stars"](product, variant, "-")
    assert variant.prices == {"CNY": 3000}


def test_an_unknown_kind_is_answered_with_those_that_are() -> None:
    with pytest.raises(NoSuchKind) as refusal:
        _SETTERS["kind"](*game(), "parcel")
    assert refusal.value.kinds == ["keys"]


def test_every_field_can_be_shown() -> None:
    product, variant = game()
    product.category = Category(1, "Games")
    shown = {name: show(product, variant) for name, show in FIELDS.items()}
    assert shown["category"] == "Games"
    assert shown["price"] == "4.99 USD"
    assert set(shown) == {*_SETTERS, "category", "price"}
