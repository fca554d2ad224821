"""Names, SKUs and quantities, from whatever people type."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import Offer, Product, Variant, plain, plain_lines, product_name, sku
from domain.errors import BadField, BadQuantity, BadSku
from domain.money import Money
from tests.shop import PRICE

HIDDEN = {"Cc", "Cf", "Cs", "Co"}


@pytest.mark.parametrize("text", ["A", "game-1_B", "9" * 32])
def test_a_sku_keeps_its_case(text: str) -> None:
    assert sku(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a.b", "a/b", "ключ", "é", "9" * 33, "a\n", "a\0"])
def test_no_other_text_is_a_sku(text: str) -> None:
    with pytest.raises(BadSku):
        sku(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202egpj.exe", "agpj.exe"),  # right-to-left override
        ("a\u200bb\ufeffc\u2060", "abc"),  # zero-width
        ("a\0b\x1bc\x7f", "abc"),
        (" a \t\n b\u2028c\u00a0d ", "a b c d"),
        ("\u2067Game\u2069", "Game"),  # right-to-left isolate
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("游戏 Игра 🎮", "游戏 Игра 🎮"),
    ],
)
def test_a_line_shows_what_it_says(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_nothing_hidden_is_left_in_a_line(text: str) -> None:
    line = plain(text)
    assert not {unicodedata.category(c) for c in line} & HIDDEN
    assert plain(line) == line
    assert line == line.strip()


@given(st.text())
def test_nothing_but_line_breaks_is_left_in_a_description(text: str) -> None:
    hidden = [c for c in plain_lines(text) if unicodedata.category(c) in HIDDEN]
    assert set(hidden) <= {"\n"}


@pytest.mark.parametrize("text", ["", " ", "\u200b", "x" * 65])
def test_a_product_has_a_name_that_can_be_seen(text: str) -> None:
    with pytest.raises(BadField):
        product_name(text)


def test_a_name_may_be_as_long_as_64_characters() -> None:
    assert product_name("x" * 64) == "x" * 64


@pytest.mark.parametrize("quantity", [-5, 0, 1, 11, 10**30])
def test_a_quantity_outside_the_bounds_is_refused(quantity: int) -> None:
    product = Product(1, "Game", least=2, most=10)
    with pytest.raises(BadQuantity):
        product.check_quantity(quantity)
    assert product.least <= product.clamp(quantity) <= product.most


def test_a_quantity_within_the_bounds_stays() -> None:
    product = Product(1, "Game", least=2, most=10)
    for quantity in (2, 5, 10):
        product.check_quantity(quantity)
        assert product.clamp(quantity) == quantity


def test_a_variant_is_named_where_there_is_more_than_one() -> None:
    product = Product(1, "Game")
    assert Offer(product, Variant(1, 1, "G", "", PRICE), 1).title == "Game"
    assert Offer(product, Variant(2, 1, "G1", "1 year", PRICE), 1).title == "Game · 1 year"


def test_a_price_in_stars_is_there_where_it_was_set() -> None:
    assert Variant(1, 1, "G", "", PRICE).stars is None
    assert Variant(1, 1, "G", "", PRICE, {"XTR": 50}).stars == 50


def test_a_price_list_says_what_it_says_and_nothing_more() -> None:
    listed = Variant(1, 1, "G", "", PRICE, {"XTR": 50, "CNY": 3500})
    assert listed.listed_price("XTR") == Money(50, "XTR")
    assert listed.listed_price("CNY") == Money(3500, "CNY")
    assert listed.listed_price("EUR") is None
    assert listed.listed_price("USD") is None
