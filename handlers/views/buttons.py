"""What the buyers' buttons carry: ids, in at most 64 bytes.

Nothing of it is believed: whatever is out of bounds here reads as an expired button, whatever
is within is checked by the use case.
"""

from typing import Annotated, Final

from aiogram.filters.callback_data import CallbackData
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from domain.catalog import plain
from domain.orders import read_number
from handlers.views.length import clip_bytes

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_ID: Final = 2**63 - 1  # the databases'
MAX_PAGE: Final = 9_999
MAX_COUNT: Final = 1_000_000
WORDS_BYTES: Final = 50
# Stands for the separator, which a value may not hold. `plain` removes it from what is typed.
_COLON: Final = "\x1f"


def _packed(number: int) -> str:
    """Base 36, which halves the length of large numbers."""
    digits = "" if number else "0"
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _unpacked(value: int | str) -> int:
    return int(value, len(_DIGITS)) if isinstance(value, str) else value


def _words(text: str) -> str:
    return clip_bytes(plain(text.replace(_COLON, ":")), WORDS_BYTES).rstrip()


def _words_packed(text: str) -> str:
    return text.replace(":", _COLON)


_Packed = (BeforeValidator(_unpacked), PlainSerializer(_packed))
Id = Annotated[int, Field(ge=1, le=MAX_ID)]
PackedId = Annotated[int, Field(ge=1, le=MAX_ID), *_Packed]
PackedAmount = Annotated[int, Field(ge=0, le=MAX_ID), *_Packed]
PackedCount = Annotated[int, Field(ge=0, le=MAX_COUNT), *_Packed]
PageNumber = Annotated[int, Field(ge=0, le=MAX_PAGE)]
Count = Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)]
Code = Annotated[str, Field(pattern="^[a-z0-9_]{1,16}$")]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Nonce = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{8}$")]
Number = Annotated[str, AfterValidator(read_number)]
Words = Annotated[str, AfterValidator(_words), PlainSerializer(_words_packed)]


class Home(CallbackData, prefix="h"):
    """The shop's first screen."""


class ShelfPage(CallbackData, prefix="c"):
    """A page of the catalogue, of one category where one is named."""

    category_id: Id | None = None
    page: PageNumber = 0


class FoundPage(CallbackData, prefix="f"):
    """A page of what a search found; no words find everything."""

    page: PageNumber = 0
    words: Words = ""


class Card(CallbackData, prefix="p"):
    """A product's card."""

    variant_id: Id


class Quantity(CallbackData, prefix="q"):
    """The card with another quantity."""

    variant_id: Id
    count: Count


class AskQuantity(CallbackData, prefix="n"):
    """Let the buyer type the quantity."""

    variant_id: Id


class Buy(CallbackData, prefix="b"):
    """What the order would be, and how it can be paid."""

    variant_id: Id
    count: Count


class Place(CallbackData, prefix="x"):
    """Place the order, as it was shown, and pay it by this method.

    `nonce` makes pressing twice one order; `shown` is the total in minor units.
    """

    variant_id: PackedId
    count: PackedCount
    provider: Code
    shown: PackedAmount
    currency: Currency
    nonce: Nonce


class Methods(CallbackData, prefix="w"):
    """The ways to pay an order that was placed."""

    number: Number


class PayWith(CallbackData, prefix="y"):
    """Pay a placed order by this method."""

    number: Number
    provider: Code


class Paid(CallbackData, prefix="i"):
    """The buyer says that they have paid."""

    number: Number


class TopUp(CallbackData, prefix="tu"):
    """Put money on the balance; 0 asks how much. Minor units of the shop's currency."""

    amount: PackedAmount = 0


class Cancel(CallbackData, prefix="z"):
    number: Number


class HistoryPage(CallbackData, prefix="l"):
    """A page of the buyer's orders."""

    page: PageNumber = 0


class OpenOrder(CallbackData, prefix="o"):
    number: Number


class ShowOrder(CallbackData, prefix="v"):
    """The order again, in the message that was the order's."""

    number: Number


class ShowKeys(CallbackData, prefix="k"):
    number: Number


class Languages(CallbackData, prefix="lg"):
    """The languages to choose from."""


class ChooseLanguage(CallbackData, prefix="g"):
    code: Annotated[str, Field(pattern="^[a-z]{2}$")]
