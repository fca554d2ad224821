"""The example of docs/providers.md, taken from the page and run in a shop."""

import hashlib
import hmac
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web

from bot.app import App
from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import RefundStatus
from domain.refunding import Wanted, refund
from payments.provider import CallbackProvider
from tests.chat.buying import put_on_sale
from tests.chat.shop_chat import ANN, OWNER, ShopChat, open_shop
from tests.logscan import plant
from tests.payments.standin import Faulty
from tests.shop import NOW

PAGE: Final = Path(__file__).parents[2] / "docs" / "providers.md"
SHOP_ID: Final = "corner-shop-7"
SECRET: Final = "the-corner-banks-secret-4711"
plant(SECRET)
Json = dict[str, Any]  # the bank's own


class CornerBank(Faulty):
    """What the page says of the bank."""

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, Json] = {}
        self.returned: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/payments", self._create),
            web.get("/payments/{number}", self._look),
            web.post("/payments/{number}/refunds", self._refund),
            web.get("/shop", self._shop),
        ]

    async def notify(self, number: str, *, secret: str = SECRET) -> int:
        """Call the shop back about a payment; its status."""
        body = json.dumps(self._told(number)).encode()
        headers = {
            "Content-Type": "application/json",
            "Corner-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        url = self.payments[number]["notify"]
        async with (
            aiohttp.ClientSession() as http,
            http.post(url, data=body, headers=headers) as reply,
        ):
            return reply.status

    def _told(self, number: str) -> Json:
        payment = self.payments[number]
        told = {name: payment[name] for name in ("id", "number", "amount", "currency", "status")}
        return told | {"shop": SHOP_ID}

    async def _create(self, request: web.Request) -> web.Response:
        self._require_shop(request)
        asked = await request.json()
        known = {**asked, "id": f"cb-{len(self.payments)}", "status": "open"}
        payment = self.payments.setdefault(asked["number"], known)
        return web.json_response({"id": payment["id"], "page": f"{self.url}/pay/{payment['id']}"})

    async def _look(self, request: web.Request) -> web.Response:
        self._require_shop(request)
        number = request.match_info["number"]
        if number not in self.payments:
            return web.Response(status=404)
        return web.json_response(self._told(number))

    async def _refund(self, request: web.Request) -> web.Response:
        self._require_shop(request)
        asked = await request.json()
        self.returned.setdefault(asked["number"], asked["amount"])
        return web.json_response({"status": "done"})

    async def _shop(self, request: web.Request) -> web.Response:
        self._require_shop(request)
        return web.Response()

    def _require_shop(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {SECRET}":
            raise web.HTTPUnauthorized


@pytest.fixture
def page() -> Iterator[ModuleType]:
    """The page's code, as a module."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module = ModuleType("corner")
    sys.modules["corner"] = module
    exec(compile(code, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - our own page
    yield module
    del sys.modules["corner"]


@pytest.fixture
async def bank() -> AsyncIterator[CornerBank]:
    bank = CornerBank()
    async with bank.serving():
        yield bank


@pytest.fixture
async def shop(
    page: ModuleType, bank: CornerBank, tmp_path: Path, sqlite_url: str
) -> AsyncIterator[ShopChat]:
    """The running shop, with the page's provider beside the rest."""
    async with aiohttp.ClientSession() as http:

        def corner(public_url: str) -> CallbackProvider:
            provider: CallbackProvider = page.Corner(
                http, url=bank.url, shop_id=SHOP_ID, secret=SECRET, public_url=public_url
            )
            return provider

        async with open_shop(tmp_path, sqlite_url, more_providers=[corner]) as shop:
            yield shop


async def ordered(shop: ShopChat) -> str:
    """Ann's order by the Corner Bank; its attempt's number there."""
    await put_on_sale(shop, keys=["CORNER-KEY-1"])
    ann = shop.person(ANN)
    await ann.says("/start p_GAME-1")
    await ann.presses("Buy")
    await ann.presses("Corner Bank")
    await ann.reads("Waiting for payment")
    async with shop.app.new_uow() as uow:
        [order] = (await uow.orders.of_buyer(ANN, page=0, size=1)).items
        [attempt] = await uow.attempts.of_order(order.id)
    return attempt.number


async def test_the_pages_provider_sells(shop: ShopChat, bank: CornerBank) -> None:
    number = await ordered(shop)
    bank.payments[number]["status"] = "paid"
    assert await bank.notify(number) == 200
    ann = shop.person(ANN)
    await ann.reads("Paid and delivered", ever=True)
    assert await ann.codes() == ["CORNER-KEY-1"]


async def test_the_pages_provider_refuses_a_forgery(shop: ShopChat, bank: CornerBank) -> None:
    number = await ordered(shop)
    bank.payments[number]["status"] = "paid"
    assert await bank.notify(number, secret="another") == 401
    assert await shop.person(ANN).codes() == []


async def test_a_lost_callback_of_the_pages_provider_is_found(
    shop: ShopChat, bank: CornerBank
) -> None:
    number = await ordered(shop)
    bank.payments[number]["status"] = "paid"
    ann = shop.person(ANN)
    await ann.presses("I have paid")
    await ann.reads("Paid and delivered", ever=True)
    assert await ann.codes() == ["CORNER-KEY-1"]


async def test_the_pages_provider_gives_back_a_part(shop: ShopChat, bank: CornerBank) -> None:
    number = await ordered(shop)
    bank.payments[number]["status"] = "paid"
    await bank.notify(number)
    await shop.person(ANN).reads("Paid and delivered", ever=True)
    app: App = shop.app
    [done] = await refund(
        app.new_uow(),
        app.ways.providers,
        number[:-2],
        "one of two",
        Wanted(amount=Money(100, "USD")),
        actor_id=OWNER,
        now=NOW,
    )
    assert done.status is RefundStatus.DONE
    assert list(bank.returned.values()) == ["1.00"]
    async with app.new_uow() as uow:
        assert (await uow.orders.by_number(number[:-2])).status is OrderStatus.DELIVERED


async def test_the_pages_provider_says_whether_its_settings_work(
    shop: ShopChat, bank: CornerBank
) -> None:
    await shop.app.ways.providers["corner"].check()
    assert bank.asked[-1] == "GET /shop"
