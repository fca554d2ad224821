"""All stand-ins by name, and which of the suites' cases each is left out of, with the reason."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import pytest

from domain.money import Money
from tests.payments.alipay_standin import AlipayStandIn
from tests.payments.btcpay_standin import BTCPayStandIn
from tests.payments.cryptopay_standin import CryptoPayStandIn
from tests.payments.epay_standin import EPayStandIn
from tests.payments.epay_v2_standin import EPayV2StandIn
from tests.payments.nowpayments_standin import NowPaymentsApi
from tests.payments.paypal_standin import PayPalStandIn
from tests.payments.standin import StandIn
from tests.payments.stripe_standin import StripeStandIn
from tests.payments.usdt_standin import UsdtGateway
from tests.payments.wechat_standin import WeChatPay


class Served(StandIn, Protocol):
    """A stand-in with a port of its own."""

    def serving(self) -> AbstractAsyncContextManager[None]: ...


NEW: Final[Mapping[str, Callable[[], Served]]] = {
    "alipay": AlipayStandIn,
    "wechat": WeChatPay,
    "epay": EPayStandIn,
    "epay_v2": EPayV2StandIn,
    "stripe": StripeStandIn,
    "paypal": PayPalStandIn,
    "cryptopay": CryptoPayStandIn,
    "btcpay": BTCPayStandIn,
    "epusdt": UsdtGateway,
    "bepusdt": lambda: UsdtGateway("bepusdt"),
    "gmpay": lambda: UsdtGateway("gmpay"),
    "gmpay_hmac": lambda: UsdtGateway("gmpay", algorithm="hmac-sha256"),
    "nowpayments": NowPaymentsApi,
}
USDT: Final = ("epusdt", "bepusdt", "gmpay", "gmpay_hmac")
EPAY: Final = ("epay", "epay_v2")
_Reasons = dict[str, str]  # by name


def _all_of(names: tuple[str, ...], reason: str) -> _Reasons:
    return dict.fromkeys(names, reason)


_EXACT = _all_of(USDT, "the gateway matches nothing but the exact amount")
_WHOLE = {
    "paypal": "nobody can approve another amount",
    "cryptopay": "an invoice is paid whole or not at all",
}
_UNASKED = {"nowpayments": "no key may ask about a payment"}
_NO_CURRENCY = _all_of((*EPAY, *USDT), "its messages name no currency") | {
    "alipay": "its messages name no currency: it is always CNY"
}
_NO_WORD_OF_REFUNDS = (
    _all_of(EPAY, "platforms do not call back about refunds")
    | _all_of(USDT, "money goes back by hand, from the merchant's own wallet")
    | {
        "cryptopay": "transfers by hand have no tie to an invoice",
        "btcpay": "pull payments of the merchant's own name no invoice",
    }
)
_ONE_LINK = _all_of(EPAY, "its link needs no answer from the platform")
_NOT_CLOSED = (
    _all_of((*EPAY, "epusdt", "gmpay", "gmpay_hmac"), "its protocol has no close")
    | _UNASKED
    | {
        "paypal": "nobody but the shop captures: there is nothing to close",
        "alipay": "a QR that nobody has scanned is no trade yet",
    }
)

# case → name → why not
LEFT_OUT: Final[Mapping[str, _Reasons]] = {
    "an approval": dict.fromkeys(NEW, "what is paid is paid: nobody is asked") | {"paypal": ""},
    "money the shop does not take": {
        "paypal": "no money moves unless the shop captures it, and it does not"
    },
    "less": _EXACT | _WHOLE,
    "more": _EXACT | _WHOLE,
    "another currency": _NO_CURRENCY,
    "asked": _UNASKED,
    "silent at creation": _ONE_LINK,
    "a lost creation": _ONE_LINK
    | _all_of(("epusdt", "gmpay", "gmpay_hmac"), "it refuses a number that it knows"),
    "closed": _NOT_CLOSED,
    "refunds": _all_of(USDT, "the gateway only watches") | {"nowpayments": "it has no refunds"},
    "refunds in part": _all_of(USDT, "the gateway only watches")
    | {"nowpayments": "it has no refunds", "epay": "V1 gives back everything or nothing"},
    "no refunds in part": dict.fromkeys(NEW, "it has them")
    | dict.fromkeys(USDT, "")
    | {"nowpayments": "", "epay": ""},
    "desk": _NO_WORD_OF_REFUNDS,
    "desk in part": _NO_WORD_OF_REFUNDS | {"nowpayments": "it has no word for a part"},
}


def names(case: str = "") -> list[str]:
    """Those a case concerns; all of them without one. An empty reason is none."""
    reasons = LEFT_OUT[case] if case else {}
    return [name for name in NEW if not reasons.get(name)]


def on_sqlite(case: str = "") -> pytest.MarkDecorator:
    """On the database whose choice does not matter to the case."""
    spots = [_spot(name) for name in names(case)]
    return pytest.mark.parametrize("spot", spots, indirect=True)


def _spot(name: str) -> pytest.ParameterSet:
    """One worker opens a provider's shop, for all of its tests."""
    return pytest.param((name, "sqlite"), id=name, marks=pytest.mark.xdist_group(name))


def on_both(case: str = "") -> pytest.MarkDecorator:
    """On SQLite and PostgreSQL: where money moves."""
    return pytest.mark.parametrize(
        "spot",
        [
            *(_spot(name) for name in names(case)),
            *_on_postgresql(case),
        ],
        indirect=True,
    )


def on_postgresql(case: str = "") -> pytest.MarkDecorator:
    """Over a line that can go down."""
    return pytest.mark.parametrize("spot", _on_postgresql(case), indirect=True)


def _on_postgresql(case: str) -> list[object]:
    return [
        pytest.param(
            (name, "postgresql"),
            id=f"{name}-postgresql",
            marks=[pytest.mark.postgres, pytest.mark.xdist_group(f"{name} on postgresql")],
        )
        for name in names(case)
    ]


def price(stand_in: StandIn) -> Money:
    return Money(1000, stand_in.currency)
