"""Cards through Telegram Payments: the provider, and its token at a local Telegram."""

from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability, Checkout, CloseResult, InChatProvider, PaymentProvider
from handlers.gateway import BotGateway
from payments.telegram import Cards
from tests.chat.local_telegram import bot_at, local_telegram
from tests.logscan import plant
from tests.payments.purchases import attempt, new, refund

PROVIDER_TOKEN = "284685063:TEST:OTk4ZTUxNmRh"
LIVE_TOKEN = "284685063:LIVE:OTk4ZTUxNmRh"
plant(PROVIDER_TOKEN)
plant(LIVE_TOKEN)


class Untouched(BotGateway):
    """A gateway for tests in which Telegram is not asked."""

    def __init__(self) -> None:
        """There is no bot."""


def cards(token: str = PROVIDER_TOKEN) -> Cards:
    return Cards(Untouched(), account="42", token=token)


def test_it_is_a_provider_paid_in_the_chat_with_the_providers_token() -> None:
    provider: PaymentProvider = cards()
    assert (provider.code, provider.title, provider.account) == ("telegram", "Card", "42")
    assert provider.capabilities == Capability.IN_CHAT | Capability.CLOSE
    assert tuple(provider.currencies) == ()
    assert provider.tail == timedelta()
    assert isinstance(provider, InChatProvider)
    assert provider.token == PROVIDER_TOKEN
    assert PROVIDER_TOKEN not in repr(provider)


def test_the_token_tells_whether_the_money_is_real() -> None:
    assert not cards(PROVIDER_TOKEN).live
    assert cards(LIVE_TOKEN).live


def test_without_a_token_it_is_not_made() -> None:
    with pytest.raises(ValueError, match="TELEGRAM_PROVIDER_TOKEN is empty"):
        cards("")


@pytest.mark.parametrize(("currency", "takes"), [("USD", True), ("JPY", True), ("XTR", False)])
def test_it_takes_every_currency_but_stars(currency: str, takes: bool) -> None:
    assert cards().takes(Money.parse("20", currency)) is takes


async def test_there_is_an_invoice_in_the_chat_and_nobody_to_ask() -> None:
    assert await cards().create(new()) == Checkout(in_chat=True)
    assert await cards().query(attempt()) is None
    assert await cards().close(attempt()) is CloseResult.CLOSED


async def test_telegram_gives_no_card_payment_back() -> None:
    with pytest.raises(ProviderRejected, match="telegram: not offered"):
        await cards().refund(refund())


async def test_a_token_with_which_invoices_can_be_made_passes() -> None:
    async with local_telegram() as local:
        await Cards(BotGateway(local.bot), account="42", token=PROVIDER_TOKEN).check()


async def test_a_token_that_telegram_does_not_know_is_named_by_what_is_wrong() -> None:
    async with local_telegram() as local:
        wrong = Cards(BotGateway(local.bot), account="42", token="no-token-of-a-provider")
        with pytest.raises(ProviderRejected) as refusal:
            await wrong.check()
    assert (refusal.value.provider, refusal.value.code) == ("telegram", "PAYMENT_PROVIDER_INVALID")


async def test_a_telegram_that_is_away_refuses_nothing() -> None:
    async with bot_at("http://127.0.0.1:1") as bot:
        with pytest.raises(ProviderUnavailable) as failure:
            await Cards(BotGateway(bot), account="42", token=PROVIDER_TOKEN).check()
    assert failure.value.why == "TelegramNetworkError"
    assert PROVIDER_TOKEN not in str(failure.value)
