"""Cards through Telegram Payments: an invoice in the chat, a provider of Telegram's behind it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from domain.errors import ProviderRejected
from domain.money import STARS, Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    Refund,
    RefundResult,
)
from payments.stars import TelegramGateway

_TEST: Final = ":TEST:"  # how @BotFather marks a token of a provider's test mode


class Cards:
    """`token` is the provider's, from @BotFather; `account` is the bot's id."""

    code: Final = "telegram"
    title: Final = "Card"
    capabilities: Final = Capability.IN_CHAT | Capability.CLOSE
    currencies: Final[Sequence[str]] = ()
    tail: Final = timedelta()

    def __init__(self, bot: TelegramGateway, *, account: str, token: str) -> None:
        if not token:
            raise ValueError("TELEGRAM_PROVIDER_TOKEN is empty")
        self.account: Final = account
        self.live: Final = _TEST not in token
        self.token: Final = token
        self._bot = bot

    def takes(self, amount: Money) -> bool:
        """Telegram's bounds follow the dollar's rate; it refuses what is outside."""
        return amount.currency != STARS

    async def create(self, new: NewAttempt) -> Checkout:
        return Checkout(in_chat=True)

    async def query(self, attempt: Attempt) -> News | None:
        """Telegram tells of a payment by an update only."""
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        """An invoice cannot be withdrawn, but a closed attempt is refused at pre-checkout."""
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        """Given back at the provider's own desk: Telegram has no method for it."""
        raise ProviderRejected(self.code, "not offered")

    async def check(self) -> None:
        await self._bot.check_invoices(self.token)
