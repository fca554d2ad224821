"""Money as integer minor units with its currency; `Decimal` only at the edges, never float."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from domain.errors import BadAmount, UnknownCurrency

# ISO 4217's active codes, and Telegram Stars.
_CODES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES
VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG XTR
"""
_NO_DECIMALS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF XTR"
_THREE_DECIMALS: Final = "BHD IQD JOD KWD LYD OMR TND"
CURRENCIES: Final = frozenset(_CODES.split())
_DIGITS: Final = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
_PLAIN: Final = re.compile(r"\d{1,12}(\.\d{1,8})?", re.ASCII)
MAX_MINOR: Final = 10**14

STARS: Final = "XTR"


def minor_digits(currency: str) -> int:
    """How many decimals the currency has: 2 for most, 0 for JPY and Stars, 3 for KWD."""
    return _DIGITS.get(currency, 2)


@dataclass(frozen=True, order=False)
class Money:
    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read a plain decimal such as `4.99`.

        Raises `BadAmount` for a sign, an exponent, NaN, too many decimals or digits, and
        `UnknownCurrency`. Zeros beyond the currency's decimals are accepted (`100.0000`).
        """
        if currency not in CURRENCIES:
            raise UnknownCurrency(currency)
        if not _PLAIN.fullmatch(text):
            raise BadAmount(text, currency)
        minor = Decimal(text).scaleb(minor_digits(currency))
        if minor != minor.to_integral_value() or minor > MAX_MINOR:
            raise BadAmount(text, currency)
        return cls(int(minor), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units, with exactly the currency's decimals."""
        return Decimal(self.amount).scaleb(-minor_digits(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal:f} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, count: int) -> "Money":
        return Money(self.amount * count, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: "Money") -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __bool__(self) -> bool:
        return self.amount != 0

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            msg = f"{self.currency} and {other.currency} do not mix"
            raise ValueError(msg)
