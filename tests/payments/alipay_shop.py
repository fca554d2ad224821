"""A shop that takes money by Alipay, and the Alipay that it talks to."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Checkout, PaymentEvent, Refund, RefundEvent
from payments.alipay import Alipay
from payments.provider import RawCallback
from tests.logscan import plant
from tests.payments.alipay_keys import ALIPAY, MERCHANT, private_text, public_text
from tests.payments.alipay_standin import APP_ID, SELLER_ID, AlipayStandIn, answer
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new
from tests.payments.standin import Notice, StandIn

PUBLIC_URL = "https://shop.example"
PRIVATE_KEY = private_text(MERCHANT)
plant(PRIVATE_KEY)
plant(private_text(MERCHANT, pkcs1=True))


@dataclass
class Shop:
    """An adapter and the Alipay that it talks to; it is `NOW` for both."""

    alipay: Alipay
    standin: AlipayStandIn
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> Alipay:  # any of the adapter's settings
        return Alipay(self.http, **({**settings_of(self.standin), **changes}))

    async def order(self, amount: str = "10.00") -> Checkout:
        return await self.alipay.create(new(tried=attempt(amount)))

    async def paid(self, amount: str = "10.00") -> PaymentEvent:
        """The payment as Alipay knows it."""
        await self.order(amount)
        self.standin.pay(NUMBER)
        return event(self.standin)

    async def hears(self, notice: Notice) -> list[Any]:  # events of any kind
        return list(await self.alipay.parse(raw(notice)))


@asynccontextmanager
async def alipay_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    standin = AlipayStandIn(clock=NOW.timestamp)
    checked: StandIn = standin
    async with standin.serving(), aiohttp.ClientSession() as http:
        assert checked.url
        yield Shop(Alipay(http, **settings_of(standin)), standin, http)


def settings_of(standin: AlipayStandIn) -> dict[str, Any]:
    return {
        "url": standin.gateway,
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
        "private_key": PRIVATE_KEY,
        "public_key": public_text(ALIPAY),
        "public_url": PUBLIC_URL,
        "clock": NOW.timestamp,
    }


def raw(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, CIMultiDict(notice.headers), notice.query, notice.body)


def event(standin: AlipayStandIn) -> PaymentEvent:
    order = standin.orders[NUMBER]
    return PaymentEvent(
        provider="alipay",
        account=SELLER_ID,
        live=True,
        external_id=order.trade_no,
        attempt_number=NUMBER,
        amount=Money(order.fen, "CNY"),
    )


def given_back(paid: PaymentEvent, amount: str) -> RefundEvent:
    return RefundEvent("alipay", SELLER_ID, paid.external_id, Money.parse(amount, "CNY"))


def refund(paid: PaymentEvent, amount: str, *, number: str = "7H3KQ0W2M9XDR01") -> Refund:
    return Refund(
        number=number,
        provider="alipay",
        external_id=paid.external_id,
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=paid.amount,
        amount=Money.parse(amount, "CNY"),
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )


def saying(method: str, told: object) -> bytes:
    """A whole genuine answer that says this."""
    return answer(f"{method.replace('.', '_')}_response", json.dumps(told).encode())
