"""Reading what a provider sends: of any shape until it is looked at."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from domain.errors import BadAmount, ProviderUnavailable, UnknownCurrency
from domain.money import CURRENCIES, MAX_MINOR, Money
from payments.provider import MalformedCallback

NUMBER: Final = re.compile(r"[0-9A-Za-z]{6,32}")  # an attempt's, as the shop makes them
ID: Final = re.compile(r"[\x21-\x7e]{1,255}")  # a provider's own id of something
LINK: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")  # a button takes no other scheme

_WORD: Final = re.compile(r"[\w.:-]{1,64}", re.ASCII)


class Number(str):
    """A JSON number as it was written: signatures are over its digits."""

    __slots__ = ()


def one_line(title: str, most: int) -> str:
    """A title as an API takes it: `most` printable characters, on one line."""
    printable = "".join(c if c.isprintable() else " " for c in title)
    return " ".join(printable.split())[:most].strip()


def word(*values: object) -> str:
    """The first that is a short word, as codes of refusals are; a message may tell of persons."""
    return next((v for v in values if isinstance(v, str) and _WORD.fullmatch(v)), "refused")


def json_object(body: bytes, *, literal: bool = False) -> dict[str, object]:
    """The body's object; `literal` keeps numbers as `Number`.

    Raises `MalformedCallback` for anything else, and where a field is doubled.
    """
    number: Callable[[str], Any] | None = Number if literal else None
    try:
        told = json.loads(
            body,
            object_pairs_hook=_once,
            parse_int=number,
            parse_float=number or Decimal,
            parse_constant=_no_number,
        )
    except (ValueError, ArithmeticError, RecursionError):  # an exponent beyond Decimal's, too
        raise MalformedCallback("not JSON, or a field is doubled") from None
    if not isinstance(told, dict):
        raise MalformedCallback("no object")
    return told


def text(told: Mapping[str, object], name: str, pattern: re.Pattern[str] = ID) -> str:
    """A field that is a text of this form, whole."""
    value = told.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedCallback(f"{name} is missing or of the wrong form")
    return value


def whole(told: Mapping[str, object], name: str) -> int:
    """A field that is a whole number; a bool is an int to Python, and no number."""
    value = told.get(name)
    if type(value) is not int:
        raise MalformedCallback(f"{name} is no whole number")
    return value


def flag(told: Mapping[str, object], name: str) -> bool:
    value = told.get(name)
    if not isinstance(value, bool):
        raise MalformedCallback(f"{name} is neither true nor false")
    return value


def nested(told: Mapping[str, object], name: str) -> dict[str, object]:
    value = told.get(name)
    if not isinstance(value, dict):
        raise MalformedCallback(f"{name} is no object")
    return value


def items(told: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """A list of objects."""
    value = told.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedCallback(f"{name} is no list of objects")
    return value


def money(decimal: object, currency: object) -> Money:
    """An amount in whole units, such as `4.99`, of a currency in any case; more than nothing."""
    if not isinstance(decimal, str) or not isinstance(currency, str):
        raise MalformedCallback("no amount")
    try:
        amount = Money.parse(decimal, currency.upper())
    except (BadAmount, UnknownCurrency):
        raise MalformedCallback("no amount") from None
    if not amount:
        raise MalformedCallback("no money")
    return amount


def minor_money(amount: object, currency: object) -> Money:
    """An amount in minor units; more than nothing."""
    if not isinstance(currency, str) or currency.upper() not in CURRENCIES:
        raise MalformedCallback("no currency")
    if type(amount) is not int or not 0 < amount <= MAX_MINOR:
        raise MalformedCallback("no amount")
    return Money(amount, currency.upper())


@contextmanager
def readable(provider: str) -> Iterator[None]:
    """What cannot be read in an answer is no answer: `ProviderUnavailable`."""
    try:
        yield
    except MalformedCallback:
        raise ProviderUnavailable(provider, "nonsense") from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is doubled")
    return found


def _no_number(_word: str) -> object:
    raise ValueError("NaN and Infinity are no numbers")
