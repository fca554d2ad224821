"""A shop that takes money by Stripe, and the stand-in that it talks to."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Attempt, Checkout, Event, PaymentEvent, Refund
from payments.provider import RawCallback
from payments.stripe import Stripe
from tests.logscan import plant
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new
from tests.payments.standin import Notice
from tests.payments.stripe_notices import WEBHOOK_SECRET
from tests.payments.stripe_standin import OLD_WEBHOOK_SECRET, SECRET_KEY, StripeStandIn

PUBLIC_URL = "https://shop.example"
SECRETS = (SECRET_KEY, WEBHOOK_SECRET, OLD_WEBHOOK_SECRET)
for secret in SECRETS:
    plant(secret)


@dataclass
class Shop:
    """An adapter and the stand-in that it talks to, both at noon."""

    stripe: Stripe
    standin: StripeStandIn
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> Stripe:  # any of the adapter's settings
        return Stripe(self.http, **({**settings_of(self.standin), **changes}))

    async def order(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        """An attempt that Stripe knows."""
        tried = attempt(amount, currency)
        return replace(tried, checkout=await self.stripe.create(new(tried=tried)))

    async def paid(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        tried = await self.order(amount, currency)
        self.standin.pay(NUMBER)
        return tried

    async def hears(self, notice: Notice) -> list[Event]:
        return await self.stripe.parse(callback(notice))

    def event(self, amount: str = "10.00", currency: str = "USD") -> PaymentEvent:
        return PaymentEvent(
            provider="stripe",
            account="stripe",
            live=True,
            external_id=self.intent,
            attempt_number=NUMBER,
            amount=Money.parse(amount, currency),
        )

    @property
    def intent(self) -> str:
        return str(self.standin.session(NUMBER)["payment_intent"])

    def refund(self, amount: str = "10.00", currency: str = "USD", number: str = "R01") -> Refund:
        return Refund(
            number=f"{NUMBER}{number}",
            provider="stripe",
            external_id=self.intent,
            attempt_number=NUMBER,
            buyer_id=BUYER,
            paid=Money.parse("10.00", currency),
            amount=Money.parse(amount, currency),
            reason="asked for",
            order_id=1,
            payment_id=1,
            status_before=OrderStatus.DELIVERED,
        )


@asynccontextmanager
async def stripe_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    standin = StripeStandIn(NOW.timestamp)
    async with standin.serving(), aiohttp.ClientSession() as http:
        yield Shop(Stripe(http, **settings_of(standin)), standin, http)


def settings_of(standin: StripeStandIn) -> dict[str, Any]:
    return {
        "url": standin.url,
        "secret_key": SECRET_KEY,
        "webhook_secrets": [OLD_WEBHOOK_SECRET, WEBHOOK_SECRET],
        "public_url": PUBLIC_URL,
        "clock": NOW.timestamp,
    }


def callback(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, CIMultiDict(notice.headers), notice.query, notice.body)


def session_of(tried: Attempt) -> str:
    assert isinstance(tried.checkout, Checkout)
    assert tried.checkout.external_id is not None
    return tried.checkout.external_id


def shown(error: BaseException) -> str:
    """All that a log could show of an error, those behind it included."""
    texts = ["".join(traceback.format_exception(error))]
    behind: BaseException | None = error
    while behind is not None:
        texts += [str(behind), repr(behind)]
        behind = behind.__cause__ or behind.__context__
    return "\n".join(texts)
