"""A shop that takes Bitcoin, and the BTCPay Server that it talks to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Attempt, PaymentEvent, Refund
from payments.btcpay import BTCPay
from tests.logscan import plant
from tests.payments.btcpay_standin import API_KEY, SECRET, STORE, BTCPayStandIn
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new

PUBLIC_URL = "https://shop.example/"
ANOTHER_KEY = "0123456789abcdefKeyOfAnother"
plant(API_KEY)
plant(SECRET)
plant(ANOTHER_KEY)


@dataclass
class Shop:
    """An adapter and the server that it talks to."""

    http: aiohttp.ClientSession
    there: BTCPayStandIn

    def __post_init__(self) -> None:
        self.provider = self.other()

    def other(
        self,
        *,
        store_id: str = STORE,
        api_key: str = API_KEY,
        webhook_secret: str = SECRET,
        timeout: float = 8,
    ) -> BTCPay:
        return BTCPay(
            self.http,
            url=self.there.url,
            store_id=store_id,
            api_key=api_key,
            webhook_secret=webhook_secret,
            public_url=PUBLIC_URL,
            clock=NOW.timestamp,
            timeout=timeout,
        )

    async def order(
        self, amount: str = "10.00", currency: str = "USD", *, number: str = NUMBER
    ) -> Attempt:
        """An attempt of which the server has an invoice."""
        tried = attempt(amount, currency, number=number)
        tried.checkout = await self.provider.create(new(tried=tried))
        return tried

    async def paid(self, amount: str = "10.00", *, number: str = NUMBER) -> Attempt:
        tried = await self.order(amount, number=number)
        self.there.pay(number)
        return tried


@asynccontextmanager
async def btcpay_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    there = BTCPayStandIn()
    async with there.serving(), aiohttp.ClientSession() as http:
        yield Shop(http, there)


def coins(index: int) -> str:
    """The id of a server's first, second, … payment."""
    return f"{index:064x}-0"


def event(
    amount: str = "10.00",
    currency: str = "USD",
    *,
    external_id: str = coins(0),
    number: str = NUMBER,
) -> PaymentEvent:
    return PaymentEvent(
        provider="btcpay",
        account=STORE,
        live=True,
        external_id=external_id,
        attempt_number=number,
        amount=Money.parse(amount, currency),
    )


def refund(amount: str = "10.00", *, number: str = "R1", external_id: str = coins(0)) -> Refund:
    return Refund(
        number=number,
        provider="btcpay",
        external_id=external_id,
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=Money.parse("10.00", "USD"),
        amount=Money.parse(amount, "USD"),
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )
