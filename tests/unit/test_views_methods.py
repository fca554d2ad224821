"""What ways to pay are called, and the buttons that offer them."""

import pytest
from markupsafe import Markup

from bot.payment_settings import BLOCKS
from domain.ledger import BALANCE
from domain.money import Money
from domain.orders import Order
from handlers.texts import LANGUAGES, texts
from handlers.views import methods
from handlers.views.buttons import PayWith
from handlers.views.methods import Ways
from handlers.views.view import View
from tests.unit.views import (
    ENGLISH,
    NUMBER,
    ONE_WAY,
    STARS,
    TEST,
    Method,
    data,
    labels,
    order,
    top_up,
    ways,
)

CODES = ["stars", *BLOCKS, BALANCE, "test"]


def pay_with(code: str) -> PayWith:
    return PayWith(number=NUMBER, provider=code)


def from_balance(held: Money, of: Order, by: Ways = ONE_WAY) -> View:
    return View(Markup(), methods.from_balance(by, held, of.bill, pay_with, ENGLISH))


def cents(amount: int) -> Money:
    return Money(amount, "USD")


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("code", CODES)
def test_every_method_has_a_name_though_it_may_be_off(code: str, language: str) -> None:
    assert ways().title(code, texts(language)) not in {"", code}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_no_two_methods_are_called_alike(language: str) -> None:
    named = {ways().title(code, texts(language)) for code in CODES}
    assert len(named) == len(CODES)


def test_a_method_is_called_in_the_readers_language() -> None:
    assert ways().title("wechat", texts("zh")) == "微信支付"
    assert ways().title("wechat", ENGLISH) == "WeChat Pay"


def test_the_owners_name_wins_over_every_other() -> None:
    chosen = {"usdt": "Dollars", "stars": "Sterne", BALANCE: "Purse"}
    named = ways(Method("usdt", "USDT"), titles=chosen)
    for t in (ENGLISH, texts("zh")):
        assert {code: named.title(code, t) for code in chosen} == chosen


def test_a_method_that_nobody_knows_is_called_by_its_code() -> None:
    assert ways().title("goats", ENGLISH) == "goats"
    assert ways(Method("goats", "Goats")).title("goats", ENGLISH) == "Goats"


def test_each_method_has_a_row_with_what_it_asks() -> None:
    offered = ways(STARS, TEST)
    rows = methods.buttons(offered, offered.quotes(order().bill), pay_with, ENGLISH)
    assert [[b.text for b in row] for row in rows] == [
        ["Telegram Stars — 500 ⭐"],
        ["Test payment — $9.98"],
    ]
    assert data(View(Markup(), rows)) == [f"y:{NUMBER}:stars", f"y:{NUMBER}:test"]


@pytest.mark.parametrize("held", [cents(998), cents(100_000)])
def test_a_balance_that_holds_enough_pays_all_of_it(held: Money) -> None:
    view = from_balance(held, order())
    assert labels(view) == ["Balance — $9.98"]
    assert data(view) == [f"y:{NUMBER}:{BALANCE}"]


def test_a_balance_that_holds_less_pays_a_part() -> None:
    assert labels(from_balance(cents(997), order())) == ["Balance — $9.97 of it"]


def test_a_balance_pays_what_is_left_of_an_order() -> None:
    assert labels(from_balance(cents(600), order(from_balance=500))) == ["Balance — $4.98"]


@pytest.mark.parametrize("held", [cents(0), cents(-500)])
def test_an_empty_balance_and_one_that_owes_offer_nothing(held: Money) -> None:
    assert labels(from_balance(held, order())) == []


def test_a_balance_does_not_fill_itself() -> None:
    assert labels(from_balance(cents(5000), top_up())) == []


def test_the_balance_too_has_the_name_that_its_owner_gives_it() -> None:
    named = ways(titles={BALANCE: "Purse"})
    assert labels(from_balance(cents(998), order(), named)) == ["Purse — $9.98"]
    assert labels(from_balance(cents(1), order(), named)) == ["Purse — $0.01 of it"]
