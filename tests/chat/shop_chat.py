"""The whole shop on a local Telegram: the unchanged program, spoken to as people do."""

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from bot.app import App, opened
from bot.sandbox.pay_page import TestProvider
from bot.sandbox.people import Person
from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram
from bot.serve import running
from bot.settings import load
from domain.payments import PaymentProvider
from payments.provider import CallbackProvider
from payments.testpay import TestPay
from tests import logscan
from tests.people import Chat

TOKEN: Final = "42:LOCAL-TELEGRAM-TOKEN-OF-THE-TESTS"
OWNER, ANN, BEN, WANG = 9001, 1001, 1002, 1003
SECRET: Final = b"the test provider's secret of the tests"
# Settings by which whatever does not fit is put before a person.
ASKING: Final[dict[str, Any]] = {"rule_sold_out": "ask", "rule_over": "ask", "rule_twice": "ask"}


@dataclass(frozen=True)
class ShopChat:
    """The running program, its people, and the local Telegram between them."""

    app: App
    telegram: LocalTelegram
    http: aiohttp.ClientSession
    url: str

    @property
    def providers(self) -> dict[str, PaymentProvider]:
        """The ways to pay, which a test may change."""
        providers = self.app.ways.providers
        assert isinstance(providers, dict)
        return providers

    def person(self, person_id: int) -> Chat:
        return Chat(self.http, self.url, person_id)

    @property
    def owner(self) -> Chat:
        return self.person(OWNER)

    @property
    def ann(self) -> Chat:
        return self.person(ANN)

    @property
    def ben(self) -> Chat:
        return self.person(BEN)

    @property
    def wang(self) -> Chat:
        """Her Telegram is in Chinese."""
        return self.person(WANG)

    async def stocks(self, sku: str, *keys: str, price: str = "4.99", name: str = "") -> None:
        """A product with these keys, put in by the owner in the chat."""
        owner = self.owner
        await owner.says(f"/newproduct {sku} {price} {name or sku}")
        await owner.reads(sku)
        if keys:
            for key in keys:
                logscan.plant(key)
            await owner.says("\n".join([f"/import {sku}", *keys]))
            await owner.reads("Imported:")

    async def pays_at_the_page(self, message: dict[str, Any], outcome: str = "pay") -> int:
        """Follow the message's `Pay` link to the test provider and press; the page's status."""
        [url] = [
            button["url"]
            for row in message["reply_markup"]["inline_keyboard"]
            for button in row
            if "Pay" in button["text"] and "url" in button
        ]
        async with self.http.post(url, data={"outcome": outcome}) as response:
            return response.status

    async def callback(self, provider: str, **request: Any) -> tuple[int, str]:
        """A payment callback as it comes over HTTP; status and body."""
        url = f"{self.url}/payments/{provider}/notify"
        async with self.http.request(request.pop("method", "POST"), url, **request) as response:
            return response.status, await response.text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def open_shop(
    folder: Path,
    database_url: str,
    *,
    rate_limits: bool = False,
    more_providers: Sequence[Callable[[str], CallbackProvider]] = (),
    **settings: Any,
) -> AsyncIterator[ShopChat]:
    """The shop with these settings; the owner and three buyers, none of whom has started."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    logscan.plant(TOKEN)
    people = [
        Person(OWNER, "Olga", role="admin", started=True),
        Person(ANN, "Ann", username="ann"),
        Person(BEN, "Ben"),
        Person(WANG, "王芳", language_code="zh-hans"),
    ]
    changed: dict[str, Any] = {
        "bot_token": TOKEN,
        "owner_ids": frozenset({OWNER}),
        "telegram_api_url": url,
        "public_url": url,
        "port": port,
        "database_url": database_url,
        "data_dir": folder,
        "support_contact": "@help_of_the_tests",
        **settings,
    }
    async with AsyncExitStack() as stack:
        telegram = LocalTelegram(TOKEN, people, rate_limits=rate_limits)
        await stack.enter_async_context(telegram)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        provider = TestProvider(
            http, SECRET, notify_url=f"{url}/payments/test/notify", delays=(0.01,) * 5
        )
        extra_providers = [
            TestPay(SECRET, page_url=url),
            *(make(url) for make in more_providers),  # each is told the shop's address
        ]
        app = await stack.enter_async_context(
            opened(load(_env_file=None, **changed), extra_providers=extra_providers)
        )
        extra = [*routes(telegram), *provider.routes()]
        await stack.enter_async_context(
            running(app, with_web=True, with_worker=True, extra_routes=extra)
        )
        stack.callback(telegram.close)
        yield ShopChat(app, telegram, http, url)
