"""Stars: what they cost, and giving them back, by a local Telegram that took them."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from aiogram import Bot
from aiogram.types import LabeledPrice, SuccessfulPayment, Update

from bot.sandbox.faults import Kind
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import OrderLine
from domain.payments import Capability, Checkout, CloseResult, PaymentEvent, PaymentProvider
from handlers.stars import BotStars
from payments.stars import Stars
from tests.chat.local_telegram import ANN, TOKEN, Local, bot_at, local_telegram
from tests.payments.purchases import NUMBER, attempt, line, new, refund


class Untouched:
    """A gateway for tests in which no Stars move."""

    async def refund(self, user_id: int, charge_id: str) -> None:
        raise AssertionError(charge_id)


def stars_at(rate: str | None) -> Stars:
    return Stars(
        Untouched(),
        account="42",
        rate=None if rate is None else Decimal(rate),
        currency="USD",
    )


def asked(rate: str | None, *lines: OrderLine) -> int | None:
    quote = stars_at(rate).quote(lines)
    assert quote is None or quote.currency == "XTR"
    return None if quote is None else quote.amount


def test_it_is_a_provider_paid_in_the_chat() -> None:
    provider: PaymentProvider = stars_at(None)
    assert (provider.code, provider.title, provider.account) == ("stars", "Telegram Stars", "42")
    assert provider.live
    assert provider.capabilities == Capability.IN_CHAT | Capability.REFUND


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_is_above_zero(rate: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        stars_at(rate)


# --- Prices ---------------------------------------------------------------------------------


def test_a_price_in_stars_is_taken_as_it_is() -> None:
    assert asked(None, line("4.99", "USD", stars=250, quantity=3)) == 750


def test_a_price_in_stars_goes_before_the_rate() -> None:
    assert asked("50", line("4.99", "USD", stars=200)) == 200


def test_a_rate_makes_a_price_rounded_up() -> None:
    assert asked("50", line("4.99", "USD")) == 250
    assert asked("50", line("0.01", "USD")) == 1
    assert asked("50", line("4.00", "USD")) == 200


def test_each_piece_is_rounded_so_that_the_unit_price_is_what_was_shown() -> None:
    assert asked("1.5", line("0.01", "USD", quantity=10)) == 10


def test_lines_of_both_kinds_add_up() -> None:
    assert asked("50", line("1.00", "USD"), line("9.99", "EUR", stars=7)) == 57


def test_a_line_without_any_price_in_stars_cannot_be_paid() -> None:
    assert asked(None, line("4.99", "USD")) is None
    assert asked(None, line("4.99", "USD", stars=5), line("4.99", "USD")) is None


def test_the_rate_is_for_the_shops_currency_only() -> None:
    assert asked("50", line("4.99", "CNY")) is None


@pytest.mark.parametrize(("stars", "total"), [(100_000, 100_000), (100_001, None), (0, None)])
def test_an_invoice_holds_from_one_to_a_hundred_thousand_stars(
    stars: int, total: int | None
) -> None:
    assert asked(None, line(stars=stars)) == total


# --- Payments -------------------------------------------------------------------------------


async def test_there_is_an_invoice_in_the_chat_and_nobody_to_ask() -> None:
    stars = stars_at(None)
    assert await stars.create(new()) == Checkout(in_chat=True)
    assert await stars.query(attempt()) is None
    assert await stars.close(attempt()) is CloseResult.CLOSED


def test_an_update_becomes_a_payment() -> None:
    stars = Stars(Untouched(), account="42", rate=None, currency="USD", live=False)
    event = stars.event(charge_id="stx1", payload=NUMBER, amount=250, currency="XTR")
    assert event == PaymentEvent(
        provider="stars",
        account="42",
        live=False,
        external_id="stx1",
        attempt_number=NUMBER,
        amount=Money(250, "XTR"),
    )


# --- Giving back ----------------------------------------------------------------------------


@pytest.fixture
async def local() -> AsyncIterator[Local]:
    async with local_telegram() as running:
        yield running


def stars_of(bot: Bot) -> Stars:
    return Stars(BotStars(bot), account="42", rate=None, currency="USD")


async def paid(local: Local) -> SuccessfulPayment:
    """Ann pays an invoice of 250 Stars."""
    await local.bot.send_invoice(
        ANN, "A game", "A key", NUMBER, "XTR", [LabeledPrice(label="A game", amount=250)]
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(local.ann.pays())
        query = (await _next(local, "pre_checkout_query", 0)).pre_checkout_query
        assert query is not None
        await local.bot.answer_pre_checkout_query(query.id, ok=True)
    message = (await _next(local, "message", 0)).message
    assert message is not None
    assert message.successful_payment is not None
    return message.successful_payment


async def _next(local: Local, kind: str, offset: int) -> Update:
    """The next update of this kind; those before it are dropped."""
    while True:
        for update in await local.bot.get_updates(offset=offset, timeout=5):
            offset = update.update_id + 1
            if update.event_type == kind:
                await local.bot.get_updates(offset=offset)
                return update


async def _balance(local: Local) -> int:
    return (await local.bot.get_my_star_balance()).amount


async def test_stars_go_back_to_the_buyer(local: Local) -> None:
    charge_id = (await paid(local)).telegram_payment_charge_id
    assert await _balance(local) == 250
    await stars_of(local.bot).refund(refund(charge_id))
    assert await _balance(local) == 0


async def test_a_payment_given_back_before_is_done(local: Local) -> None:
    charge_id = (await paid(local)).telegram_payment_charge_id
    await stars_of(local.bot).refund(refund(charge_id))
    await stars_of(local.bot).refund(refund(charge_id))
    assert await _balance(local) == 0


async def test_an_unknown_charge_is_rejected(local: Local) -> None:
    with pytest.raises(ProviderRejected) as refusal:
        await stars_of(local.bot).refund(refund("stx-unknown"))
    assert refusal.value.code == "CHARGE_ID_INVALID"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("500", "TelegramServerError"),
        ("429", "TelegramRetryAfter"),
        ("401", "TelegramUnauthorizedError"),
        ("cut", "TelegramNetworkError"),
    ],
)
async def test_a_failing_telegram_leaves_the_outcome_unknown(
    local: Local, kind: Kind, why: str
) -> None:
    local.telegram.fault(kind, method="refundStarPayment")
    with pytest.raises(ProviderUnavailable) as failure:
        await stars_of(local.bot).refund(refund("stx1"))
    assert failure.value.why == why


async def test_stars_whose_way_back_is_unknown_go_back_once(local: Local) -> None:
    charge_id = (await paid(local)).telegram_payment_charge_id
    local.telegram.fault("cut_after", method="refundStarPayment")
    with pytest.raises(ProviderUnavailable):
        await stars_of(local.bot).refund(refund(charge_id))
    await stars_of(local.bot).refund(refund(charge_id))
    assert await _balance(local) == 0


async def test_an_absent_telegram_leaves_the_outcome_unknown_and_the_token_secret() -> None:
    async with bot_at("http://127.0.0.1:1") as bot:
        with pytest.raises(ProviderUnavailable) as failure:
            await stars_of(bot).refund(refund("stx1"))
    assert failure.value.why == "TelegramNetworkError"
    assert TOKEN not in str(failure.value)
