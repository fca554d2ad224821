"""Payments in the chat, on Telegram's side: through the bot's own account."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod
from aiogram.types import LabeledPrice, TelegramObject, TransactionPartnerUser
from aiogram.types import StarTransaction as Told
from pydantic import ValidationError

from domain.errors import ProviderRejected, ProviderUnavailable

log = structlog.get_logger(__name__)

_PAGE: Final = 100  # the most that Telegram gives at once


@dataclass(frozen=True)
class StarTransaction:
    """A charge that a buyer paid, or that went back to them."""

    charge_id: str
    payload: str
    stars: int
    incoming: bool


class _Page(TelegramObject):
    """`StarTransactions`, read one by one: a kind of partner that is new hides no other."""

    transactions: list[dict[str, Any]]  # as Telegram tells them


class _Transactions(TelegramMethod[_Page]):
    __returning__ = _Page
    __api_method__ = "getStarTransactions"

    offset: int
    limit: int


class BotGateway:
    """Raises `ProviderRejected` for what Telegram refuses, and `ProviderUnavailable` for whatever
    else may have become of a call.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        # Everything before this offset came before this time: nobody who asks for later has to
        # page through it again.
        self._passed: tuple[int, datetime] | None = None

    async def refund(self, user_id: int, charge_id: str) -> None:
        """Give a charge of Stars back in full; one given back before is no error."""
        try:
            with _named("stars"):
                await self._bot.refund_star_payment(
                    user_id=user_id, telegram_payment_charge_id=charge_id
                )
        except ProviderRejected as error:
            if error.code != "CHARGE_ALREADY_REFUNDED":
                raise

    async def star_transactions(self, since: datetime) -> list[StarTransaction]:
        """What came in and went out from then on; Telegram lists the oldest first."""
        found: list[StarTransaction] = []
        offset = 0
        if self._passed is not None and since > self._passed[1]:
            offset = self._passed[0]
        while True:
            with _named("stars"):
                page = (await self._bot(_Transactions(offset=offset, limit=_PAGE))).transactions
            told = [known for one in page if (known := _known(one))]
            found += [read for one in told if one.date >= since and (read := _read(one))]
            if len(page) < _PAGE:
                return found
            offset += _PAGE
            if told and told[-1].date < since:
                self._passed = (offset, told[-1].date)

    async def check_stars(self) -> None:
        with _named("stars"), _trying("stars"):
            await self._bot.get_my_star_balance()

    async def check_invoices(self, token: str) -> None:
        """A link to an invoice that nobody gets to see."""
        with _named("telegram"), _trying("telegram"):
            await self._bot.create_invoice_link(
                title="Check",
                description="Check",
                payload="check",
                provider_token=token,
                currency="USD",
                prices=[LabeledPrice(label="Check", amount=500)],
            )


def _known(told: dict[str, Any]) -> Told | None:
    try:
        return Told.model_validate(told)
    except ValidationError:
        log.info("a transaction of Stars of an unknown kind is passed over")
        return None


def _read(told: Told) -> StarTransaction | None:
    """A refund has the buyer as its receiver, a payment as its source."""
    partner = told.source or told.receiver
    incoming = told.source is not None
    if not isinstance(partner, TransactionPartnerUser):
        return None
    if incoming and not partner.invoice_payload:  # a gift, or media: not the shop's
        return None
    return StarTransaction(told.id, partner.invoice_payload or "", told.amount, incoming)


@contextlib.contextmanager
def _named(provider: str) -> Iterator[None]:
    try:
        yield
    except TelegramBadRequest as error:
        raise ProviderRejected(provider, error.message.removeprefix("Bad Request: ")) from error
    except TelegramAPIError as error:
        # By its kind only: a network error's text may hold the URL, and that the token.
        raise ProviderUnavailable(provider, type(error).__name__) from None


@contextlib.contextmanager
def _trying(provider: str) -> Iterator[None]:
    """A token that Telegram does not take is what a check is to find, and nothing else's no."""
    try:
        yield
    except (TelegramNotFound, TelegramUnauthorizedError) as error:
        raise ProviderRejected(provider, error.message) from None
