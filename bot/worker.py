"""The loops: delivery, expiry, orphaned payments, low stock."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog

from bot import metrics
from bot.background import Background
from bot.bell import Bell
from domain import delivery
from domain.checkout import expire_due
from domain.delivery import Messenger
from domain.errors import TelegramUnreachable, TokenRevoked
from domain.importing import watch_stock
from domain.ports import UnitOfWork, Vault
from domain.rules import Rules
from domain.settlement import adopt_orphans

log = structlog.get_logger(__name__)

LANES: Final = 8  # messages under way at once: Telegram takes 30 a second, at 0.1 s or more each
LOOK_SECONDS: Final = 1.0  # how often to look without a ring: for retries that are due
HOUSEKEEPING_SECONDS: Final = 1.0
STOCK_SECONDS: Final = 5.0
TOKEN_PAUSE_SECONDS: Final = 60.0
OUTAGE_SECONDS: Final = 2.0


class Worker:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        vault: Vault,
        messenger: Messenger[Any],  # what it sends is its own affair
        rules: Rules,
        bell: Bell,
        clock: Callable[[], datetime],
    ) -> None:
        self._new_uow = new_uow
        self._vault = vault
        self._messenger = messenger
        self._rules = rules
        self._bell = bell
        self._clock = clock

    def start(self, background: Background) -> None:
        self._background = background
        for lane in range(LANES):
            background.loop(self.deliver, name=f"delivery {lane}")
        background.loop(self.keep_house, name="housekeeping")
        background.loop(self.watch_stock, name="stock")

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
        """Release overdue reservations; settle payments that came before their order."""
        await expire_due(self._new_uow(), now=self._clock())
        await adopt_orphans(self._new_uow(), now=self._clock())
        await self._background.pause(HOUSEKEEPING_SECONDS)

    async def watch_stock(self) -> None:
        await watch_stock(self._new_uow(), self._rules.low_stock, now=self._clock())
        await self._background.pause(STOCK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        if not self._background.stopping.is_set():
            await self._background.unless_stopped(self._bell.wait(seconds))
