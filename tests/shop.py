"""A shop on a database: stocks, buyers, orders and payments in a line each."""

import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain import checkout, importing, managing
from domain.catalog import Variant
from domain.checkout import Placed, Request
from domain.customers import Customer
from domain.money import STARS, Money
from domain.orders import Order
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    PaymentEvent,
    PaymentProvider,
    Refund,
    RefundResult,
)
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from domain.settlement import Settlement, settle
from domain.stock import StockCount
from storage.engine import create_engine, read_url
from storage.unit_of_work import Database, SqlUnitOfWork
from storage.vault import Vault, open_vault
from tests import logscan

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
PRICE: Final = Money(499, "USD")
MASTER: Final = bytes(range(32))
ADMIN: Final = 1
BUYER: Final = 700
# Whatever does not fit is put before a person.
ASKING: Final = Remedies(
    late=Remedy.DELIVER, sold_out=Remedy.ASK, over=Remedy.ASK, twice=Remedy.ASK
)
RULES: Final = Rules(remedies=ASKING)
_request_numbers: Final = itertools.count(1)


async def _nothing_more(_: object) -> None:
    """Where a test does not care what happens meanwhile."""


@dataclass
class Till:
    """A provider that says what it is told to say, and keeps what it was asked."""

    code: str = "till"
    title: str = "Till"
    account: str = "till-1"
    live: bool = True
    capabilities: Capability = Capability.REFUND | Capability.PARTIAL_REFUND
    currencies: Sequence[str] = ()
    tail: timedelta = timedelta(hours=2)
    takes_orders: bool = True
    knows: dict[str, News] = field(default_factory=dict)  # what it answers, by attempt
    closes: CloseResult = CloseResult.MAYBE_PAYABLE
    refund_result: RefundResult = RefundResult(done=True)  # noqa: RUF009 - it never changes
    on_create: Callable[[NewAttempt], Awaitable[None]] = _nothing_more
    on_query: Callable[[Attempt], Awaitable[None]] = _nothing_more
    on_refund: Callable[[Refund], Awaitable[None]] = _nothing_more
    created: list[NewAttempt] = field(default_factory=list)
    refunded: list[Refund] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def takes(self, amount: Money) -> bool:
        return self.takes_orders

    async def create(self, new: NewAttempt) -> Checkout:
        self.created.append(new)
        await self.on_create(new)
        return Checkout(link=f"https://till.example/{new.attempt.number}")

    async def query(self, attempt: Attempt) -> News | None:
        await self.on_query(attempt)
        return self.knows.get(attempt.number)

    async def close(self, attempt: Attempt) -> CloseResult:
        self.closed.append(attempt.number)
        return self.closes

    async def refund(self, refund: Refund) -> RefundResult:
        self.refunded.append(refund)
        await self.on_refund(refund)
        return self.refund_result

    async def check(self) -> None:
        """Nothing is wrong with it."""


@dataclass(frozen=True)
class Shop:
    """The shop under test, and the till that its buyers pay at."""

    database: Database
    vault: Vault
    till: Till

    def uow(self) -> SqlUnitOfWork:
        """A new unit of work."""
        return self.database.unit_of_work()

    async def stocked(
        self, sku: str = "GAME", price: Money = PRICE, keys: int = 3, stars: int | None = None
    ) -> Variant:
        """A new product called as its SKU, with keys `GAME-KEY-0001` and so on."""
        _, variant = await managing.new_product(
            self.uow(), sku=sku, price=price, name=sku, actor_id=ADMIN, now=NOW
        )
        if stars is not None:
            await self.changed(sku, "stars", str(stars))
            variant.prices[STARS] = stars
        await self.imported(sku, *(f"{sku}-KEY-{nth:04}" for nth in range(1, keys + 1)))
        return variant

    async def changed(self, sku: str, field: str, value: str) -> None:
        """Set one field of a product, as an admin does."""
        await managing.set_product(
            self.uow(),
            sku=sku,
            field=field,
            value=value,
            currency="USD",
            actor_id=ADMIN,
            now=NOW,
        )

    async def imported(self, sku: str, *keys: str) -> importing.Report:
        """Import keys, which are secrets from now on."""
        for key in keys:
            logscan.plant(key)
        return await importing.import_keys(
            self.uow(),
            self.vault,
            importing.TypedKeys("\n".join(keys)),
            sku=sku,
            name="keys.txt",
            actor_id=ADMIN,
            now=NOW,
            progress=_nothing_more,
        )

    async def buyer(self, buyer_id: int = BUYER) -> Customer:
        """Somebody who has pressed Start."""
        customer = Customer(buyer_id, f"Buyer {buyer_id}")
        async with self.uow() as uow:
            await uow.customers.save(customer)
            await uow.commit()
        return customer

    async def places(
        self,
        buyer: Customer,
        variant: Variant,
        quantity: int = 1,
        provider: PaymentProvider | None = None,
        request_id: str | None = None,
        *,
        now: datetime = NOW,
        rules: Rules = RULES,
    ) -> Placed:
        """The buyer presses a payment method, on a preview of its own unless `request_id` says."""
        request_id = request_id or f"request-{next(_request_numbers)}"
        shown = variant.price * quantity
        request = Request(request_id, buyer.id, variant.id, quantity, shown)
        return await checkout.buy(self.uow(), provider or self.till, request, rules, now=now)

    async def pays(
        self, placed: Placed, *, now: datetime = NOW, rules: Rules = RULES, **changes: Any
    ) -> Settlement:
        """The provider tells of the payment; `changes` are fields of its `PaymentEvent`."""
        event = dataclasses.replace(payment_of(placed), **changes)
        return await settle(self.uow(), event, rules, now=now)

    async def sold(self, variant: Variant, quantity: int = 1, buyer_id: int = BUYER) -> Placed:
        """A paid order of a buyer who may be new."""
        placed = await self.places(await self.buyer(buyer_id), variant, quantity)
        await self.pays(placed)
        return placed

    async def order(self, placed: Placed) -> Order:
        """The order as it is stored by now."""
        async with self.uow() as uow:
            return await uow.orders.get(placed.order.id)

    async def attempt(self, placed: Placed) -> Attempt:
        """The order's newest attempt as it is stored by now."""
        async with self.uow() as uow:
            return (await uow.attempts.of_order(placed.order.id))[-1]

    async def stock(self, sku: str = "GAME") -> StockCount:
        (count,) = await managing.stock(self.uow(), sku)
        return count

    async def bought(self, placed: Placed) -> list[str]:
        """The keys that an order was sold, in the clear."""
        async with self.uow() as uow:
            sealed = await uow.stock.keys_of(placed.order.id)
        return [self.vault.open(key).reveal() for key in sealed]

    async def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> list[dict[str, Any]]:
        """What a table holds, oldest first."""
        statement = sa.select(table).where(*where).order_by(*table.primary_key)
        async with self.database.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(statement)]

    async def executes(self, statement: sa.Executable) -> None:
        """Do to the database what no use case does."""
        async with self.database.engine.begin() as connection:
            await connection.execute(statement)


def payment_of(placed: Placed) -> PaymentEvent:
    """What the provider says when the whole price has arrived; always the same transaction."""
    attempt = placed.attempt
    assert attempt is not None
    return PaymentEvent(
        provider=attempt.provider,
        account=attempt.account,
        live=attempt.live,
        external_id=f"tx-{attempt.number}",
        attempt_number=attempt.number,
        amount=attempt.amount,
    )


@asynccontextmanager
async def opened(
    database_url: str, *, owner_ids: frozenset[int] = frozenset(), pool_size: int = 10
) -> AsyncIterator[Shop]:
    """Open the shop on a migrated database; its master key is always the same."""
    engine = create_engine(read_url(database_url), pool_size=pool_size)
    try:
        async with engine.begin() as connection:
            vault = await open_vault(connection, MASTER, NOW)
        yield Shop(Database(engine, owner_ids), vault, Till())
    finally:
        await engine.dispose()
