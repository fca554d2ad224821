"""Amounts as Stripe's API counts them, which is not always as ISO 4217 does.

Source: Stripe docs, "Supported currencies", with its special cases and limits.
"""

from decimal import Decimal
from typing import Final

from domain.money import Money, minor_digits
from payments.provider import MalformedCallback
from payments.reading import minor_money

_DIGITS: Final = {"MGA": 0, "ISK": 2, "UGX": 2}  # where ISO 4217 has others
_TENS: Final = {"BHD", "JOD", "KWD", "OMR", "TND"}  # three decimals, the last of them 0
_NOT_OFFERED: Final = {"IQD", "LYD", "XTR"}
_MOST: Final = 99_999_999
_LEAST: Final = {
    **dict.fromkeys(("USD", "AUD", "BRL", "CAD", "CHF", "EUR", "INR", "JPY", "NZD", "SGD"), 50),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), 200),
    **{"GBP": 30, "BGN": 100, "DKK": 250, "NOK": 300, "SEK": 300, "HKD": 400},
    **{"MXN": 1000, "THB": 1000, "CZK": 1500, "HUF": 17500},
}


def units(amount: Money) -> int | None:
    """The amount in Stripe's units; None where it cannot be told so."""
    told = amount.decimal.scaleb(_digits(amount.currency))
    step = 10 if amount.currency in _TENS else 1
    return None if amount.currency in _NOT_OFFERED or told % step else int(told)


def takes(amount: Money) -> bool:
    told = units(amount)
    return told is not None and _LEAST.get(amount.currency, 1) <= told <= _MOST


def money(told: object, currency: object) -> Money:
    """An amount in Stripe's units; more than nothing. Raises `MalformedCallback`."""
    read = minor_money(told, currency)
    minor = Decimal(read.amount).scaleb(minor_digits(read.currency) - _digits(read.currency))
    if minor % 1:
        raise MalformedCallback("no whole amount")
    return Money(int(minor), read.currency)


def _digits(currency: str) -> int:
    return _DIGITS.get(currency, minor_digits(currency))
