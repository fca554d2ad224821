"""A shop that takes money by PayPal, and the PayPal that it talks to."""

import re
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from multidict import CIMultiDict

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Approval, Attempt, PaymentEvent, Refund
from payments.paypal import PayPal
from payments.paypal_signature import Trust
from payments.provider import RawCallback
from tests.payments.paypal_certificates import root_pem
from tests.payments.paypal_standin import (
    CERTIFICATE,
    CLIENT_ID,
    ISSUER,
    SECRET,
    WEBHOOK_ID,
    PayPalStandIn,
)
from tests.payments.purchases import BUYER, NOW, NUMBER, attempt, new
from tests.payments.standin import Notice, StandIn

SECRETS = (SECRET, "A21AAtoken")  # and how the stand-in's tokens begin


@dataclass
class Clock:
    now: float = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


@dataclass
class Shop:
    """An adapter and the PayPal that it talks to."""

    paypal: PayPal
    there: PayPalStandIn
    http: aiohttp.ClientSession
    clock: Clock

    def other(self, **changes: Any) -> PayPal:  # any of the adapter's settings
        return PayPal(self.http, **(settings_of(self.there, self.clock) | changes))

    async def ordered(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        """An attempt that PayPal knows."""
        tried = attempt(amount, currency)
        return replace(tried, checkout=await self.paypal.create(new(tried=tried)))

    async def approved(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        tried = await self.ordered(amount, currency)
        self.there.pay(NUMBER)
        return tried

    async def paid(self, amount: str = "10.00", currency: str = "USD") -> Attempt:
        tried = await self.approved(amount, currency)
        assert await self.paypal.capture(tried) == self.payment(amount, currency)
        return tried

    @property
    def capture_id(self) -> str:
        capture = self.there.orders[NUMBER].capture
        assert capture is not None
        return str(capture["id"])

    def payment(self, amount: str = "10.00", currency: str = "USD") -> PaymentEvent:
        money = Money.parse(amount, currency)
        return PaymentEvent(
            provider="paypal",
            account=CLIENT_ID,
            live=True,
            external_id=self.capture_id,
            attempt_number=NUMBER,
            amount=money,
        )

    def approval(self) -> Approval:
        return Approval(
            provider="paypal",
            account=CLIENT_ID,
            live=True,
            attempt_number=NUMBER,
            amount=Money.parse("10.00", "USD"),
        )

    def refund(self, amount: str = "10.00", *, nth: int = 1, paid: str = "10.00") -> Refund:
        return Refund(
            number=f"{NUMBER}R{nth:02}",
            provider="paypal",
            external_id=self.capture_id,
            attempt_number=NUMBER,
            buyer_id=BUYER,
            paid=Money.parse(paid, "USD"),
            amount=Money.parse(amount, "USD"),
            reason="asked for",
            order_id=1,
            payment_id=1,
            status_before=OrderStatus.DELIVERED,
        )


@asynccontextmanager
async def paypal_shop() -> AsyncIterator[Shop]:
    """Open until the block is left."""
    clock = Clock()
    there = PayPalStandIn(clock)
    _: StandIn = there
    async with there.serving(), aiohttp.ClientSession() as http:
        yield Shop(PayPal(http, **settings_of(there, clock)), there, http, clock)


def settings_of(there: PayPalStandIn, clock: Clock) -> dict[str, Any]:  # as the adapter's
    return {
        "url": there.url,
        "client_id": CLIENT_ID,
        "secret": SECRET,
        "webhook_id": WEBHOOK_ID,
        "public_url": "https://shop.example/",
        "clock": clock,
        "trust": trust(there),
    }


def trust(there: PayPalStandIn) -> Trust:
    """The stand-in's certificates, and its root."""
    certificates, issuers = (re.compile(re.escape(there.url + at)) for at in (CERTIFICATE, ISSUER))
    return Trust(certificates, issuers, [root_pem()])


def raw(notice: Notice) -> RawCallback:
    """As the program's web server hands it over."""
    headers = CIMultiDict({name.lower(): value for name, value in notice.headers.items()})
    return RawCallback(notice.method, headers, notice.query, notice.body)


def tells_no_secret(error: BaseException) -> bool:
    """Whether neither an exception nor those that it came from hold a secret."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    seen: BaseException | None = error
    while seen is not None:
        text += f"{seen!r} {seen.args!r} {vars(seen)!r}"
        seen = seen.__context__
    return not any(secret in text for secret in SECRETS)
