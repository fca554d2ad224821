"""The buyer's balance, and what they are told of money that came to it or goes back."""

from decimal import Decimal

import pytest

from domain.messages import Facts
from domain.money import Money
from domain.orders import OrderException
from domain.pricing import Rates
from domain.remedies import Remedy
from domain.rules import Rules
from handlers.texts import LANGUAGES, texts
from handlers.views import balance
from handlers.views.length import TEXT
from tests.unit.views import ENGLISH, NUMBER, data, labels, shown

RULES = Rules()
# What a payment may be that does not fit, and what a rule may do about it.
WHYS = [
    OrderException.LATE,
    OrderException.UNDER,
    OrderException.OVER,
    OrderException.TWICE,
    OrderException.MISMATCH,
]
DONE = [remedy for remedy in Remedy if remedy is not Remedy.ASK]


def rules(least: int, most: int, base: str = "USD") -> Rules:
    return Rules(rates=Rates(base), least_top_up=Decimal(least), most_top_up=Decimal(most))


def notice(why: OrderException, remedy: Remedy, language: str = "en") -> str:
    facts: Facts = {"why": why, "remedy": remedy, "provider": "stripe", "amount": "4.99 USD"}
    message = shown(balance.notice(NUMBER, facts, texts(language)).text)
    assert message.units <= TEXT
    assert message.codes == []
    return message.text


def test_an_empty_balance_says_so_and_offers_round_sums() -> None:
    view = balance.balance([], RULES, ENGLISH)
    assert "empty" in view.text
    assert labels(view) == ["$10.00", "$50.00", "$100.00", "Another amount"]
    assert data(view) == ["tu:rs", "tu:3uw", "tu:7ps", "tu:0"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_balance_is_told_in_every_currency_that_it_holds(language: str) -> None:
    held = [Money(499, "USD"), Money(3500, "CNY"), Money(250, "XTR")]
    text = shown(balance.balance(held, RULES, texts(language)).text).text
    assert all(part in text for part in ("4.99", "35.00", "250 ⭐"))


@pytest.mark.parametrize(
    ("least", "most", "offered"),
    [
        (10, 100, ["$10.00", "$50.00", "$100.00"]),
        (11, 99, ["$50.00"]),
        (1, 9, []),
        (101, 1000, []),
    ],
)
def test_no_sum_is_offered_that_would_be_refused(
    least: int, most: int, offered: list[str]
) -> None:
    view = balance.balance([], rules(least, most), ENGLISH)
    assert labels(view) == [*offered, "Another amount"]
    assert all(view.keyboard)


def test_sums_are_in_the_shops_own_currency() -> None:
    view = balance.balance([], rules(1, 1000, "JPY"), ENGLISH)
    assert labels(view)[:3] == ["¥10", "¥50", "¥100"]
    assert data(view)[0] == "tu:a"


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_question_for_a_sum_names_the_bounds_and_the_way_out(language: str) -> None:
    text = balance.ask_amount(rules(5, 2000), texts(language)).text
    assert "5.00" in text
    assert "2,000.00" in text
    assert "/cancel" in text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_top_up_that_has_come_is_told(language: str) -> None:
    facts: Facts = {"why": "topup", "amount": "20.00 USD"}
    text = shown(balance.notice(NUMBER, facts, texts(language)).text).text
    assert "20.00" in text
    assert "/balance" in text


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("remedy", DONE)
@pytest.mark.parametrize("why", WHYS)
def test_whatever_a_rule_does_is_told_with_the_sum_and_the_order(
    why: OrderException, remedy: Remedy, language: str
) -> None:
    text = notice(why, remedy, language)
    assert "4.99" in text
    assert NUMBER in text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_no_two_reasons_and_no_two_remedies_read_alike(language: str) -> None:
    said = {notice(why, remedy, language) for why in WHYS for remedy in DONE}
    assert len(said) == len(WHYS) * len(DONE)


def test_late_money_that_met_stock_is_told_as_good_news() -> None:
    text = notice(OrderException.LATE, Remedy.DELIVER)
    assert "came after the order had closed" in text
    assert "Your goods were still there" in text


@pytest.mark.parametrize("remedy", [Remedy.CREDIT, Remedy.WAIT])
def test_who_would_rather_have_the_money_back_learns_whom_to_write_to(remedy: Remedy) -> None:
    assert "/paysupport" in notice(OrderException.LATE, remedy)


def test_credited_money_is_found_on_the_balance() -> None:
    assert "/balance" in notice(OrderException.TWICE, Remedy.CREDIT)
