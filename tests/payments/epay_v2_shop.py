"""A shop that takes money by EPay V2, and the platform that it talks to."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import PaymentEvent, Refund
from payments.epay_v2 import EPayV2
from payments.provider import RawCallback
from tests.logscan import plant
from tests.payments.epay_v2_standin import (
    MERCHANT,
    PID,
    PLATFORM,
    EPayV2StandIn,
    bare,
    bare_public,
)
from tests.payments.purchases import BUYER, NOW, NUMBER, new
from tests.payments.standin import Notice

PUBLIC_URL = "https://shop.example"
PRIVATE_KEY = bare(MERCHANT)
plant(PRIVATE_KEY)


@dataclass
class Shop:
    """An adapter and the platform that it talks to, both at noon."""

    epay: EPayV2
    standin: EPayV2StandIn
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> EPayV2:  # any of the adapter's settings
        return EPayV2(self.http, **({**settings_of(self.standin.url), **changes}))

    async def paid(self) -> str:
        await self.epay.create(new())
        self.standin.pay(NUMBER)
        return NUMBER

    async def hears(self, notice: Notice) -> list[PaymentEvent]:
        return await self.epay.parse(callback(notice))

    def event(self, amount: str = "10.00") -> PaymentEvent:
        return PaymentEvent(
            provider="epay",
            account=PID,
            live=True,
            external_id=self.standin.trades[NUMBER].trade_no,
            attempt_number=NUMBER,
            amount=Money.parse(amount, "CNY"),
        )

    def refund(self, amount: str = "10.00", number: str = "R01") -> Refund:
        return Refund(
            number=f"{NUMBER}{number}",
            provider="epay",
            external_id=self.standin.trades[NUMBER].trade_no,
            attempt_number=NUMBER,
            buyer_id=BUYER,
            paid=Money.parse("10.00", "CNY"),
            amount=Money.parse(amount, "CNY"),
            reason="asked for",
            order_id=1,
            payment_id=1,
            status_before=OrderStatus.DELIVERED,
        )


@asynccontextmanager
async def epay_v2_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    standin = EPayV2StandIn(NOW.timestamp)
    async with standin.serving(), aiohttp.ClientSession() as http:
        yield Shop(EPayV2(http, **settings_of(standin.url)), standin, http)


def settings_of(url: str) -> dict[str, Any]:
    return {
        "url": url,
        "pid": PID,
        "private_key": PRIVATE_KEY,
        "platform_key": bare_public(PLATFORM),
        "types": ["alipay"],
        "currency": "CNY",
        "public_url": PUBLIC_URL,
        "clock": NOW.timestamp,
    }


def callback(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, notice.headers, notice.query, notice.body)


def shown(error: BaseException) -> str:
    """All that a log could show of an error, those behind it included."""
    texts = ["".join(traceback.format_exception(error))]
    behind: BaseException | None = error
    while behind is not None:
        texts += [str(behind), repr(behind)]
        behind = behind.__cause__ or behind.__context__
    return "\n".join(texts)
