"""The page of the test payment: what the buyer sees there, and what the shop hears of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.sandbox.pay_page import TestProvider
from domain.money import Money
from domain.payments import PaymentEvent
from payments.provider import RawCallback
from payments.testpay import PayLink, TestPay
from tests.logscan import plant
from tests.payments.purchases import NUMBER

SECRET = b"a-secret-of-the-demo-only"
AT = 1_790_000_000
PAID = PaymentEvent(
    provider="test",
    account="test",
    live=False,
    external_id=f"T{NUMBER}",
    attempt_number=NUMBER,
    amount=Money(1000, "CNY"),
)
plant(SECRET.decode())


@dataclass
class Shop:
    """What the page tells, as the shop hears it; `answers` are given first, then 200."""

    answers: list[int] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    events: list[PaymentEvent] = field(default_factory=list)

    async def notify(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.heard.append(body)
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        assert request.content_type == "application/json"
        raw = RawCallback(request.method, request.headers, request.query_string, body)
        self.events += await TestPay(SECRET, page_url="", clock=lambda: AT).parse(raw)
        return web.Response(text="ok")


@dataclass
class Buyer:
    http: aiohttp.ClientSession
    url: str

    async def opens(self, **changes: str) -> tuple[int, str]:
        async with self.http.get(self._address(**changes)) as response:
            return response.status, await response.text()

    async def presses(self, outcome: str, **changes: str) -> tuple[int, str]:
        address = self._address(**changes)
        async with self.http.post(address, data={"outcome": outcome}) as response:
            return response.status, await response.text()

    def _address(self, *, title: str = "A game", **changes: str) -> str:
        query = PayLink(NUMBER, Money(1000, "CNY"), title).query(SECRET)
        return f"{self.url}/sandbox/pay/{NUMBER}?{urlencode(query | changes)}"


@asynccontextmanager
async def served(*routes: web.RouteDef) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(routes)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def page_for(shop: Shop, *, notify_url: str | None = None) -> AsyncIterator[Buyer]:
    """A buyer before the page of a provider that repeats a notice twice, at once."""
    async with (
        aiohttp.ClientSession() as http,
        served(web.post("/payments/test/notify", shop.notify)) as shop_url,
    ):
        provider = TestProvider(
            http,
            SECRET,
            notify_url=notify_url or f"{shop_url}/payments/test/notify",
            delays=(0, 0),
            clock=lambda: AT,
        )
        async with served(*provider.routes()) as url:
            yield Buyer(http, url)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def buyer(shop: Shop) -> AsyncIterator[Buyer]:
    async with page_for(shop) as buyer:
        yield buyer


async def test_the_page_says_what_is_paid_for(buyer: Buyer) -> None:
    status, text = await buyer.opens()
    assert status == 200
    assert "10.00 CNY" in text
    assert "A game" in text
    assert NUMBER in text
    assert ">Pay</button>" in text
    assert ">Fail</button>" in text


async def test_the_page_shows_a_title_as_it_was_typed(buyer: Buyer) -> None:
    _, text = await buyer.opens(title="<script>alert(1)</script> & $sentence {number}")
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $sentence {number}" in text


@pytest.mark.parametrize("changes", [{"amount": "1"}, {"signature": "0" * 64}, {"currency": "?"}])
async def test_a_page_for_another_link_does_not_exist(
    buyer: Buyer, shop: Shop, changes: dict[str, str]
) -> None:
    for status, text in (
        await buyer.opens(**changes),
        await buyer.presses("pay", **changes),
    ):
        assert status == 404
        assert "This payment link is not valid." in text
        assert "<button" not in text
    assert shop.heard == []


async def test_pay_tells_the_shop_and_sends_the_buyer_back(buyer: Buyer, shop: Shop) -> None:
    status, text = await buyer.presses("pay")
    assert status == 200
    assert "Go back to the chat" in text
    assert "<button" not in text
    assert shop.events == [PAID]


async def test_pay_pressed_twice_repeats_the_transaction(buyer: Buyer, shop: Shop) -> None:
    await buyer.presses("pay")
    await buyer.presses("pay")
    assert shop.events == [PAID, PAID]


async def test_fail_is_told_too_and_is_no_payment(buyer: Buyer, shop: Shop) -> None:
    status, text = await buyer.presses("fail")
    assert status == 200
    assert "Payment failed" in text
    assert [json.loads(body)["event"] for body in shop.heard] == ["payment.failed"]
    assert shop.events == []


async def test_a_failed_payment_can_be_paid_after_all(buyer: Buyer, shop: Shop) -> None:
    _, text = await buyer.presses("fail")
    assert ">Pay</button>" in text
    await buyer.presses("pay")
    assert shop.events == [PAID]


async def test_any_other_button_asks_again(buyer: Buyer, shop: Shop) -> None:
    status, text = await buyer.presses("refund")
    assert status == 200
    assert ">Pay</button>" in text
    assert shop.heard == []


async def test_a_shop_in_trouble_is_told_again(buyer: Buyer, shop: Shop) -> None:
    shop.answers = [500, 503]
    status, _ = await buyer.presses("pay")
    assert status == 200
    assert shop.events == [PAID]
    assert len(set(shop.heard)) == 1
    assert len(shop.heard) == 3


async def test_a_shop_that_stays_in_trouble_is_given_up(buyer: Buyer, shop: Shop) -> None:
    shop.answers = [500, 500, 500, 500]
    status, text = await buyer.presses("pay")
    assert status == 502
    assert "The shop does not answer" in text
    assert ">Pay</button>" in text
    assert len(shop.heard) == 3


async def test_a_shop_that_refuses_is_not_told_again(buyer: Buyer, shop: Shop) -> None:
    shop.answers = [401]
    status, _ = await buyer.presses("pay")
    assert status == 502
    assert len(shop.heard) == 1


async def test_an_absent_shop_is_given_up(shop: Shop) -> None:
    async with page_for(shop, notify_url="http://127.0.0.1:1/notify") as buyer:
        status, text = await buyer.presses("pay")
    assert status == 502
    assert "The shop does not answer" in text
