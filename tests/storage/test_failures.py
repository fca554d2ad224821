"""What the drivers say, in the few words that the house knows."""

import asyncio
import sqlite3

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from domain import browsing, checkout
from domain.errors import DatabaseAway, DiskFull, TransactionAborted
from domain.orders import OrderStatus
from domain.rules import Rules
from domain.settlement import settle
from storage import tables
from storage.engine import create_engine
from storage.failures import translated
from storage.unit_of_work import Database, SqlUnitOfWork
from tests.shop import NOW, RULES, Shop, opened, payment_of
from tests.storage.cable import laid
from tests.storage.sessions import ended


class Interrupted(SqlUnitOfWork):
    """Loses its connection before its first commit, as by a restart of the server."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.database)
        self.ended_count = 0

    async def commit(self) -> None:
        if not self.ended_count:
            spare = create_async_engine(self._database.engine.url)
            async with spare.connect() as connection:
                self.ended_count = await ended(connection)
            await spare.dispose()
        await super().commit()


async def test_a_server_restarted_mid_transaction_is_asked_again(postgresql_shop: Shop) -> None:
    shop = postgresql_shop
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    uow = Interrupted(shop)
    await settle(uow, payment_of(placed), RULES, now=NOW)
    assert uow.ended_count
    assert (await shop.order(placed)).status is OrderStatus.PAID
    assert len(await shop.bought(placed)) == 1


async def test_without_a_second_try_the_interruption_shows(postgresql_shop: Shop) -> None:
    """The control of the test above."""
    placed = await postgresql_shop.places(
        await postgresql_shop.buyer(), await postgresql_shop.stocked()
    )
    with pytest.raises(TransactionAborted):
        await settle.__wrapped__(  # type: ignore[attr-defined]
            Interrupted(postgresql_shop), payment_of(placed), RULES, now=NOW
        )
    assert (await postgresql_shop.order(placed)).status is OrderStatus.PENDING


async def test_a_server_restarted_while_the_shop_was_idle_is_not_noticed(
    postgresql_shop: Shop,
) -> None:
    shop = postgresql_shop
    await shop.stocked()
    spare = create_async_engine(shop.database.engine.url)
    async with spare.connect() as connection:
        assert await ended(connection)
    await spare.dispose()
    shelf = await browsing.browse(shop.uow())
    assert len(shelf.offers.items) == 1


async def test_a_connection_cut_mid_transaction_is_made_anew(postgresql_url: str) -> None:
    async with laid(postgresql_url) as (cable, url), opened(url) as shop:
        placed = await shop.places(await shop.buyer(), await shop.stocked())
        cable.cut_at = b"INSERT INTO outbox"
        await shop.pays(placed)
        assert cable.is_cut
        assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_a_commit_whose_answer_is_lost_settles_once(postgresql_url: str) -> None:
    async with laid(postgresql_url) as (cable, url), opened(url) as shop:
        placed = await shop.places(await shop.buyer(), await shop.stocked())
        cable.cut_at, cable.after_answer = b"COMMIT", True
        await shop.pays(placed)
        assert cable.is_cut
        assert len(await shop.bought(placed)) == 1
        assert len(await shop.rows(tables.ledger)) == 2


async def test_a_commit_whose_answer_is_lost_places_one_order_that_can_be_paid(
    postgresql_url: str,
) -> None:
    async with laid(postgresql_url) as (cable, url), opened(url) as shop:
        variant = await shop.stocked()
        buyer = await shop.buyer()
        cable.cut_at, cable.after_answer = b"COMMIT", True
        placed = await shop.places(buyer, variant)
        assert cable.is_cut
        assert len(await shop.rows(tables.orders)) == 1
        assert placed.attempt is not None
        assert placed.attempt.checkout is not None


async def test_a_lock_that_is_not_given_up_is_not_waited_for_for_ever(
    postgresql_shop: Shop,
) -> None:
    shop = postgresql_shop
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    async with shop.uow() as holder:
        await holder.orders.lock(placed.order.id)
        async with shop.uow() as waiting:
            await waiting._connection.execute(  # type: ignore[union-attr]
                sa.text("SET LOCAL lock_timeout = '50ms'")
            )
            with pytest.raises(sa.exc.DBAPIError) as refusal:
                await waiting.orders.lock(placed.order.id)
    assert isinstance(translated(refusal.value), TransactionAborted)


async def test_a_deadlock_ends_with_both_done(postgresql_shop: Shop) -> None:
    """Each wants forty of fifty keys and can hold some of them: one is ended and told so."""
    shop = postgresql_shop
    variant = await shop.stocked(keys=50)
    buyers = [await shop.buyer(1), await shop.buyer(2)]
    results = await asyncio.gather(
        *(shop.places(buyer, variant, 40) for buyer in buyers), return_exceptions=True
    )
    assert sum(isinstance(result, checkout.Placed) for result in results) == 1
    assert (await shop.stock()).reserved == 40


async def test_a_locked_file_is_waited_for(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    file = sqlite3.connect(shop.database.engine.url.database or "", isolation_level=None)
    file.execute("BEGIN IMMEDIATE")
    async with asyncio.TaskGroup() as group:
        paying = group.create_task(shop.pays(placed))
        done, _ = await asyncio.wait({paying}, timeout=0.2)
        assert not done
        file.execute("ROLLBACK")
    file.close()
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_a_file_locked_for_ever_is_not_waited_for_for_ever(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    await shop.stocked()
    async with shop.database.engine.connect() as connection:
        await connection.execute(sa.text("PRAGMA busy_timeout = 10"))
    file = sqlite3.connect(shop.database.engine.url.database or "", isolation_level=None)
    file.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(10):
        with pytest.raises(TransactionAborted):
            await checkout.expire_due(shop.uow(), RULES, now=NOW)
    file.close()


async def test_a_full_disk_is_told_and_nothing_half_sold(sqlite_shop: Shop) -> None:
    shop = sqlite_shop
    variant = await shop.stocked(keys=500)
    buyer = await shop.buyer()
    async with shop.database.engine.connect() as connection:
        pages = await connection.scalar(sa.text("PRAGMA page_count"))
        await connection.execute(sa.text(f"PRAGMA max_page_count = {pages}"))

    async def sell_on() -> None:
        for _ in range(500):
            await shop.places(buyer, variant, rules=Rules(max_pending=1000))

    with pytest.raises(DiskFull):
        await sell_on()
    orders = await shop.rows(tables.orders)
    assert 0 < len(orders) < 500
    assert (await shop.stock()).reserved == len(orders)


async def test_a_server_that_is_not_there_is_away() -> None:
    await is_away(sa.make_url("postgresql+asyncpg://nobody@127.0.0.1:1/none"))


@pytest.mark.postgres
async def test_a_database_that_is_not_there_is_away(postgresql_url: str) -> None:
    await is_away(sa.make_url(postgresql_url).set(database="no_such_database"))


async def is_away(url: sa.URL) -> None:
    engine = create_engine(url)
    with pytest.raises(DatabaseAway):
        await browsing.browse(Database(engine).unit_of_work())
    await engine.dispose()


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (sa.exc.TimeoutError(), DatabaseAway),
        (asyncpg.DiskFullError("x"), DiskFull),
        (asyncpg.SerializationError("x"), TransactionAborted),
        (asyncpg.DeadlockDetectedError("x"), TransactionAborted),
        (asyncpg.LockNotAvailableError("x"), TransactionAborted),
        (asyncpg.QueryCanceledError("x"), TransactionAborted),
        (asyncpg.AdminShutdownError("x"), TransactionAborted),
        (asyncpg.TooManyConnectionsError("x"), DatabaseAway),
        (asyncpg.CannotConnectNowError("x"), DatabaseAway),
        # The driver's own words for a connection lost while a statement ran.
        (asyncpg.ConnectionDoesNotExistError("connection was closed"), TransactionAborted),
        (asyncpg.InterfaceError("connection is closed"), TransactionAborted),
        (TimeoutError(), TransactionAborted),  # command_timeout
        (sa.exc.OperationalError("", {}, sqlite3.OperationalError("disk I/O error")), DiskFull),
        (
            sa.exc.OperationalError("", {}, sqlite3.OperationalError("database is locked")),
            TransactionAborted,
        ),
        (
            sa.exc.OperationalError("", {}, sqlite3.OperationalError("unable to open database")),
            DatabaseAway,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_error_has_its_word(error: Exception, known: type[Exception]) -> None:
    assert type(translated(error)) is known


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        asyncpg.UniqueViolationError("x"),
        sa.exc.IntegrityError("", {}, sqlite3.IntegrityError("UNIQUE constraint failed")),
    ],
)
def test_a_mistake_in_the_program_keeps_its_name(error: Exception) -> None:
    assert translated(error) is None


def test_a_failure_to_connect_is_a_database_away() -> None:
    for error in (ConnectionRefusedError(), TimeoutError(), asyncpg.InvalidPasswordError("x")):
        assert type(translated(error, connecting=True)) is DatabaseAway
