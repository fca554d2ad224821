"""Ways to pay: their names, and a button for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from domain.ledger import BALANCE
from domain.money import Money
from domain.orders import Bill
from domain.payments import PaymentProvider
from domain.pricing import Quote, quotes
from domain.rules import Rules
from handlers.texts import Texts
from handlers.views.money import amount
from handlers.views.view import button

# What a method's button carries, by the provider's code.
Data = Callable[[str], CallbackData]

# Names that other languages have words for; the rest are brands and stay as they are.
_TITLES: Final[Mapping[str, Callable[[Texts], str]]] = {
    "stars": lambda t: t.label("Telegram Stars"),
    "telegram": lambda t: t.label("Card"),
    "alipay": lambda t: t.label("Alipay"),
    "wechat": lambda t: t.label("WeChat Pay"),
    "epay": lambda t: t.label("EPay"),
    "btcpay": lambda t: t.label("Bitcoin"),
    BALANCE: lambda t: t.label("Balance"),
    "test": lambda t: t.label("Test payment"),
}
_BRANDS: Final = {
    "stripe": "Stripe",
    "paypal": "PayPal",
    "cryptopay": "Crypto Bot",
    "usdt": "USDT",
    "nowpayments": "NOWPayments",
}


@dataclass(frozen=True)
class Ways:
    """The methods that are on, in the order to be shown; `titles` are the owner's own."""

    providers: Mapping[str, PaymentProvider]
    rules: Rules
    titles: Mapping[str, str] = field(default_factory=dict)

    def quotes(self, bill: Bill) -> list[Quote]:
        return quotes(self.providers.values(), bill, self.rules.rates)

    def title(self, code: str, t: Texts) -> str:
        """The method's name by its provider's code: plain; escape it in messages."""
        if code in self.titles:
            return self.titles[code]
        if code in _TITLES:
            return _TITLES[code](t)
        provider = self.providers.get(code)
        return provider.title if provider is not None else _BRANDS.get(code, code)


def buttons(
    ways: Ways, quoted: Sequence[Quote], data: Data, t: Texts
) -> list[list[InlineKeyboardButton]]:
    """A row for each method: `Telegram Stars — 250 ⭐`."""
    return [
        [button(_label(ways.title(q.provider.code, t), q.amount, t), data(q.provider.code))]
        for q in quoted
    ]


def from_balance(
    ways: Ways, held: Money, bill: Bill, data: Data, t: Texts
) -> list[list[InlineKeyboardButton]]:
    """Where the buyer's balance holds something: all of the price from it, or a part."""
    if held.amount <= 0 or not bill.lines:
        return []
    title = ways.title(BALANCE, t)
    if held < bill.due:
        part = t.label("{method} — {part} of it", method=title, part=amount(held, t))
        return [[button(part, data(BALANCE))]]
    return [[button(_label(title, bill.due, t), data(BALANCE))]]


def _label(title: str, asked: Money, t: Texts) -> str:
    return f"{title} — {amount(asked, t)}"
