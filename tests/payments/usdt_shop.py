"""A shop that takes USDT, and the gateway that it talks to."""

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.payments import Attempt, PaymentEvent
from payments.provider import RawCallback
from payments.usdt import Usdt
from tests.logscan import plant
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Notice
from tests.payments.usdt_standin import PID, TOKEN, UsdtGateway

PUBLIC_URL = "https://shop.example"
plant(TOKEN)


@dataclass
class Shop:
    usdt: Usdt
    gateway: UsdtGateway
    http: aiohttp.ClientSession

    def other(self, **changes: Any) -> Usdt:  # any of the adapter's settings
        return Usdt(self.http, **({**settings_of(self.gateway), **changes}))

    async def ordered(self, amount: str = "10.00") -> Attempt:
        """An attempt that the gateway knows."""
        tried = attempt(amount)
        tried.checkout = await self.usdt.create(new(tried=tried))
        return tried

    async def paid(self, amount: str = "10.00") -> Attempt:
        tried = await self.ordered(amount)
        self.gateway.pay(tried.number)
        return tried

    def event(self, amount: str = "10.00") -> PaymentEvent:
        trade = self.gateway.order(NUMBER).trade_id
        account = PID if self.gateway.kind == "gmpay" else "usdt"
        return PaymentEvent(
            provider="usdt",
            account=account,
            live=True,
            external_id=trade,
            attempt_number=NUMBER,
            amount=Money.parse(amount, "CNY"),
        )


@asynccontextmanager
async def usdt_shop(gateway: UsdtGateway) -> AsyncIterator[Shop]:
    """Open until the block is left."""
    async with gateway.serving(), aiohttp.ClientSession() as http:
        yield Shop(Usdt(http, **settings_of(gateway)), gateway, http)


def settings_of(gateway: UsdtGateway) -> dict[str, Any]:
    return {
        "url": gateway.url,
        "token": TOKEN,
        "dialect": gateway.kind,
        "pid": PID if gateway.kind == "gmpay" else "",
        "signature": gateway.algorithm,
        "public_url": PUBLIC_URL,
        "clock": NOW.timestamp,
    }


def raw(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, CIMultiDict(notice.headers), notice.query, notice.body)


def told_by(error: BaseException | None) -> str:
    """All that a log could show of an error, those behind it included."""
    texts = []
    while error is not None:
        texts += [*traceback.format_exception(error), str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "".join(texts)
