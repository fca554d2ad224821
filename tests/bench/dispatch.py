"""An update's way through the dispatcher, against reading it alone."""

import time
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Final, Self, cast

from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Update

from bot.background import Background
from bot.throttle import LocalThrottle
from domain.customers import Customer
from domain.ports import UnitOfWork
from handlers.dispatcher import build_dispatcher
from handlers.shop import ShopInfo
from handlers.views.buttons import Home
from handlers.views.methods import Ways
from storage.keyfiles import open_key_file
from storage.sheets import CsvSheet
from tests.bench import seeding
from tests.bench.bench import Bench
from tests.bench.figure import Pair, alternating, figure
from tests.chat.local_telegram import TOKEN
from tests.shop import RULES, Shop

_PRESSED_AT: Final = 1_767_268_800


class _Silent(BaseSession):
    """Telegram says yes to everything, at once."""

    async def close(self) -> None:
        """Nothing is open."""

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        return cast("TelegramType", True)  # noqa: FBT003 - Telegram's own word

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,
        chunk_size: int = 65536,
        raise_for_status: bool = True,  # noqa: FBT002 - aiogram's
    ) -> AsyncGenerator[bytes, None]:
        yield b""


class _Acquainted:
    """A unit of work without a database: it knows everybody, and nothing else."""

    @property
    def customers(self) -> Self:
        return self

    async def get(self, customer_id: int) -> Customer:
        return Customer(customer_id, "Buyer", language="en")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Nothing was begun."""


@figure("updates/s", "Update.model_validate alone")
async def dispatch(bench: Bench) -> Pair:
    """The way alone: a button that no router knows any more, and nobody is looked up."""
    async with bench.on_sqlite() as shop:
        return await _updates(bench, shop, lambda: cast("UnitOfWork", _Acquainted()), "old:1")


@figure("updates/s", "Update.model_validate alone")
async def dispatch_sqlite(bench: Bench) -> Pair:
    """With what stands at its end: the person looked up, the first screen made and shown."""
    async with bench.on_sqlite() as shop:
        async with shop.database.engine.begin() as connection:
            await seeding.add_buyers(connection, bench.size.updates)
        return await _updates(bench, shop, shop.uow, Home().pack())


async def _updates(bench: Bench, shop: Shop, new_uow: Callable[[], UnitOfWork], data: str) -> Pair:
    telegram = Bot(TOKEN, session=_Silent())
    dispatcher = _dispatcher(shop, new_uow)
    presses = [_press(nth, data) for nth in range(bench.size.updates)]

    async def value() -> float:
        began = time.perf_counter()
        for press in presses:
            update = Update.model_validate(press, context={"bot": telegram})
            await dispatcher.feed_update(telegram, update)
        return len(presses) / (time.perf_counter() - began)

    async def limit() -> float:
        began = time.perf_counter()
        for press in presses:
            Update.model_validate(press, context={"bot": telegram})
        return len(presses) / (time.perf_counter() - began)

    return await alternating(bench, value, limit)


def _dispatcher(shop: Shop, new_uow: Callable[[], UnitOfWork]) -> Dispatcher:
    return build_dispatcher(
        storage=MemoryStorage(),
        new_uow=new_uow,
        throttle=LocalThrottle(),
        ways=Ways({}, RULES),
        shop=ShopInfo("keystall", "@support", "USD"),
        vault=shop.vault,
        background=Background(),
        open_key_file=open_key_file,
        open_sheet=CsvSheet,
    )


def _press(nth: int, data: str) -> dict[str, Any]:  # Telegram's JSON
    """The nth person presses a button."""
    person = {
        "id": seeding.FIRST + nth,
        "is_bot": False,
        "first_name": "Buyer",
    }
    message = {
        "message_id": 7,
        "date": _PRESSED_AT,
        "chat": {"id": person["id"], "type": "private", "first_name": "Buyer"},
        "from": {"id": 42, "is_bot": True, "first_name": "keystall", "username": "keystall_bot"},
        "text": "Game keys\nPages 1 of 3",
        "entities": [{"type": "bold", "offset": 0, "length": 9}],
        "reply_markup": {"inline_keyboard": [[{"text": "Home", "callback_data": data}]]},
    }
    query = {
        "id": str(nth),
        "from": person,
        "chat_instance": "1",
        "message": message,
        "data": data,
    }
    return {"update_id": nth, "callback_query": query}
