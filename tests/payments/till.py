"""The running shop before one provider's stand-in: buyers, orders, callbacks, books."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from bot.app import App
from bot.sandbox.people import Person
from domain import managing
from domain.importing import TypedKeys, import_keys
from domain.ledger import customer_account
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt
from handlers.views.buttons import Place
from storage import tables
from tests.chat.shop_chat import OWNER, ShopChat
from tests.faults.waiting import until
from tests.faults.world import (
    Answer,
    Ordered,
    handed_over,
    unforeseen,
)
from tests.invariants import check
from tests.payments.open_till import KEY, OpenTill
from tests.payments.stand_ins import price
from tests.payments.standin import Notice
from tests.people import Chat, Json, codes_of

_buyers: Final = itertools.count(30_001)
_nonces: Final = (f"e{number:07}" for number in itertools.count())


@dataclass(frozen=True)
class Till:
    """One test's view of it: a buyer and a product of its own."""

    open: OpenTill
    buyer_id: int = field(default_factory=lambda: next(_buyers))
    _chats: dict[int, Chat] = field(default_factory=dict)

    @property
    def there(self) -> Any:
        """The stand-in; what only some have is used by the tests of those alone."""
        return self.open.stand_in

    @property
    def shop(self) -> ShopChat:
        return self.open.shop

    @property
    def app(self) -> App:
        return self.open.shop.app

    @property
    def code(self) -> str:
        return self.open.stand_in.code

    @property
    def accepted(self) -> Answer:
        return self.open.stand_in.accepted

    @property
    def price(self) -> Money:
        return price(self.open.stand_in)

    @property
    def sku(self) -> str:
        return f"GAME-{self.buyer_id}"

    @property
    def buyer(self) -> Chat:
        return self.person(self.buyer_id)

    @property
    def owner(self) -> Chat:
        return self.person(OWNER)

    def person(self, person_id: int) -> Chat:
        """Always the same one, who knows what came before the last own action."""
        return self._chats.setdefault(person_id, self.shop.person(person_id))

    def newcomer(self) -> Chat:
        """Somebody else, who has started the bot too."""
        person_id = next(_buyers)
        self.shop.telegram.world.add(Person(person_id, f"B{person_id}", started=True))
        return self.person(person_id)

    # --- Goods and orders ---------------------------------------------------------------------

    async def stocked(self, count: int = 2) -> list[str]:
        """The test's product with so many keys, which are what is given."""
        now, uow = datetime.now(UTC), self.app.new_uow()
        await managing.new_product(
            uow, sku=self.sku, price=self.price, name="Space Game", actor_id=OWNER, now=now
        )
        keys = [f"{KEY}-{self.buyer_id}-{nth:02}" for nth in range(count)]
        if keys:
            await import_keys(
                self.app.new_uow(),
                self.app.vault,
                TypedKeys("\n".join(keys)),
                sku=self.sku,
                name="typed",
                actor_id=OWNER,
                now=now,
                progress=_unwatched,
            )
        return keys

    async def ordered(self, code: str = "", buyer: Chat | None = None) -> Ordered:
        """One piece, to be paid at the provider; it has been told of the order."""
        await self.presses_method(code or self.code, buyer or self.buyer)
        ordered = await self.newest(buyer)
        assert code or self.there.knows(ordered.attempt)
        return ordered

    async def presses_method(self, code: str, buyer: Chat) -> None:
        """A method's button under a preview."""
        async with self.app.new_uow() as uow:
            _, variant = await uow.catalog.by_sku(self.sku)
        press = Place(
            variant_id=variant.id,
            count=1,
            provider=code,
            shown=variant.price.amount,
            currency=variant.price.currency,
            nonce=next(_nonces),
        )
        answer = await buyer.clicks(press.pack(), message_id=1, inaccessible=True)
        assert answer["text"] == ""

    async def newest(self, buyer: Chat | None = None) -> Ordered:
        """The buyer's last order with its last attempt."""
        buyer_id = (buyer or self.buyer).person_id
        async with self.app.new_uow() as uow:
            [order, *_] = (await uow.orders.of_buyer(buyer_id, page=0, size=1)).items
            attempts = await uow.attempts.of_order(order.id)
        return Ordered(order.number, attempts[-1].number, buyer_id)

    async def waiting(self, count: int = 2) -> tuple[Ordered, list[str]]:
        """An order that waits for its money, and the keys there are."""
        keys = await self.stocked(count)
        return await self.ordered(), keys

    # --- The provider -------------------------------------------------------------------------

    async def told(self, notice: Notice) -> Answer:
        """What the shop answers to a callback."""
        return await notice.send(self.shop.http, self.notify_url)

    async def believed(self, notice: Notice) -> None:
        assert await self.told(notice) == self.accepted

    async def pays(self, ordered: Ordered) -> None:
        """The buyer pays, and the provider tells the shop."""
        self.there.pay(ordered.attempt)
        await self.believed(self.there.notice(ordered.attempt))

    @property
    def notify_url(self) -> str:
        return f"{self.shop.url}/payments/{self.code}/notify"

    async def pays_in_stars(self, ordered: Ordered) -> None:
        """By another method, in the chat."""
        buyer = self.person(ordered.buyer_id)
        if not any("Telegram Stars" in label for label in await buyer.buttons()):
            await buyer.presses("Other ways to pay")
        await buyer.presses("Telegram Stars")
        assert (await buyer.pays())["ok"]

    async def sold(self) -> Ordered:
        """An order that is paid and delivered."""
        ordered, [key, _] = await self.waiting()
        await self.pays(ordered)
        await self.delivered(ordered, key)
        return ordered

    async def gives_back(self, ordered: Ordered, part: str = "") -> None:
        """The owner asks for it in the chat; until the shop has answered."""
        await self.owner.says(f"/refund {ordered.number} {part} dead on arrival")
        await self.owner.reads(ordered.number)

    # --- What came of it ----------------------------------------------------------------------

    async def brought(self, ordered: Ordered) -> list[str]:
        """The keys that have come to the chat for the order, once they have."""
        message = await self.hears(ordered.buyer_id, f"🔑 Order {ordered.number}")
        return codes_of(message)

    async def hears(self, person_id: int, *fragments: str) -> Json:
        """A message of the bot with all of these in it, once there is one."""
        chat = self.shop.telegram.world.chat(person_id)

        def heard() -> Json | None:
            for message in chat:
                said = message.get("text") or message.get("caption") or ""
                if message["from"]["is_bot"] and all(one in said for one in fragments):
                    return message
            return None

        found = await until(heard, f"a message with {fragments}", seconds=10)
        assert found is not None
        return found

    async def delivered(self, ordered: Ordered, key: str) -> None:
        """The order has brought this key and nothing else, once."""
        assert await self.brought(ordered) == [key]
        await until(lambda: self.has_status(ordered, "delivered"), "the order is delivered")
        times = [sent for sent in handed_over(self.shop) if sent.number == ordered.number]
        assert len(times) == 1

    async def has_status(self, ordered: Ordered, *status: str) -> bool:
        return (await self.order(ordered)).status in status

    async def order(self, ordered: Ordered) -> Order:
        async with self.app.new_uow() as uow:
            return await uow.orders.by_number(ordered.number)

    async def attempt(self, ordered: Ordered) -> Attempt:
        async with self.app.new_uow() as uow:
            found = await uow.attempts.by_number(ordered.attempt)
        assert found is not None
        return found

    async def payments(self, ordered: Ordered) -> list[dict[str, Any]]:
        """Those that are recorded under the order's attempt."""
        return await self.rows(
            tables.payments, tables.payments.c.attempt_number == ordered.attempt
        )

    async def refunds(self, ordered: Ordered) -> list[dict[str, Any]]:
        order = await self.order(ordered)
        return await self.rows(tables.refunds, tables.refunds.c.order_id == order.id)

    async def owed(self) -> Money:
        """What the shop owes the buyer, by its ledger."""
        mine = tables.ledger.c.account == customer_account(self.buyer_id)
        booked = await self.rows(tables.ledger, mine)
        return Money(sum(row["amount"] for row in booked), self.price.currency)

    async def nothing_happened(self, ordered: Ordered) -> None:
        assert await self.payments(ordered) == []
        assert (await self.order(ordered)).is_pending
        assert (await self.attempt(ordered)).received == 0

    async def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        statement = sa.select(table).where(*where).order_by(*table.primary_key)
        async with self.app.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(statement)]

    async def counted(self) -> int:
        """How many callbacks of the provider's were not accepted, as Prometheus reads it."""
        async with self.shop.http.get(f"{self.shop.url}/metrics") as response:
            lines = (await response.text()).splitlines()
        mine = 'keystall_callbacks_total{outcome="', f'provider="{self.code}"'
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in lines
            if line.startswith(mine[0]) and mine[1] in line and '"accepted"' not in line
        )

    # --- Time and trouble ---------------------------------------------------------------------

    async def executes(self, statement: sa.Executable) -> None:
        """Do to the database what no use case does."""
        async with self.app.database.engine.begin() as connection:
            await connection.execute(statement)

    async def let_expire(self, ordered: Ordered, ago: timedelta = timedelta(hours=1)) -> None:
        """The reservation ended so long ago, and the shop has noticed."""
        end = datetime.now(UTC) - ago
        late = {"created_at": end - timedelta(minutes=15), "reserved_until": end}
        this = tables.orders.c.number == ordered.number
        await self.executes(sa.update(tables.orders).where(this).values(late))
        await until(lambda: self.has_status(ordered, "expired"), "the order expires")

    async def is_the_pollers_turn(self, ordered: Ordered) -> None:
        """As if the pause before the next question were over."""
        this = tables.attempts.c.number == ordered.attempt
        now = datetime.now(UTC)
        await self.executes(sa.update(tables.attempts).where(this).values(poll_at=now))

    async def at_rest(self) -> None:
        """Nothing is left to be handed over."""
        waiting = tables.outbox.c.status == "pending", tables.outbox.c.topic == "goods"
        await until(lambda: self._without(*waiting), "the last hand-over")

    async def _without(self, *where: sa.ColumnElement[bool]) -> bool:
        return not await self.rows(tables.outbox, *where)

    async def everything_holds(self) -> None:
        """I1–I5, and no failure that nobody expected. Told once of a shop."""
        if not self.open.is_sound:
            return
        self.open.is_sound = False
        await self.at_rest()
        assert not unforeseen(self.open.logged), self.open.reasons()
        await check(self.app.database, self.app.vault, handed_over(self.shop))
        self.open.is_sound = True


async def _unwatched(_: int) -> None:
    pass


@asynccontextmanager
async def at(opened: OpenTill) -> AsyncIterator[Till]:
    """A test's turn; afterwards the invariants hold and the stand-in works again."""
    till = Till(opened)
    person = Person(till.buyer_id, "Ann", started=True)
    opened.shop.telegram.world.add(person)
    yield till
    opened.stand_in.faults.clear()
    await till.everything_holds()
