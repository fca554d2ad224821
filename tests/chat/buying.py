"""What the buyers' tests do again and again: stock, orders, ways to pay, forged presses."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain import managing
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.importing import TypedKeys, import_keys
from domain.money import Money
from domain.orders import Order
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    Refund,
    RefundResult,
)
from tests import logscan
from tests.chat.shop_chat import ANN, OWNER, ShopChat
from tests.people import Chat, Json

_NUMBER: Final = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{12}\b")


def number_in(message: Json) -> str:
    """The order's number in a message of the bot."""
    found = _NUMBER.search(message.get("text") or message.get("caption") or "")
    assert found is not None
    return found[0]


def labels(message: Json) -> list[str]:
    keyboard = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in keyboard for button in row]


def data_of(message: Json, label: str) -> str:
    """The callback data behind the message's button that contains `label`."""
    keyboard = message["reply_markup"]["inline_keyboard"]
    return next(
        str(button["callback_data"])
        for row in keyboard
        for button in row
        if label in button["text"]
    )


async def put_on_sale(
    shop: ShopChat, sku: str = "GAME-1", *, keys: Sequence[str] = (), **fields: str
) -> list[str]:
    """A product of 4.99 with these keys and fields, put in beside the chat; gives the keys."""
    now, uow = datetime.now(UTC), shop.app.new_uow()
    price = Money(499, "USD")
    name = fields.pop("name", "Space Game")
    await managing.new_product(uow, sku=sku, price=price, name=name, actor_id=OWNER, now=now)
    for field, value in fields.items():
        await managing.set_product(
            uow, sku=sku, field=field, value=value, currency="USD", actor_id=OWNER, now=now
        )
    for key in keys:
        logscan.plant(key)
    if keys:
        await _import(shop, sku, keys, now)
    return [*keys]


async def _import(shop: ShopChat, sku: str, keys: Sequence[str], now: datetime) -> None:
    async def nobody_watches(read: int) -> None:
        pass

    await import_keys(
        shop.app.new_uow(),
        shop.app.vault,
        TypedKeys("\n".join(keys)),
        sku=sku,
        name="typed",
        actor_id=OWNER,
        now=now,
        progress=nobody_watches,
    )


def keys(count: int) -> list[str]:
    return [f"KEY-OF-THE-TESTS-{nth:04}" for nth in range(count)]


async def preview(buyer: Chat, sku: str = "GAME-1") -> Json:
    """Follow a link to the product, and press Buy; the preview."""
    await buyer.says(f"/start p_{sku}")
    await buyer.reads("In stock")
    await buyer.presses("Buy")
    return await buyer.reads("Your order")


async def place(buyer: Chat, method: str, sku: str = "GAME-1") -> Json:
    """Order one piece, to be paid by this method; the order's message."""
    await preview(buyer, sku)
    await buyer.presses(method)
    return await buyer.reads("Order ")


async def stored(shop: ShopChat, number: str) -> Order:
    async with shop.app.new_uow() as uow:
        return await uow.orders.by_number(number)


async def orders_of(shop: ShopChat, person_id: int = ANN) -> list[Order]:
    async with shop.app.new_uow() as uow:
        return (await uow.orders.of_buyer(person_id, page=0, size=100)).items


async def let_time_pass(shop: ShopChat, number: str) -> None:
    """The order's reservation is over, and nothing has been done about it yet."""
    async with shop.app.new_uow() as uow:
        order = await uow.orders.by_number(number, lock=True)
        order.reserved_until = datetime.now(UTC) - timedelta(minutes=1)
        await uow.orders.save(order)
        await uow.commit()


@dataclass
class StandIn:
    """A way to pay whose service does what the test says."""

    code: str
    title: str
    checkout: Checkout | None = None  # None: it does not answer
    rejects: bool = False
    account: str = "shop"
    live: bool = True
    capabilities: Capability = Capability.NONE
    currencies: Sequence[str] = ()
    tail: timedelta = timedelta()
    created: int = 0

    def takes(self, amount: Money) -> bool:
        return True

    async def create(self, new: NewAttempt) -> Checkout:
        self.created += 1
        if self.rejects:
            raise ProviderRejected(self.code, "no")
        if self.checkout is None:
            raise ProviderUnavailable(self.code, "no answer")
        return self.checkout

    async def query(self, attempt: Attempt) -> News | None:
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        raise ProviderRejected(self.code, "not offered")

    async def check(self) -> None:
        """Nothing is wrong with it."""


def offer(shop: ShopChat, *methods: StandIn) -> None:
    """These ways to pay, and no others, from now on."""
    shop.providers.clear()
    shop.providers.update({method.code: method for method in methods})


def texts_of(messages: Sequence[dict[str, Any]]) -> list[str]:
    """What the bot has said."""
    return [m.get("text") or m.get("caption") or "" for m in messages if m["from"]["is_bot"]]
