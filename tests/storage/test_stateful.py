"""Whatever is done to a shop, in whatever order: its invariants hold after every step."""

import asyncio
import tempfile
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from domain import checkout, delivery, importing, refunding, reviewing
from domain.catalog import Variant
from domain.checkout import Placed
from domain.errors import (
    BatchNotFound,
    BatchUndone,
    BlockedByBuyer,
    DomainError,
    NotRefundable,
    NotSent,
    OrderClosed,
    OrderExpired,
    OutOfStock,
    ProviderRejected,
    ProviderUnavailable,
    TelegramAway,
    TooManyPending,
)
from domain.money import Money
from domain.payments import Refund
from storage.schema import migrate
from tests.invariants import check
from tests.shop import ADMIN, NOW, PRICE, RULES, Shop, Till, opened
from tests.storage.recording import Chat, works

KEYS: Final = [f"STATEFUL-KEY-{n:02}" for n in range(12)]
T = TypeVar("T")
ANSWERS: Final = [None, ProviderRejected("till", "no"), ProviderUnavailable("till", "away")]
BUYERS: Final = [701, 702]
_template: Final[list[bytes]] = []
keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4)


def _laid_out(file: Path) -> str:
    """The URL of a migrated database, copied from the first: migrating takes long."""
    url = f"sqlite+aiosqlite:///{file}"
    if not _template:
        asyncio.run(migrate(url))
        _template.append(file.read_bytes())
    file.write_bytes(_template[0])
    return url


class Trade(RuleBasedStateMachine):
    """Orders, stock and settlement on a real file, with crashes in between."""

    orders = Bundle("orders")
    shop: Shop
    variant: Variant

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._url = _laid_out(Path(self._folder.name) / "shop.db")
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self._chat = Chat()
        self._now = NOW
        self._transactions = 0

    def _do(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self._runner.run(wait())

    def teardown(self) -> None:
        self._do(self._open.aclose())
        self._runner.close()
        self._folder.cleanup()

    @initialize(target=orders)
    def opens(self) -> MultipleResults[Placed]:
        """With a paid and an unpaid order, so that every rule has something to do."""
        return multiple(*self._do(self._opens()))

    async def _opens(self) -> list[Placed]:
        self.shop = await self._open.enter_async_context(opened(self._url))
        self.variant = await self.shop.stocked(keys=0)
        await self.shop.imported("GAME", *KEYS[:6])
        paid = await self.shop.sold(self.variant, buyer_id=BUYERS[0])
        return [paid, await self._places(BUYERS[1], 2)]

    @rule(target=orders, buyer_id=st.sampled_from(BUYERS), quantity=st.integers(1, 3))
    def places(self, buyer_id: int, quantity: int) -> Placed | MultipleResults[Placed]:
        try:
            return self._do(self._places(buyer_id, quantity))
        except (OutOfStock, TooManyPending):
            return multiple()

    async def _places(self, buyer_id: int, quantity: int) -> Placed:
        buyer = await self.shop.buyer(buyer_id)
        return await self.shop.places(buyer, self.variant, quantity, now=self._now)

    @rule(order=orders)
    def pays(self, order: Placed) -> None:
        """The first transaction of the order, told of once more when it was known."""
        self._do(self.shop.pays(order, now=self._now))

    @rule(order=orders, share=st.sampled_from([0.5, 1, 1.5]))
    def pays_anew(self, order: Placed, share: float) -> None:
        self._transactions += 1
        amount = Money(int(order.order.total.amount * share), PRICE.currency)
        self._do(
            self.shop.pays(
                order, amount=amount, external_id=f"tx-{self._transactions}", now=self._now
            )
        )

    @rule(order=orders)
    def cancels(self, order: Placed) -> None:
        with suppress(OrderClosed, OrderExpired):
            self._do(
                checkout.cancel(self.shop.uow(), order.order.number, order.order.buyer_id, now=NOW)
            )

    @rule()
    def time_passes(self) -> None:
        self._now += RULES.order_ttl
        self._do(checkout.expire_due(self.shop.uow(), RULES, now=self._now))

    @rule(texts=keys)
    def imports_keys(self, texts: list[str]) -> None:
        """New ones, sold ones, withdrawn ones, the same twice."""
        self._do(self.shop.imported("GAME", *texts))

    @rule(batch_id=st.integers(1, 4))
    def undoes_an_import(self, batch_id: int) -> None:
        with suppress(BatchNotFound, BatchUndone):
            self._do(importing.undo(self.shop.uow(), batch_id, actor_id=ADMIN, now=self._now))

    @rule(texts=keys)
    def withdraws(self, texts: list[str]) -> None:
        self._do(
            importing.withdraw(
                self.shop.uow(), self.shop.vault, texts, sku="GAME", actor_id=ADMIN, now=self._now
            )
        )

    @rule(error=st.sampled_from([None, TelegramAway(), BlockedByBuyer()]))
    def delivers(self, error: NotSent | None) -> None:
        self._chat.errors[:] = [error]
        self._now += timedelta(minutes=1)
        self._do(works(self.shop, self._chat, self._now))

    @rule(buyer_id=st.sampled_from(BUYERS))
    def comes_back(self, buyer_id: int) -> None:
        self._do(self._comes_back(buyer_id))

    async def _comes_back(self, buyer_id: int) -> None:
        buyer = await self.shop.buyer(buyer_id)
        await delivery.hand_over_again(self.shop.uow(), buyer, now=self._now)

    @rule(order=orders, errors=st.lists(st.sampled_from(ANSWERS), max_size=2))
    def refunds(self, order: Placed, errors: list[DomainError | None]) -> None:
        with suppress(NotRefundable, ProviderRejected, ProviderUnavailable):
            self._do(self._refunds(order.order.number, list(errors)))

    async def _refunds(self, number: str, errors: list[DomainError | None]) -> None:
        async def answer(_: Refund) -> None:
            if errors and (error := errors.pop(0)) is not None:
                raise error

        await refunding.refund(
            self.shop.uow(),
            {"till": Till(on_refund=answer)},
            number,
            "by wish",
            actor_id=ADMIN,
            now=self._now,
        )

    @rule(order=orders)
    def is_fulfilled_by_hand(self, order: Placed) -> None:
        with suppress(OrderClosed, OutOfStock):
            self._do(
                reviewing.fulfil(
                    self.shop.uow(), order.order.number, actor_id=ADMIN, now=self._now
                )
            )

    @rule(order=orders)
    def dies_in_the_middle(self, order: Placed) -> None:
        """Everything written in an unfinished transaction, and the connection with it, is gone."""
        self._do(self._dies(order))

    async def _dies(self, order: Placed) -> None:
        async with self.shop.uow() as uow:
            await uow.stock.release(order.order.id)
            await uow.stock.sell(order.order.id)
        await self._open.aclose()
        self.shop = await self._open.enter_async_context(opened(self._url))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "shop"):
            sent = self._chat.hand_overs()
            self._do(check(self.shop.database, self.shop.vault, sent))


Trade.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow],
)


pytestmark = [pytest.mark.timeout(300), pytest.mark.unmeasured]
TestTrade = Trade.TestCase
