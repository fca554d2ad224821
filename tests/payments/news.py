"""What providers may say beside plain payments: late captures, odd amounts, other currencies."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.money import Money
from tests.payments.alipay_standin import posted, signed
from tests.payments.epay_v2_standin import sent
from tests.payments.standin import Notice
from tests.payments.till import Till
from tests.payments.usdt_standin import TOKEN, sign

# The stand-ins' own names for genuine news by which money of the payment is gone again.
OF_MONEY_GONE: Final = frozenset(
    {
        "a part refunded",
        "all refunded",
        "refunded",
        "reversed",
        "the shop's own refund",
    }
)
# PayPal captures an order once: after these it is over, and no payment follows.
OF_THE_END: Final = frozenset({"denied", "declined"})
EUROS: Final = Money(1000, "EUR")


async def paid_unknown_to_the_shop(till: Till, number: str) -> None:
    """The money has moved at the provider; only the notice of it is still to come."""
    there: Any = till.there
    there.pay(number)
    if till.code == "paypal":  # whose money moves at a capture, which another program has made
        order = there.orders[number]
        order.capture, order.status = there._captured(order), "COMPLETED"


# --- Less and more ------------------------------------------------------------------------------


def pays_less(till: Till, number: str, amount: Money) -> None:
    till.there.pay(number, amount)
    if till.code == "btcpay":  # which waits for the rest as long as the invoice lives
        till.there.expire(number)


# --- Other currencies ---------------------------------------------------------------------------


def _stripe_euros(there: Any, number: str) -> Notice:
    there.pay(number, EUROS)
    notice: Notice = there.notice(number)
    return notice


def _nowpayments_euros(there: Any, number: str) -> Notice:
    there.pay(number)
    notice: Notice = there.signed(there.fields(number) | {"price_currency": "eur"})
    return notice


def _cryptopay_euros(there: Any, number: str) -> Notice:
    there.pay(number)
    notice: Notice = there.signed(there.update(number, fiat="EUR"))
    return notice


def _btcpay_euros(there: Any, number: str) -> Notice:
    there.pay(number)
    there.invoice(number).overrides["currency"] = "EUR"
    notice: Notice = there.notice(number)
    return notice


def _paypal_euros(there: Any, number: str) -> Notice:
    order = there.orders[number]
    order.capture = there._captured(order) | {"amount": {"currency_code": "EUR", "value": "10.00"}}
    notice: Notice = there.notice(number)
    return notice


IN_EUROS: Final[Mapping[str, Callable[[Any, str], Notice]]] = {
    "wechat": _stripe_euros,
    "stripe": _stripe_euros,
    "paypal": _paypal_euros,
    "cryptopay": _cryptopay_euros,
    "btcpay": _btcpay_euros,
    "nowpayments": _nowpayments_euros,
}


# --- Amounts that are none ----------------------------------------------------------------------

# As they stand in a text; in JSON numbers, those that JSON knows.
NO_AMOUNTS: Final = ("-10.00", "0", "0.00", "10.001", "1e1", "NaN", "-Infinity", "", "10,00", "١٠")


def with_amount(till: Till, number: str, amount: str) -> Notice:
    """The genuine notice of a payment of that amount, signed by the provider."""
    return _WITH_AMOUNT[till.open.name](till.there, number, amount)


def _number(text: str) -> object:
    """As it would stand in JSON: a number where it is one, and would be written the same."""
    try:
        number = json.loads(text)
        return number if json.dumps(number) == text else text
    except ValueError:
        return text


def _alipay(there: Any, number: str, amount: str) -> Notice:
    return posted(signed(there.told(number, total_amount=amount)))


def _wechat(there: Any, number: str, amount: str) -> Notice:
    told = there.transaction(there.orders[number])
    told["amount"]["total"] = _number(amount)
    notice: Notice = there.telling("TRANSACTION.SUCCESS", told)
    return notice


def _epay(there: Any, number: str, amount: str) -> Notice:
    notice: Notice = there._sent(there.platform.notice(number, money=amount))
    return notice


def _epay_v2(there: Any, number: str, amount: str) -> Notice:
    return sent(there.told(number, money=amount))


def _stripe(there: Any, number: str, amount: str) -> Notice:
    session = there._told(there.session(number)) | {"amount_total": _number(amount)}
    notice: Notice = there.signed(there._event("checkout.session.completed", session))
    return notice


def _paypal(there: Any, number: str, amount: str) -> Notice:
    capture = there._captured(there.orders[number])
    capture["amount"] = {"currency_code": "USD", "value": amount}
    notice: Notice = there.signed(there.event("PAYMENT.CAPTURE.COMPLETED", capture))
    return notice


def _cryptopay(there: Any, number: str, amount: str) -> Notice:
    notice: Notice = there.signed(there.update(number, amount=amount))
    return notice


def _btcpay(there: Any, number: str, amount: str) -> Notice:
    there.invoice(number).overrides["amount"] = amount
    notice: Notice = there.notice(number)
    return notice


def _usdt(there: Any, number: str, amount: str) -> Notice:
    """Signed with the number literal as it stands there."""
    told = there.fields(number) | {"amount": amount}
    body = json.dumps(told | {"signature": sign(told, TOKEN, there.algorithm)})
    if isinstance(_number(amount), int | float):
        body = body.replace(json.dumps(amount), amount, 1)
    return Notice(headers={"Content-Type": "application/json"}, body=body.encode())


def _nowpayments(there: Any, number: str, amount: str) -> Notice:
    told = there.fields(number) | {"price_amount": _number(amount)}
    notice: Notice = there.signed(told)
    return notice


_WITH_AMOUNT: Final[Mapping[str, Callable[[Any, str, str], Notice]]] = {
    "alipay": _alipay,
    "wechat": _wechat,
    "epay": _epay,
    "epay_v2": _epay_v2,
    "stripe": _stripe,
    "paypal": _paypal,
    "cryptopay": _cryptopay,
    "btcpay": _btcpay,
    "epusdt": _usdt,
    "bepusdt": _usdt,
    "gmpay": _usdt,
    "gmpay_hmac": _usdt,
    "nowpayments": _nowpayments,
}
