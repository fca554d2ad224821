"""A shop that takes money by Crypto Pay, and the Crypto Pay that it talks to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Attempt, PaymentEvent, Refund
from payments.cryptopay import CryptoPay
from tests.logscan import plant
from tests.payments.cryptopay_standin import APP, TOKEN, CryptoPayStandIn
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new

ANOTHER = "12345:AAsecretOfAnother"
plant(TOKEN)
plant(ANOTHER)


@dataclass
class Shop:
    provider: CryptoPay
    there: CryptoPayStandIn
    http: aiohttp.ClientSession

    def other(self, *, url: str = "", token: str = TOKEN, timeout: float = 8) -> CryptoPay:
        return CryptoPay(
            self.http,
            url=url or self.there.url,
            token=token,
            clock=NOW.timestamp,
            timeout=timeout,
        )

    async def order(self, amount: str = "10.00", *, number: str = NUMBER) -> Attempt:
        """An attempt of which Crypto Pay has an invoice."""
        tried = attempt(amount, "USD", number=number)
        tried.checkout = await self.provider.create(new(tried=tried))
        return tried

    async def paid(self, amount: str = "10.00", *, number: str = NUMBER) -> Attempt:
        tried = await self.order(amount, number=number)
        self.there.pay(number)
        return tried


@asynccontextmanager
async def cryptopay_shop() -> AsyncIterator[Shop]:
    there = CryptoPayStandIn()
    async with there.serving(), aiohttp.ClientSession() as http:
        shop = Shop(CryptoPay(http, url=there.url, token=TOKEN), there, http)
        shop.provider = shop.other()
        yield shop


def event(amount: str = "10.00", external_id: str = "1000", number: str = NUMBER) -> PaymentEvent:
    return PaymentEvent(
        provider="cryptopay",
        account=APP,
        live=True,
        external_id=external_id,
        attempt_number=number,
        amount=Money.parse(amount, "USD"),
    )


def refund(amount: str = "10.00", *, paid: str = "10.00", number: str = "R1") -> Refund:
    return Refund(
        number=number,
        provider="cryptopay",
        external_id="1000",
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=Money.parse(paid, "USD"),
        amount=Money.parse(amount, "USD"),
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )
