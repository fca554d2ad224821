"""Telegram Stars: paid in the chat, given back by Telegram."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.money import STARS, Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundEvent,
    RefundResult,
)

MAX_STARS: Final = 100_000  # the most that one invoice may ask for


class TelegramGateway(Protocol):
    """Telegram, as far as payments in the chat are concerned.

    Raises `ProviderUnavailable` and `ProviderRejected`.
    """

    async def refund(self, user_id: int, charge_id: str) -> None:
        """Give a charge of Stars back in full; one given back before is no error."""

    async def star_transactions(self, since: datetime) -> "Sequence[StarTransaction]":
        """What came in and went out from then on."""

    async def check_stars(self) -> None:
        """Ask for the bot's Stars."""

    async def check_invoices(self, token: str) -> None:
        """Whether an invoice can be made with a provider's token."""


class StarTransaction(Protocol):
    """`charge_id` is the same for a payment and for its refund, which is not `incoming`."""

    @property
    def charge_id(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def stars(self) -> int: ...
    @property
    def incoming(self) -> bool: ...


class Stars:
    """`account` is the bot's id."""

    code: Final = "stars"
    title: Final = "Telegram Stars"
    capabilities: Final = Capability.IN_CHAT | Capability.REFUND | Capability.CLOSE
    currencies: Final = (STARS,)
    tail: Final = timedelta()
    token: Final = ""  # Stars need none

    def __init__(self, bot: TelegramGateway, *, account: str, live: bool = True) -> None:
        self.account: Final = account
        self.live: Final = live
        self._bot = bot

    def takes(self, amount: Money) -> bool:
        return 0 < amount.amount <= MAX_STARS

    async def create(self, new: NewAttempt) -> Checkout:
        return Checkout(in_chat=True)

    async def query(self, attempt: Attempt) -> News | None:
        """Telegram tells of a payment by an update, and lists what came in."""
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        """An invoice cannot be withdrawn, but a closed attempt is refused at pre-checkout."""
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        await self._bot.refund(refund.buyer_id, refund.external_id)
        return RefundResult(done=True)

    async def check(self) -> None:
        await self._bot.check_stars()

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        """`getStarTransactions`: an update that was lost is found here."""
        found = await self._bot.star_transactions(since)
        return [
            self.event(charge_id=t.charge_id, payload=t.payload, amount=t.stars, currency=STARS)
            if t.incoming
            else RefundEvent(self.code, self.account, t.charge_id, Money(t.stars, STARS))
            for t in found
        ]

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
