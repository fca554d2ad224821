"""Many at once, each with the guard that holds them apart; and what happens without it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from domain import checkout
from domain.checkout import Placed
from domain.customers import Customer
from domain.errors import DomainError, OutOfStock, TooManyPending
from domain.orders import Order, OrderStatus
from domain.payments import Attempt
from domain.settlement import Outcome, settle
from storage import tables
from storage.attempts import SqlAttempts
from storage.customers import SqlCustomers
from storage.orders import SqlOrders
from storage.stock import _CLAIM_WAITING, SqlStock
from storage.unit_of_work import SqlUnitOfWork
from tests.invariants import check
from tests.shop import NOW, RULES, Shop, opened, payment_of

AFTER = NOW + RULES.order_ttl
Results = list[Placed | BaseException]


async def crowd(shop: Shop, buyers: int, keys: int) -> Results:
    """So many buyers press Buy at the same moment."""
    variant = await shop.stocked(keys=keys)
    people = [await shop.buyer(n) for n in range(1, buyers + 1)]
    return await asyncio.gather(
        *(shop.places(person, variant) for person in people), return_exceptions=True
    )


def placed_of(results: Results) -> list[Placed]:
    return [result for result in results if isinstance(result, Placed)]


async def test_200_buyers_of_50_keys_are_50_orders(shop: Shop) -> None:
    results = await crowd(shop, buyers=200, keys=50)
    placed = placed_of(results)
    assert len(placed) == 50
    assert sum(isinstance(result, OutOfStock) for result in results) == 150
    await asyncio.gather(*(shop.pays(each) for each in placed))
    bought = [key for each in placed for key in await shop.bought(each)]
    assert len(set(bought)) == 50


class Unguarded(SqlStock):
    """Reads which key is free and takes it, without holding the row in between."""

    async def reserve(self, order_id: int, variant_id: int, quantity: int) -> None:
        keys = tables.card_keys
        free = sa.select(keys.c.id).where(
            keys.c.variant_id == variant_id, keys.c.status == "available"
        )
        found = (await self._connection.scalars(free.order_by(keys.c.id).limit(quantity))).all()
        if len(found) < quantity:
            raise OutOfStock(variant_id, len(found))
        take = sa.update(keys).where(keys.c.id.in_(found))
        await self._connection.execute(take.values(status="reserved", order_id=order_id))


class UnguardedUnitOfWork(SqlUnitOfWork):
    def _open_repositories(self, connection: AsyncConnection) -> None:
        super()._open_repositories(connection)
        self.stock = Unguarded(connection, {})


class UnguardedShop(Shop):
    def uow(self) -> SqlUnitOfWork:
        return UnguardedUnitOfWork(self.database)


async def test_without_the_guard_one_key_is_sold_to_many(postgresql_url: str) -> None:
    """The control: the crowd above is crowd enough, and the invariants see what goes wrong."""
    async with opened(postgresql_url) as guarded:
        shop = UnguardedShop(guarded.database, guarded.vault, guarded.till)
        orders = len(placed_of(await crowd(shop, buyers=200, keys=50)))
        reserved = (await shop.stock()).reserved
        assert orders > reserved
        with pytest.raises(AssertionError, match="I2"):
            await check(shop.database, shop.vault)


class Impatient(SqlStock):
    """Passes over the keys that others hold, and takes the rest for all there is."""

    async def _claim(
        self, statement: ReturningUpdate[int], *bounds: int, **_: int
    ) -> Sequence[int]:
        return [] if statement is _CLAIM_WAITING else await super()._claim(statement, *bounds)


@pytest.mark.parametrize("waits", [True, False], ids=["waiting", "control"])
async def test_a_reservation_rolled_back_leaves_its_key_to_the_next(
    postgresql_shop: Shop, waits: bool
) -> None:
    """The last key is held by somebody who then gives up: it is not sold out until it is."""
    shop = postgresql_shop
    variant = await shop.stocked(keys=1)
    first = await shop.places(await shop.buyer(1), variant)
    await checkout.cancel(shop.uow(), first.order.number, 1, now=NOW)
    async with shop.uow() as holder, shop.uow() as next_one:
        await holder.stock.reserve(first.order.id, variant.id, 1)
        if not waits:
            next_one.stock = Impatient(next_one.stock._connection, {})
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_outcome(next_one, first.order.id, variant.id))
            await asyncio.wait({task}, timeout=0.2)
            assert task.done() is not waits
            await holder.__aexit__(None, None, None)
        assert task.result() == ("reserved" if waits else "sold out")


async def _outcome(uow: SqlUnitOfWork, order_id: int, variant_id: int) -> str:
    try:
        await uow.stock.reserve(order_id, variant_id, 1)
    except OutOfStock:
        return "sold out"
    return "reserved"


async def test_a_reservation_rolled_back_in_the_crowd_is_sold_to_another(shop: Shop) -> None:
    variant = await shop.stocked(keys=5)
    people = [await shop.buyer(n) for n in range(1, 21)]

    async def change_ones_mind() -> None:
        async with shop.uow() as uow:
            await uow.stock.reserve(template.order.id, variant.id, 1)

    template = await shop.places(people[0], variant)
    await checkout.cancel(shop.uow(), template.order.number, people[0].id, now=NOW)
    results = await asyncio.gather(
        *(shop.places(person, variant) for person in people),
        *(change_ones_mind() for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Placed) for result in results) == 5
    assert (await shop.stock()).reserved == 5


async def test_20_taps_are_one_order(shop: Shop) -> None:
    variant = await shop.stocked(keys=20)
    buyer = await shop.buyer()
    taps = (shop.places(buyer, variant, request_id="preview") for _ in range(20))
    numbers = {placed.order.number for placed in await asyncio.gather(*taps)}
    assert len(numbers) == 1
    assert (await shop.stock()).reserved == 1
    assert len(shop.till.created) == 1


async def test_the_cap_on_unpaid_orders_holds_in_a_rush(shop: Shop) -> None:
    variant = await shop.stocked(keys=20)
    buyer = await shop.buyer()
    results = await asyncio.gather(
        *(shop.places(buyer, variant) for _ in range(20)), return_exceptions=True
    )
    assert len(placed_of(results)) == RULES.max_pending
    assert sum(isinstance(result, TooManyPending) for result in results) == 17


class UnlockedCustomers(SqlCustomers):
    async def lock(self, customer_id: int) -> Customer | None:
        """Let everybody in at once."""
        return await self.get(customer_id)


class UnlockedOrders(SqlOrders):
    async def lock_with_attempt(
        self, provider: str, attempt_number: str
    ) -> tuple[Order, Attempt] | None:
        """Read without holding."""
        attempt = await SqlAttempts(self._connection).by_number(attempt_number)
        return (await self.get(attempt.order_id), attempt) if attempt else None


class Unlocked(SqlUnitOfWork):
    def _open_repositories(self, connection: AsyncConnection) -> None:
        super()._open_repositories(connection)
        self.customers = UnlockedCustomers(connection, frozenset())
        self.orders = UnlockedOrders(connection)


class UnlockedShop(Shop):
    def uow(self) -> SqlUnitOfWork:
        return Unlocked(self.database)


async def test_without_the_lock_the_cap_does_not_hold(postgresql_url: str) -> None:
    """The control of the test above."""
    async with opened(postgresql_url) as locked:
        shop = UnlockedShop(locked.database, locked.vault, locked.till)
        variant = await shop.stocked(keys=20)
        buyer = await shop.buyer()
        results = await asyncio.gather(
            *(shop.places(buyer, variant) for _ in range(20)), return_exceptions=True
        )
        assert len(placed_of(results)) > RULES.max_pending


async def test_50_identical_messages_are_one_payment(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    settlements = await asyncio.gather(*(shop.pays(placed) for _ in range(50)))
    outcomes = Counter(settlement.outcome for settlement in settlements)
    assert outcomes == {Outcome.PAID: 1, Outcome.REPEATED: 49}
    assert len(await shop.bought(placed)) == 1
    assert len(await shop.rows(tables.outbox)) == 1


async def test_payments_of_one_order_at_once_buy_it_once(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    settlements = await asyncio.gather(
        *(shop.pays(placed, external_id=f"tx-{n % 5}") for n in range(25))
    )
    outcomes = Counter(settlement.outcome for settlement in settlements)
    assert outcomes == {Outcome.PAID: 1, Outcome.TWICE: 4, Outcome.REPEATED: 20}
    assert len(await shop.bought(placed)) == 1


async def test_without_the_lock_an_order_is_bought_again_by_each_payment(
    postgresql_url: str,
) -> None:
    """The control of the test above."""
    async with opened(postgresql_url) as locked:
        shop = UnlockedShop(locked.database, locked.vault, locked.till)
        placed = await shop.places(await shop.buyer(), await shop.stocked(keys=20))
        await asyncio.gather(*(shop.pays(placed, external_id=f"tx-{n}") for n in range(10)))
        assert len(await shop.bought(placed)) > 1
        with pytest.raises(AssertionError, match="I2"):
            await check(shop.database, shop.vault)


async def test_expiry_and_payment_have_one_winner(shop: Shop) -> None:
    variant = await shop.stocked(keys=10)
    placed = [await shop.places(await shop.buyer(n), variant) for n in range(1, 11)]
    work = [shop.pays(each, now=AFTER) for each in placed]
    expiries = [checkout.expire_due(shop.uow(), RULES, now=AFTER, limit=3) for _ in range(5)]
    results = await asyncio.gather(*work, *expiries, return_exceptions=True)
    assert not [result for result in results if isinstance(result, BaseException)]
    for each in placed:
        assert (await shop.order(each)).status is OrderStatus.PAID
        assert len(await shop.bought(each)) == 1


async def test_cancelling_and_paying_at_once_loses_nothing(shop: Shop) -> None:
    variant = await shop.stocked(keys=10)
    placed = [await shop.places(await shop.buyer(n), variant) for n in range(1, 11)]
    results = await asyncio.gather(
        *(shop.pays(each) for each in placed),
        *(checkout.cancel(shop.uow(), e.order.number, e.order.buyer_id, now=NOW) for e in placed),
        return_exceptions=True,
    )
    odd = [r for r in results if isinstance(r, BaseException) and not isinstance(r, DomainError)]
    assert odd == []
    assert all([(await shop.order(each)).status is OrderStatus.PAID for each in placed])


async def test_two_workers_share_the_outbox(shop: Shop) -> None:
    variant = await shop.stocked(keys=20)
    for n in range(1, 21):
        await shop.sold(variant, buyer_id=n)

    async def claim() -> list[int]:
        async with shop.uow() as uow:
            found = await uow.outbox.claim(NOW, timedelta(minutes=1), limit=7)
            await uow.commit()
        return [delivery.id for delivery in found]

    claims = await asyncio.gather(*(claim() for _ in range(4)))
    ids = [each for claimed in claims for each in claimed]
    assert len(ids) == len(set(ids))


async def test_a_transaction_that_did_not_finish_settles_nothing(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())

    class Killed(SqlUnitOfWork):
        async def commit(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await settle(Killed(shop.database), payment_of(placed), RULES, now=NOW)
    assert (await shop.order(placed)).status is OrderStatus.PENDING
    assert await shop.rows(tables.payments) == []
    assert (await shop.pays(placed)).outcome is Outcome.PAID
