"""The loops: delivery, expiry, orphaned payments, low stock."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from bot import metrics
from bot.background import Background
from bot.bell import Bell
from domain import delivery, filling, polling, reconciling, refunding
from domain.checkout import expire_due
from domain.delivery import Messenger
from domain.errors import TelegramUnreachable, TokenRevoked
from domain.importing import watch_stock
from domain.payments import Capability, PaymentProvider
from domain.ports import UnitOfWork, Vault
from domain.rules import Rules
from domain.settlement import adopt_orphans

log = structlog.get_logger(__name__)

LANES: Final = 8  # messages under way at once: Telegram takes 30 a second, at 0.1 s or more each
LOOK_SECONDS: Final = 1.0  # how often to look without a ring: for retries that are due
HOUSEKEEPING_SECONDS: Final = 1.0
STOCK_SECONDS: Final = 5.0
POLL_SECONDS: Final = 1.0
REFUND_SECONDS: Final = 2.0
CHORE_SECONDS: Final = 30.0
SWEEP_EVERY: Final = timedelta(minutes=5)
SWEEP_BACK: Final = timedelta(hours=6)
DAY: Final = timedelta(days=1)
TOKEN_PAUSE_SECONDS: Final = 60.0
OUTAGE_SECONDS: Final = 2.0


class Worker:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        vault: Vault,
        messenger: Messenger[Any],  # what it sends is its own affair
        providers: Mapping[str, PaymentProvider],
        rules: Rules,
        bell: Bell,
        clock: Callable[[], datetime],
        *,
        daily_report: bool = True,
    ) -> None:
        self._new_uow = new_uow
        self._vault = vault
        self._messenger = messenger
        self._providers = providers
        self._rules = rules
        self._daily_report = daily_report
        self._bell = bell
        self._clock = clock

    def start(self, background: Background) -> None:
        self._background = background
        for lane in range(LANES):
            background.loop(self.deliver, name=f"delivery {lane}")
        background.loop(self.keep_house, name="housekeeping")
        background.loop(self.watch_stock, name="stock")
        for provider in self._providers.values():
            if Capability.QUERY in provider.capabilities:  # a slow one holds up none but itself
                background.loop(partial(self.ask, provider), name=f"polling {provider.code}")
        background.loop(self.carry_on_refunds, name="refunds")
        background.loop(self.compare, name="reconciliation")

    async def deliver(self) -> None:
        """One message; then, for whoever waits, a ring: there may be more."""
        claimed = await delivery.claim(self._new_uow(), self._rules, now=self._clock(), limit=1)
        if not claimed:
            await self._wait(LOOK_SECONDS)
            return
        self._bell.ring()
        try:
            await delivery.deliver(
                self._new_uow(), self._vault, self._messenger, claimed[0], self._rules, self._clock
            )
        except TokenRevoked:
            metrics.token_revoked.set(1)
            log.critical("Telegram refuses the bot's token: nothing can be sent")
            await self._background.pause(TOKEN_PAUSE_SECONDS)
            return
        except TelegramUnreachable:
            log.warning("Telegram cannot be reached: deliveries wait")
            await self._background.pause(OUTAGE_SECONDS)
            return
        metrics.token_revoked.set(0)
        metrics.deliveries.labels(outcome="handled").inc()

    async def keep_house(self) -> None:
        """Release overdue reservations; settle payments that came before their order; hand free
        goods to those who wait for them.
        """
        await expire_due(self._new_uow(), self._rules, now=self._clock())
        await adopt_orphans(self._new_uow(), self._rules, now=self._clock())
        await filling.fill(self._new_uow(), now=self._clock())
        await self._background.pause(HOUSEKEEPING_SECONDS)

    async def watch_stock(self) -> None:
        await watch_stock(self._new_uow(), self._rules.low_stock, now=self._clock())
        await self._background.pause(STOCK_SECONDS)

    async def ask(self, provider: PaymentProvider) -> None:
        """In case a callback is lost, and before goods are let go."""
        only = {provider.code: provider}
        found = await polling.poll_due(self._new_uow(), only, self._rules, now=self._clock())
        for settlement in found:
            metrics.settlements.labels(provider=provider.code, outcome=settlement.outcome).inc()
            log.info("payment found", provider=provider.code, outcome=settlement.outcome)
        await self._background.pause(POLL_SECONDS)

    async def carry_on_refunds(self) -> None:
        await refunding.carry_on(self._new_uow(), self._providers, now=self._clock())
        await self._background.pause(REFUND_SECONDS)

    async def compare(self) -> None:
        """Every few minutes those that can only be asked for a list; once a day everybody."""
        now = self._clock()
        if await self._is_turn("sweep", SWEEP_EVERY, now, first_at=now):
            since = now - SWEEP_BACK
            await reconciling.sweep(
                self._new_uow(), self._providers, self._rules, since=since, now=now
            )
        if self._daily_report and await self._is_turn("report", DAY, now, first_at=now + DAY):
            report = await reconciling.reconcile(
                self._new_uow(), self._providers, self._rules, since=now - DAY, now=now
            )
            if report.says_something:
                await reconciling.tell(self._new_uow(), report, now=now)
        await self._background.pause(CHORE_SECONDS)

    async def _is_turn(
        self, chore: str, every: timedelta, now: datetime, *, first_at: datetime
    ) -> bool:
        async with self._new_uow() as uow:
            ours = await uow.chores.claim(chore, now, now + every, first_at=first_at)
            await uow.commit()
        return ours

    async def _wait(self, seconds: float) -> None:
        if not self._background.stopping.is_set():
            await self._background.unless_stopped(self._bell.wait(seconds))
