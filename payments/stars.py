"""Telegram Stars: paid in the chat, given back by Telegram."""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

from domain.money import STARS, Money
from domain.orders import OrderLine
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    PaymentEvent,
    Refund,
)

MAX_STARS: Final = 100_000  # the most that one invoice may ask for


class StarGateway(Protocol):
    """Telegram, as far as Stars are concerned."""

    async def refund(self, user_id: int, charge_id: str) -> None:
        """Give a charge back in full; one given back before is no error.

        Raises `ProviderUnavailable` and `ProviderRejected`.
        """


class Stars:
    """`account` is the bot's id; `rate` is Stars per unit of `currency`, where there is one."""

    code: Final = "stars"
    title: Final = "Telegram Stars"
    capabilities: Final = Capability.IN_CHAT | Capability.REFUND

    def __init__(
        self,
        bot: StarGateway,
        *,
        account: str,
        rate: Decimal | None,
        currency: str,
        live: bool = True,
    ) -> None:
        if rate is not None and not (rate.is_finite() and rate > 0):
            raise ValueError("a rate is a number above zero")
        self.account: Final = account
        self.live: Final = live
        self._bot = bot
        self._rate = rate
        self._currency = currency

    def quote(self, lines: Sequence[OrderLine]) -> Money | None:
        """None where a line has no price in Stars, or an invoice cannot hold the sum."""
        stars = 0
        for line in lines:
            if (unit := self._unit(line)) is None:
                return None
            stars += unit * line.quantity
        return Money(stars, STARS) if 0 < stars <= MAX_STARS else None

    async def create(self, new: NewAttempt) -> Checkout:
        return Checkout(in_chat=True)

    async def query(self, attempt: Attempt) -> PaymentEvent | None:
        """Telegram tells of a payment by an update only."""
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        """An invoice cannot be withdrawn, but a closed attempt is refused at pre-checkout."""
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> None:
        await self._bot.refund(refund.buyer_id, refund.external_id)

    def event(self, *, charge_id: str, payload: str, amount: int, currency: str) -> PaymentEvent:
        """What a `successful_payment` says, whose payload is the attempt's number."""
        return PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=charge_id,
            attempt_number=payload,
            amount=Money(amount, currency),
        )

    def _unit(self, line: OrderLine) -> int | None:
        if line.unit_stars is not None:
            return line.unit_stars
        if self._rate is None or line.unit_price.currency != self._currency:
            return None
        return math.ceil(line.unit_price.decimal * self._rate)
