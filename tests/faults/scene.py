"""Everything around the program under test: Telegram, a payment platform, people, a database.

All of it lives in the test's own process and outlives every program that a test kills.
"""

import base64
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import sqlalchemy as sa
from aiohttp import web

from bot.sandbox.people import Person
from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram
from domain.catalog import Variant
from domain.checkout import Placed
from domain.orders import OrderStatus
from payments.epay import EPay
from storage import tables
from storage.tables import outbox
from tests import logscan
from tests.chat.local_telegram import serving
from tests.chat.shop_chat import free_port
from tests.faults.process import Program, killed_at_the_end
from tests.faults.records import everything_holds, hand_overs
from tests.faults.waiting import until
from tests.invariants import Sent
from tests.payments.epay_standin import KEY, PID, Platform, epay_platform
from tests.people import Chat
from tests.shop import MASTER, Shop, opened

TOKEN: Final = "42:THE-TOKEN-OF-A-SHOP-IN-TROUBLE"
SECRET_KEY: Final = base64.b64encode(MASTER).decode()
OWNER, BUYER = 9001, 1001
CROWD: Final = 60  # buyers, from BUYER on
_TO_BUYERS: Final = ("goods", "order")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Scene:
    """`shop` is the test's own view of the database that the programs work on."""

    folder: Path
    shop: Shop
    telegram: LocalTelegram
    telegram_url: str
    platform: Platform
    http: aiohttp.ClientSession
    stack: AsyncExitStack
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where the programs serve, one after the other."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def on_sqlite(self) -> bool:
        return self.shop.database.engine.dialect.name == "sqlite"

    @property
    def epay(self) -> EPay:
        return EPay(
            self.http,
            url=self.platform.url,
            pid=PID,
            key=KEY,
            types=["alipay"],
            currency="USD",
            public_url=self.url,
        )

    def settings(self, **changes: str) -> dict[str, str]:
        """The environment of a program."""
        url = self.shop.database.engine.url.render_as_string(hide_password=False)
        standard = {
            "BOT_TOKEN": TOKEN,
            "OWNER_IDS": str(OWNER),
            "TELEGRAM_API_URL": self.telegram_url,
            "PUBLIC_URL": self.url,
            "PORT": str(self.port),
            "DATABASE_URL": url,
            "DATA_DIR": str(self.folder),
            "SECRET_KEY": SECRET_KEY,
            "EPAY_URL": self.platform.url,
            "EPAY_PID": PID,
            "EPAY_KEY": KEY,
        }
        return standard | changes

    async def starts(self, command: str = "run", **settings: str) -> Program:
        """`python -m bot COMMAND`, which need not come to serve; killed when the scene ends."""
        url = None if command == "worker" else self.url
        return await self._started("bot", command, url=url, settings=settings)

    async def runs(self, command: str = "run", **settings: str) -> Program:
        """`python -m bot COMMAND`, serving."""
        return await (await self.starts(command, **settings)).ready()

    async def runs_changed(self, change: str, **settings: str) -> Program:
        """The whole shop with one of its guards switched off; see `changed_program`."""
        module = "tests.faults.changed_program"
        return await (await self._started(module, change, url=self.url, settings=settings)).ready()

    async def _started(self, *command: str, url: str | None, settings: dict[str, str]) -> Program:
        program = await Program.start(self.settings(**settings), *command, url=url)
        return await self.stack.enter_async_context(killed_at_the_end(program))

    def person(self, person_id: int = BUYER) -> Chat:
        return Chat(self.http, self.telegram_url, person_id)

    async def places(self, variant: Variant, quantity: int = 1, buyer_id: int = BUYER) -> Placed:
        """A pending order, to be paid by EPay."""
        buyer = await self.shop.buyer(buyer_id)
        return await self.shop.places(buyer, variant, quantity, self.epay, now=now())

    async def sold(self, variant: Variant, quantity: int = 1, buyer_id: int = BUYER) -> Placed:
        """A paid order, whose delivery waits in the outbox."""
        placed = await self.places(variant, quantity, buyer_id)
        await self.shop.pays(placed, now=now())
        return placed

    async def calls_back(self, placed: Placed) -> tuple[int, str]:
        """The buyer has paid, and the platform tells the shop once; the shop's answer.

        Raises `aiohttp.ClientError` where there is none.
        """
        assert placed.attempt is not None
        self.platform.pay(placed.attempt.number)
        return await self.platform.notify(self.http, placed.attempt.number)

    def hand_overs(self, chat_id: int | None = None) -> list[Sent]:
        return hand_overs(self.telegram, chat_id)

    def sends_to(self, chat_id: int) -> list[float]:
        """When the bot tried to send messages to a chat, Unix times."""
        return [
            call.at
            for call in self.telegram.calls
            if call.method == "sendMessage" and str(call.params.get("chat_id")) == str(chat_id)
        ]

    async def goods(self, placed: Placed) -> dict[str, Any]:
        """The row of the outbox that hands the order over."""
        [row] = await self.shop.rows(
            outbox, outbox.c.order_id == placed.order.id, outbox.c.topic == "goods"
        )
        return row

    async def fault_has_struck(self) -> None:
        """Wait until the calls for which there are faults are under way."""
        await until(lambda: not list(self.telegram.faults), "the fault has struck")

    async def status(self, placed: Placed) -> OrderStatus:
        return (await self.shop.order(placed)).status

    async def delivered(self, *placed: Placed, seconds: float = 30.0) -> None:
        """Wait until all of these orders are delivered."""
        numbers = {one.order.id for one in placed}

        async def all_of_them() -> bool:
            rows = await self.shop.rows(
                tables.orders,
                tables.orders.c.id.in_(numbers),
                tables.orders.c.status == OrderStatus.DELIVERED,
            )
            return len(rows) == len(numbers)

        await until(all_of_them, "the orders are delivered", seconds)

    async def at_rest(self) -> None:
        """Wait until nothing is left to be sent to buyers."""

        async def empty() -> bool:
            waiting = outbox.c.status == "pending", outbox.c.topic.in_(_TO_BUYERS)
            return not await self.shop.rows(outbox, *waiting)

        await until(empty, "the outbox is empty")

    async def leases_end(self) -> None:
        """As if 90 s had gone by."""
        ended = sa.update(outbox).where(outbox.c.lease_until.is_not(None))
        await self.shop.executes(ended.values(lease_until=now() - timedelta(seconds=1)))

    async def waits_end(self) -> None:
        """As if every pause before a retry were over."""
        waiting = sa.update(outbox).where(outbox.c.status == "pending")
        await self.shop.executes(waiting.values(due_at=now()))

    async def everything_holds(self) -> None:
        """I1–I6."""
        await everything_holds(self.shop, self.telegram)


@asynccontextmanager
async def open_scene(folder: Path, database_url: str) -> AsyncIterator[Scene]:
    """No program runs in it yet; those that a test starts do not outlive it."""
    for secret in (TOKEN, SECRET_KEY, KEY):
        logscan.plant(secret)
    async with AsyncExitStack() as stack:
        telegram = LocalTelegram(TOKEN, _people(), rate_limits=False)
        application = web.Application()
        application.add_routes(routes(telegram))
        url = await stack.enter_async_context(serving(application))
        await stack.enter_async_context(telegram)
        yield Scene(
            folder,
            await stack.enter_async_context(opened(database_url, owner_ids=frozenset({OWNER}))),
            telegram,
            url,
            await stack.enter_async_context(epay_platform()),
            await stack.enter_async_context(aiohttp.ClientSession()),
            stack,
        )
        telegram.close()


def _people() -> list[Person]:
    buyers = itertools.islice(itertools.count(BUYER), CROWD)
    owner = Person(OWNER, "Olga", role="admin", started=True)
    return [owner, *(Person(number, f"Buyer {number}", started=True) for number in buyers)]
