"""Ways to pay: their names, and a button for each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton

from domain.orders import OrderLine
from domain.payments import PaymentProvider
from handlers.texts import Texts
from handlers.views.money import amount
from handlers.views.view import button

# What a method's button carries.
Data = Callable[[PaymentProvider], CallbackData]

# Names that other languages have words for; the rest are brands and stay as they are.
_TITLES: Final[Mapping[str, Callable[[Texts], str]]] = {
    "stars": lambda t: t.label("Telegram Stars"),
    "telegram": lambda t: t.label("Card"),
    "alipay": lambda t: t.label("Alipay"),
    "wechat": lambda t: t.label("WeChat Pay"),
    "epay": lambda t: t.label("EPay"),
    "btcpay": lambda t: t.label("Bitcoin"),
    "balance": lambda t: t.label("Balance"),
    "test": lambda t: t.label("Test payment"),
}
_BRANDS: Final = {
    "stripe": "Stripe",
    "paypal": "PayPal",
    "cryptopay": "Crypto Bot",
    "usdt": "USDT",
    "nowpayments": "NOWPayments",
}


def title(code: str, t: Texts) -> str:
    """The method's name by its provider's code: plain; escape it in messages."""
    return _TITLES[code](t) if code in _TITLES else _BRANDS.get(code, code)


def buttons(
    methods: Sequence[PaymentProvider],
    lines: Sequence[OrderLine],
    data: Data,
    t: Texts,
) -> list[list[InlineKeyboardButton]]:
    """A row for each method that takes these lines: `Telegram Stars — 250 ⭐`."""
    quotes = [(method, method.quote(lines)) for method in methods]
    return [
        [button(f"{_name(method, t)} — {amount(quote, t)}", data(method))]
        for method, quote in quotes
        if quote is not None
    ]


def _name(method: PaymentProvider, t: Texts) -> str:
    return title(method.code, t) if method.code in _TITLES else method.title
