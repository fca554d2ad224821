"""A shop that is paid by WeChat Pay, and what its tests compare with."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import PaymentEvent, Refund, RefundEvent
from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
)
from payments.wechat import WeChat
from tests.logscan import plant
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new
from tests.payments.standin import Notice, StandIn
from tests.payments.wechat_keys import MCH_ID
from tests.payments.wechat_standin import Json, WeChatPay

REFUND = "7H3KQ0W2M9XDR01"
DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback, WrongMerchant)
PAID = "TRANSACTION.SUCCESS"
BACK = "REFUND.SUCCESS"


@dataclass
class Shop:
    """`now` is the time for both; `settings` are the adapter's."""

    http: aiohttp.ClientSession
    weixin: WeChatPay
    now: float = NOW.timestamp()

    def __post_init__(self) -> None:
        self.weixin.clock = lambda: self.now
        self.wechat = self.other()

    def settings(self) -> dict[str, Any]:  # the adapter's arguments, of several types
        settings = self.weixin.environment()
        return {
            "url": settings["WECHAT_URL"],
            "app_id": settings["WECHAT_APP_ID"],
            "mch_id": settings["WECHAT_MCH_ID"],
            "api_v3_key": settings["WECHAT_API_V3_KEY"],
            "private_key": settings["WECHAT_PRIVATE_KEY"],
            "cert_serial": settings["WECHAT_CERT_SERIAL"],
            "public_keys": json.loads(settings["WECHAT_PUBLIC_KEYS"]),
            "public_url": "https://shop.example/",
            "clock": lambda: self.now,
        }

    def other(self, **changes: Any) -> WeChat:  # as above
        return WeChat(self.http, **self.settings() | changes)

    async def order(self, amount: str = "10.00") -> str:
        await self.wechat.create(new(tried=attempt(amount)))
        return NUMBER

    async def paid(self, amount: str = "10.00") -> str:
        self.weixin.pay(await self.order(amount))
        return NUMBER

    async def hears(self, notice: Notice) -> list[PaymentEvent | RefundEvent]:
        """What the adapter makes of a notice."""
        return await self.wechat.parse(raw(notice))

    async def transaction(self) -> Json:
        """What a notice of a paid order holds."""
        return self.weixin.transaction(self.weixin.orders[await self.paid()])

    def refund(self, amount: str = "10.00", number: str = REFUND) -> Refund:
        order = self.weixin.orders[NUMBER]
        return Refund(
            number=number,
            provider="wechat",
            external_id=order.transaction_id,
            attempt_number=NUMBER,
            buyer_id=BUYER,
            paid=Money(order.total, "CNY"),
            amount=Money.parse(amount, "CNY"),
            reason="a reason of the shop's own",
            order_id=1,
            payment_id=1,
            status_before=OrderStatus.DELIVERED,
        )

    def event(self, amount: str = "10.00") -> PaymentEvent:
        return PaymentEvent(
            provider="wechat",
            account=MCH_ID,
            live=True,
            external_id=self.weixin.orders[NUMBER].transaction_id,
            attempt_number=NUMBER,
            amount=Money.parse(amount, "CNY"),
        )


def raw(notice: Notice) -> RawCallback:
    return RawCallback(notice.method, CIMultiDict(notice.headers), notice.query, notice.body)


def secrets_of(standin: StandIn) -> list[str]:
    """What nobody may read: the shared key, and the private key's text line by line."""
    settings = standin.environment()
    lines = settings["WECHAT_PRIVATE_KEY"].splitlines()[1:-1]
    return [settings["WECHAT_API_V3_KEY"], *(line for line in lines if len(line) == 64)]


@asynccontextmanager
async def wechat_shop() -> AsyncIterator[Shop]:
    weixin = WeChatPay()
    for secret in secrets_of(weixin):
        plant(secret)
    async with weixin.serving(), aiohttp.ClientSession() as http:
        yield Shop(http, weixin)
