"""What the admins' tests do again and again: admins, and orders paid at a till of the tests."""

import dataclasses
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiogram.filters.callback_data import CallbackData

from domain import checkout
from domain.administering import appoint
from domain.checkout import Placed, Request
from domain.customers import Customer, Role
from domain.orders import Order
from domain.reviewing import File, open_file
from domain.settlement import Settlement, settle
from tests.chat.buying import keys, put_on_sale
from tests.chat.shop_chat import ANN, OWNER, ShopChat
from tests.people import Chat, Json
from tests.shop import Till, payment_of

_requests: Final = itertools.count(1)
PNG: Final = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa75\x81\x84"
    b"\x00\x00\x00\x00IEND\xaeB`\x82"
)
UNKNOWN: Final = "I do not know this command"


@dataclass(frozen=True)
class Counter:
    """A stocked shop with a till; Ann has come in, and buys what is asked for."""

    shop: ShopChat
    till: Till

    @classmethod
    async def opened(cls, shop: ShopChat, *, stock: int = 3) -> "Counter":
        till = Till()
        shop.providers[till.code] = till
        await shop.ann.says("/start")
        await shop.ann.reads("elcome")
        if stock:
            await put_on_sale(shop, keys=keys(stock))
        return cls(shop, till)

    async def placed(self, quantity: int = 1) -> Placed:
        async with self.shop.app.new_uow() as uow:
            _, variant = await uow.catalog.by_sku("GAME-1")
        request = Request(
            f"request-{next(_requests)}", ANN, variant.id, quantity, variant.price * quantity
        )
        rules = self.shop.app.ways.rules
        uow = self.shop.app.new_uow()
        return await checkout.buy(uow, self.till, request, rules, now=datetime.now(UTC))

    async def pays(self, placed: Placed, **changes: Any) -> Settlement:  # fields of the event
        event = dataclasses.replace(payment_of(placed), **changes)
        rules = self.shop.app.ways.rules
        return await settle(self.shop.app.new_uow(), event, rules, now=datetime.now(UTC))

    async def sold(self) -> Placed:
        """Paid, and handed over to Ann."""
        placed = await self.placed()
        await self.pays(placed)
        await self.shop.ann.reads(placed.order.number, ever=True)
        return placed

    async def file(self, placed: Placed) -> File:
        return await open_file(self.shop.app.new_uow(), placed.order.number)

    async def order(self, placed: Placed) -> Order:
        return (await self.file(placed)).order


async def admin(shop: ShopChat, person_id: int, role: Role | None) -> Chat:
    """Somebody with this role from now on; None takes it away."""
    now, owner = datetime.now(UTC), Customer(OWNER, "Olga", role=Role.OWNER)
    await appoint(shop.app.new_uow(), person_id, role, actor=owner, now=now)
    return shop.person(person_id)


async def forges(chat: Chat, data: CallbackData, message: Json) -> str:
    """Press a button that is not there; what the bot says to it."""
    answer = await chat.clicks(data.pack(), message_id=message["message_id"])
    return str(answer["text"])


async def asks(chat: Chat, command: str, answer: str) -> Json:
    """Say something, and wait for the message with this in it."""
    await chat.says(command)
    return await chat.reads(answer)


async def known(owner: Chat) -> Chat:
    """An owner whom the shop has met: it writes to nobody else."""
    await asks(owner, "/admin", "Admin")
    return owner
