"""What something costs in the money of a payment method: by its price list, else by rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from domain.money import MAX_MINOR, Money, minor_digits
from domain.orders import Bill, OrderLine
from domain.payments import PaymentProvider


@dataclass(frozen=True)
class Rates:
    """Units of other currencies for one unit of `base`."""

    base: str = "USD"
    units: Mapping[str, Decimal] = field(default_factory=dict)

    def convert(self, amount: Money, currency: str) -> Money | None:
        """Rounded up to what the currency has; None without a rate, or for too much money."""
        if amount.currency == currency:
            return amount
        source, target = self._units(amount.currency), self._units(currency)
        if source is None or target is None:
            return None
        exact = (amount.decimal * target / source).scaleb(minor_digits(currency))
        minor = int(exact.to_integral_value(ROUND_CEILING))
        return Money(minor, currency) if minor <= MAX_MINOR else None

    def _units(self, currency: str) -> Decimal | None:
        return Decimal(1) if currency == self.base else self.units.get(currency)


def quote(provider: PaymentProvider, bill: Bill, rates: Rates) -> Money | None:
    """What the method asks for; None when it cannot take it.

    In the bill's own currency where the method takes that, else in the first of the method's in
    which there is a price.
    """
    own = bill.total.currency
    takes_own = not provider.currencies or own in provider.currencies
    others = [currency for currency in provider.currencies if currency != own]
    for currency in [own, *others] if takes_own else others:
        amount = due_in(bill, currency, rates)
        if amount and provider.takes(amount):
            return amount
    return None


@dataclass(frozen=True)
class Quote:
    """What a method asks for a bill."""

    provider: PaymentProvider
    amount: Money


def quotes(providers: Iterable[PaymentProvider], bill: Bill, rates: Rates) -> list[Quote]:
    """Of the methods that can take it, in the order to be shown."""
    asked = ((provider, quote(provider, bill, rates)) for provider in providers)
    return [Quote(provider, amount) for provider, amount in asked if amount is not None]


def due_in(bill: Bill, currency: str, rates: Rates) -> Money | None:
    """What is due, in another currency: of the whole price the same share, rounded up."""
    price = _price(bill, currency, rates)
    if price is None or not bill.from_balance:
        return price
    return Money(-(-price.amount * bill.due.amount // bill.total.amount), currency)


def _price(bill: Bill, currency: str, rates: Rates) -> Money | None:
    if not bill.lines:
        return rates.convert(bill.total, currency)
    amount = Money(0, currency)
    for line in bill.lines:
        unit = _unit_price(line, currency, rates)
        if unit is None:
            return None
        amount += unit * line.quantity
    return amount


def _unit_price(line: OrderLine, currency: str, rates: Rates) -> Money | None:
    if currency in line.prices and currency != line.unit_price.currency:
        return Money(line.prices[currency], currency)
    return rates.convert(line.unit_price, currency)
