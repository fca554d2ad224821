"""A shop's week in a few minutes: buyers, payments and faults by chance, time by hand.

Everything but Telegram is the real thing: the use cases, the database, the providers' adapters
over HTTP, and the callbacks' address of the shop.
"""

import asyncio
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import aiohttp

from domain import checkout, delivery, filling, importing, polling, refunding, spending, wallet
from domain.checkout import Placed, Request
from domain.customers import Customer
from domain.delivery import HandOver, Outgoing
from domain.errors import (
    DomainError,
    MethodUnavailable,
    OutOfStock,
    ProviderUnavailable,
    TelegramAway,
    TooManyPending,
)
from domain.money import Money
from domain.payments import Capability, PaymentProvider
from domain.refunding import Wanted
from domain.rules import Rules
from domain.settlement import adopt_orphans
from storage.unit_of_work import Database
from storage.vault import Vault
from tests.invariants import Sent
from tests.payments.stand_ins import LEFT_OUT, Served
from tests.payments.standin import Fault
from tests.shop import ADMIN

SKU: Final = "GAME"
BUYERS: Final = range(5001, 5201)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
RETRY: Final = timedelta(minutes=10)  # when a provider calls back once more
RETRIES: Final = 60


class Traveller(Protocol):
    def move_to(self, destination: datetime) -> None: ...


@dataclass(order=True)
class _Event:
    at: datetime
    nth: int
    happens: Callable[[], Awaitable[None]] = field(compare=False)


class Chats:
    """Telegram: takes most of what it is sent, and forgets none of it."""

    def __init__(self, chance: random.Random) -> None:
        self.sent: list[Sent] = []
        self._chance = chance

    def compose(self, message: Outgoing) -> Sequence[Outgoing]:
        return [message]

    async def send(self, chat_id: int, part: Outgoing) -> None:
        """Now and then its answer gets lost, before the message has come or after."""
        lost = self._chance.random()
        if lost < 0.02:
            raise TelegramAway("timeout")
        if isinstance(part, HandOver):
            keys = tuple(key.secret.reveal() for key in part.keys)
            self.sent.append(Sent(chat_id, part.order.number, keys))
        if lost > 0.98:
            raise TelegramAway("timeout")


@dataclass
class Week:
    """`there` are the providers' stand-ins by code; `url` is the shop's own."""

    database: Database
    vault: Vault
    rules: Rules
    providers: dict[str, PaymentProvider]
    there: dict[str, Served]
    http: aiohttp.ClientSession
    url: str
    traveller: Traveller
    chance: random.Random
    now: datetime
    what: Counter[str] = field(default_factory=Counter)  # how often each thing has happened

    def __post_init__(self) -> None:
        self.chats = Chats(self.chance)
        self._events: list[_Event] = []
        self._nth = itertools.count()
        self._keys = itertools.count()

    # --- Time ---------------------------------------------------------------------------------

    def after(self, pause: timedelta, happens: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._events, _Event(self.now + pause, next(self._nth), happens))

    async def trade(self, orders: int) -> None:
        """An order a minute, and afterwards whatever they have set going."""
        for nth in range(orders):
            self.after(nth * MINUTE, self.somebody_comes)
        for nth in range(orders // 40):
            self.after(nth * 40 * MINUTE, self.goods_come)
        for nth in range(orders // 200 + 1):
            self.after((nth * 200 + 50) * MINUTE, self.a_provider_fails)
        self.after(MINUTE, self.keep_house)
        self._ends = self.now + orders * MINUTE + timedelta(days=2)
        while self._events:
            event = heapq.heappop(self._events)
            self.now = max(self.now, event.at)
            self.traveller.move_to(self.now)
            await event.happens()

    async def keep_house(self) -> None:
        """What the worker does, and when: every minute, in the end every half an hour."""
        uow = self.database.unit_of_work
        await polling.poll_due(uow(), self.providers, self.rules, now=self.now, limit=200)
        await checkout.expire_due(uow(), self.rules, now=self.now)
        await adopt_orphans(uow(), self.rules, now=self.now)
        await filling.fill(uow(), now=self.now)
        await refunding.carry_on(uow(), self.providers, now=self.now)
        await self._deliver()
        if self.now < self._ends:
            quiet = self.now > self._ends - timedelta(days=1)
            self.after(30 * MINUTE if quiet else MINUTE, self.keep_house)

    async def _deliver(self) -> None:
        while claimed := await delivery.claim(
            self.database.unit_of_work(), self.rules, now=self.now, limit=20
        ):
            for one in claimed:
                await delivery.deliver(
                    self.database.unit_of_work(),
                    self.vault,
                    self.chats,
                    one,
                    self.rules,
                    lambda: self.now,
                )

    # --- What happens -------------------------------------------------------------------------

    async def goods_come(self) -> None:
        """Fewer than are asked for: now and then they run out."""
        keys = [f"KEY-{next(self._keys):07}" for _ in range(44)]
        await importing.import_keys(
            self.database.unit_of_work(),
            self.vault,
            importing.TypedKeys("\n".join(keys)),
            sku=SKU,
            name="week",
            actor_id=ADMIN,
            now=self.now,
            progress=_unwatched,
        )

    async def a_provider_fails(self) -> None:
        down = self.there[self.chance.choice(sorted(self.there))]
        down.faults["*"] = self.chance.choice([Fault.BROKEN, Fault.NONSENSE, Fault.CUT])
        self.what["outage"] += 1

        async def it_is_back() -> None:
            down.faults.clear()

        self.after(self.chance.uniform(0.5, 2) * HOUR, it_is_back)

    async def somebody_comes(self) -> None:
        buyer, code = self.chance.choice(BUYERS), self.chance.choice(sorted(self.there))
        try:
            placed = await self._placed(buyer, self.providers[code])
        except (OutOfStock, TooManyPending, MethodUnavailable) as error:
            self.what[type(error).__name__] += 1
            return
        if placed is None or placed.attempt is None or placed.attempt.provider not in self.there:
            return
        await self._fate(placed, placed.attempt.provider, placed.attempt.number)

    async def _placed(self, buyer: int, provider: PaymentProvider) -> Placed | None:
        """An order, paid from the balance as far as that goes, or a top-up."""
        uow = self.database.unit_of_work
        kind = self.chance.random()
        if kind < 0.05:
            amount = Money(self.chance.randint(100, 3000), "USD")
            order = await spending.top_up(uow(), buyer, amount, self.rules, now=self.now)
            self.what["top-up"] += 1
            return await self._pays_with(provider, order.number, buyer)
        async with uow() as reading:
            _, variant = await reading.catalog.by_sku(SKU)
        count = self.chance.choice([1, 1, 1, 2])
        request = Request(f"r{next(self._nth)}", buyer, variant.id, count, variant.price * count)
        owed = await wallet.balances(uow(), buyer)
        if any(m.currency == "USD" and m.amount > 0 for m in owed) and kind < 0.5:
            placed = await spending.buy_from_balance(uow(), request, self.rules, now=self.now)
            self.what["from the balance"] += 1
            if not placed.order.is_pending:
                return None
            return await self._pays_with(provider, placed.order.number, buyer)
        return await checkout.buy(uow(), provider, request, self.rules, now=self.now)

    async def _pays_with(self, provider: PaymentProvider, number: str, buyer: int) -> Placed:
        return await checkout.pay_with(
            self.database.unit_of_work(), provider, number, buyer, self.rules, now=self.now
        )

    async def _fate(self, placed: Placed, code: str, number: str) -> None:
        """What becomes of an order that its provider knows; some never hear of it."""
        fates = {
            self._paid: 60,
            self._paid_at_the_last_moment: 8,
            self._cancelled: 5,
            self._cancelled_and_paid: 4,
            self._paid_twice: 4,
            self._forgotten: 19,
        }
        [fate] = self.chance.choices([*fates], [*fates.values()])
        await fate(placed, code, number)

    async def _paid(self, placed: Placed, code: str, number: str) -> None:
        self.after(self.chance.uniform(5, 400) * SECOND, lambda: self._pay(placed, code, number))

    async def _paid_at_the_last_moment(self, placed: Placed, code: str, number: str) -> None:
        pause = placed.order.reserved_until - self.now + self.chance.uniform(-40, 40) * SECOND
        self.after(pause, lambda: self._pay(placed, code, number))

    async def _forgotten(self, placed: Placed, code: str, number: str) -> None:
        self.what["forgotten"] += 1

    async def _cancelled(self, placed: Placed, code: str, number: str) -> None:
        self.after(MINUTE, lambda: self._cancel(placed))

    async def _cancelled_and_paid(self, placed: Placed, code: str, number: str) -> None:
        await self._cancelled(placed, code, number)
        self.after(2 * MINUTE, lambda: self._pay(placed, code, number))

    async def _paid_twice(self, placed: Placed, code: str, number: str) -> None:
        """By two channels."""
        await self._paid(placed, code, number)
        other = self.chance.choice(sorted({*self.there} - {code}))

        async def second() -> None:
            order = placed.order
            try:
                more = await self._pays_with(self.providers[other], order.number, order.buyer_id)
            except DomainError:
                return  # it was paid meanwhile
            if more.attempt is not None:
                await self._paid(more, other, more.attempt.number)

        self.after(20 * SECOND, second)

    async def _cancel(self, placed: Placed) -> None:
        order, uow = placed.order, self.database.unit_of_work
        providers, rules = self.providers, self.rules
        try:
            await polling.leave(
                uow(), providers, order.number, order.buyer_id, rules, now=self.now
            )
            await checkout.cancel(uow(), order.number, order.buyer_id, now=self.now)
            self.what["cancelled"] += 1
        except DomainError as error:
            self.what[f"not cancelled: {type(error).__name__}"] += 1

    async def _pay(self, placed: Placed, code: str, number: str) -> None:
        """The buyer pays where that is possible still, and the provider calls back somehow."""
        there = self.there[code]
        if there.faults:
            self.after(HOUR, lambda: self._pay(placed, code, number))
            return
        if not there.knows(number) or not there.payable(number):
            self.what["not payable any more"] += 1
            return
        there.pay(number)
        self.what["paid"] += 1
        asked = Capability.QUERY in self.providers[code].capabilities
        how = self.chance.random()
        if how < 0.1 and asked:
            self.what["callback lost"] += 1
        elif how < 0.2:
            self._calls_back(code, number, self.chance.uniform(0.5, 30) * HOUR)
            self.what["callback late"] += 1
        elif how < 0.35:
            for _ in range(3):
                self._calls_back(code, number, self.chance.uniform(0, 60) * SECOND)
            self.what["callback repeated"] += 1
        else:
            self._calls_back(code, number, self.chance.uniform(0, 10) * SECOND)
        if how > 0.92:
            pause = self.chance.uniform(1, 10) * HOUR
            self.after(pause, lambda: self._money_goes_back(placed, code, number))

    def _calls_back(self, code: str, number: str, pause: timedelta, left: int = RETRIES) -> None:
        async def call() -> None:
            there = self.there[code]
            calling = there.notice(number).send(self.http, f"{self.url}/payments/{code}/notify")
            if self.chance.random() < 0.05:  # the shop is killed in the midst of it
                self.what["killed"] += 1
                await _killed(calling, self.chance.randint(1, 60))
                self._calls_back(code, number, RETRY, left - 1)
            elif (await calling) != there.accepted and left:
                self.what["callback refused"] += 1
                self._calls_back(code, number, RETRY, left - 1)

        self.after(pause, call)

    async def _money_goes_back(self, placed: Placed, code: str, number: str) -> None:
        """By the shop, whole or in part, or at the provider's own desk."""
        there, part = self.there[code], Money(100, "USD")
        async with self.database.unit_of_work() as uow:
            attempt = await uow.attempts.by_number(number)
        if attempt is None or not attempt.received:
            return  # approved and not captured, or not known yet
        if self.chance.random() < 0.4 and code not in LEFT_OUT["desk"] and not there.faults:
            if there.given_back(number) is None:
                there.give_back(number)
                self._calls_back(code, number, MINUTE)
                self.what["refunded at the desk"] += 1
            return
        wanted = Wanted(amount=part if self.chance.random() < 0.5 else None)
        try:
            await refunding.refund(
                self.database.unit_of_work(),
                self.providers,
                placed.order.number,
                "by chance",
                wanted,
                actor_id=ADMIN,
                now=self.now,
            )
            self.what["refunded"] += 1
        except ProviderUnavailable:
            self.what["refund under way"] += 1
        except DomainError as error:
            self.what[f"not refunded: {type(error).__name__}"] += 1


async def _killed(work: Coroutine[Any, Any, object], steps: int) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


async def _unwatched(_read: int) -> None:
    """Nobody watches the import."""


async def open_buyers(database: Database) -> None:
    async with database.unit_of_work() as uow:
        for buyer_id in BUYERS:
            await uow.customers.save(Customer(buyer_id, f"B{buyer_id}"))
        await uow.commit()


START: Final = datetime(2026, 11, 2, 9, tzinfo=UTC)
