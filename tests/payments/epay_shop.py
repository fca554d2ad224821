"""A shop that takes money by EPay, and the platform that it talks to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from domain.money import Money
from domain.payments import PaymentEvent
from payments.epay import EPay
from tests.logscan import plant
from tests.payments.epay_standin import KEY, PID, Platform, epay_platform
from tests.payments.purchases import NUMBER, attempt, new

PUBLIC_URL = "https://shop.example"
plant(KEY)


@dataclass
class Shop:
    """An adapter and the platform that it talks to."""

    epay: EPay
    platform: Platform
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> EPay:  # any of the adapter's settings
        return EPay(self.http, **({**settings_of(self.platform.url), **changes}))

    async def order(self, amount: str = "10.00") -> str:
        """An order that the platform knows; its number."""
        await self.epay.create(new(tried=attempt(amount)))
        return NUMBER

    async def paid(self, amount: str = "10.00") -> str:
        number = await self.order(amount)
        self.platform.pay(number)
        return number


@asynccontextmanager
async def epay_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    async with epay_platform() as platform, aiohttp.ClientSession() as http:
        yield Shop(EPay(http, **settings_of(platform.url)), platform, http)


def settings_of(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "pid": PID,
        "key": KEY,
        "types": ["alipay"],
        "currency": "CNY",
        "public_url": PUBLIC_URL,
    }


def event(platform: Platform, amount: str = "10.00") -> PaymentEvent:
    trade_no = platform.trades[NUMBER].trade_no
    return PaymentEvent(
        provider="epay",
        account=PID,
        live=True,
        external_id=trade_no,
        attempt_number=NUMBER,
        amount=Money.parse(amount, "CNY"),
    )
