"""Amounts and times as people read them."""

from datetime import datetime

from babel.numbers import format_currency
from markupsafe import Markup

from domain.money import STARS, Money
from handlers.texts import Texts

_LOCALES = {"en": "en_US", "zh": "zh_Hans_CN"}


def amount(money: Money, t: Texts) -> str:
    """`$4.99`, `¥12.00`, `250 ⭐`: plain, for buttons; escape it in messages."""
    if money.currency == STARS:
        return f"{money.amount} ⭐"
    return format_currency(money.decimal, money.currency, locale=_LOCALES[t.code])


def clock(at: datetime) -> Markup:
    """`14:05 UTC`: the chat does not know where its reader is."""
    return Markup("{} UTC").format(f"{at:%H:%M}")


def read(told: str, t: Texts) -> str:
    """An amount as messages carry it (`4.99 USD`), for people."""
    number, _, currency = told.partition(" ")
    return amount(Money.parse(number, currency), t)
