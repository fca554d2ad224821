"""A shop that takes NOWPayments, and the API that it talks to."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.payments import Attempt, NewAttempt, PaymentEvent
from payments.nowpayments import NowPayments
from payments.provider import RawCallback
from tests.logscan import plant
from tests.payments.nowpayments_standin import API_KEY, SECRET, NowPaymentsApi
from tests.payments.purchases import NUMBER, attempt, new
from tests.payments.standin import Notice

PUBLIC_URL = "https://shop.example"
plant(API_KEY)
plant(SECRET)


@dataclass
class Shop:
    nowpayments: NowPayments
    api: NowPaymentsApi
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> NowPayments:  # any of the adapter's settings
        return NowPayments(self.http, **({**settings_of(self.api), **changes}))

    async def ordered(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        """An attempt that NOWPayments knows."""
        tried = attempt(amount, currency)
        tried.checkout = await self.nowpayments.create(asked(tried))
        return tried

    async def paid(self, amount: str = "10.00", *, with_: str | None = None) -> None:
        await self.ordered(amount)
        self.api.pay(NUMBER, dollars(with_) if with_ else None)

    def event(
        self,
        amount: str = "10.00",
        *,
        money: Money | None = None,
        **changes: Any,  # any other field
    ) -> PaymentEvent:
        told: dict[str, Any] = {
            "provider": "nowpayments",
            "account": "nowpayments",
            "live": True,
            "external_id": str(self.api.invoice(NUMBER).payment_id),
            "attempt_number": NUMBER,
            "amount": money or dollars(amount),
        }
        return PaymentEvent(**(told | changes))


@asynccontextmanager
async def nowpayments_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    api = NowPaymentsApi()
    async with api.serving(), aiohttp.ClientSession() as http:
        yield Shop(NowPayments(http, **settings_of(api)), api, http)


def settings_of(api: NowPaymentsApi) -> dict[str, Any]:
    return {
        "url": api.url,
        "api_key": API_KEY,
        "ipn_secret": SECRET,
        "public_url": PUBLIC_URL,
    }


def asked(tried: Attempt | None = None, title: str = "A game") -> NewAttempt:
    return new(title, tried or attempt(currency="USD"))


def dollars(amount: str) -> Money:
    return Money.parse(amount, "USD")


def raw(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, CIMultiDict(notice.headers), notice.query, notice.body)


def told_by(error: BaseException | None) -> str:
    """All that a log could show of an error, those behind it included."""
    texts = []
    while error is not None:
        texts += [*traceback.format_exception(error), str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "".join(texts)
