"""Stars: what they cost, what came in, and giving them back, by a local Telegram."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiogram import Bot, Dispatcher
from aiogram.types import LabeledPrice, PreCheckoutQuery
from aiohttp import web

from bot.sandbox.faults import Kind
from bot.settings import BadSettings, load
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import Bill, OrderLine
from domain.payments import (
    Capability,
    Checkout,
    CloseResult,
    InChatProvider,
    ListingProvider,
    PaymentEvent,
    PaymentProvider,
    RefundEvent,
    RefundResult,
)
from domain.pricing import Rates, quote
from handlers.gateway import BotGateway
from payments.stars import Stars
from tests.chat.local_telegram import ANN, TOKEN, Local, bot_at, local_telegram, serving
from tests.payments.purchases import NOW, NUMBER, attempt, line, new, refund

PAGE = 100
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Untouched:
    """A gateway for tests in which no Stars move."""

    async def refund(self, user_id: int, charge_id: str) -> None:
        raise AssertionError(charge_id)

    async def star_transactions(self, since: datetime) -> list[Any]:
        raise AssertionError(since)

    async def check_stars(self) -> None:
        raise AssertionError

    async def check_invoices(self, token: str) -> None:
        raise AssertionError


def stars(*, live: bool = True) -> Stars:
    return Stars(Untouched(), account="42", live=live)


def stars_of(bot: Bot) -> Stars:
    return Stars(BotGateway(bot), account="42")


def test_it_is_a_provider_paid_in_the_chat() -> None:
    provider: PaymentProvider = stars()
    assert (provider.code, provider.title, provider.account) == ("stars", "Telegram Stars", "42")
    assert provider.live
    assert provider.capabilities == Capability.IN_CHAT | Capability.REFUND | Capability.CLOSE
    assert tuple(provider.currencies) == ("XTR",)
    assert provider.tail == timedelta()


def test_telegram_needs_no_token_for_it_and_lists_what_came_in() -> None:
    provider: PaymentProvider = stars()
    assert isinstance(provider, ListingProvider)
    assert isinstance(provider, InChatProvider)
    assert provider.token == ""


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_is_above_zero(rate: str) -> None:
    with pytest.raises(BadSettings, match="STARS_RATE"):
        load(_env_file=None, stars_rate=rate)


# --- Prices ---------------------------------------------------------------------------------


def asked(rate: str | None, *lines: OrderLine) -> int | None:
    """What a bill comes to in Stars, at so many for a dollar."""
    total = Money(sum(line.total.amount for line in lines), lines[0].total.currency)
    rates = Rates("USD", {} if rate is None else {"XTR": Decimal(rate)})
    found = quote(stars(), Bill(lines, total), rates)
    assert found is None or found.currency == "XTR"
    return None if found is None else found.amount


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
    assert asked("50", line("1.00", "USD"), line("9.99", "USD", stars=7)) == 57


def test_a_line_without_any_price_in_stars_cannot_be_paid() -> None:
    assert asked(None, line("4.99", "USD")) is None
    assert asked(None, line("4.99", "USD", stars=5), line("4.99", "USD")) is None


def test_the_rate_is_for_the_shops_currency_only() -> None:
    assert asked("50", line("4.99", "CNY")) is None


@pytest.mark.parametrize(
    ("price", "total"), [(100_000, 100_000), (100_001, None), (1, 1), (0, None)]
)
def test_an_invoice_holds_from_one_to_a_hundred_thousand_stars(
    price: int, total: int | None
) -> None:
    assert asked(None, line(stars=price)) == total


# --- Payments -------------------------------------------------------------------------------


async def test_there_is_an_invoice_in_the_chat_and_nobody_to_ask() -> None:
    assert await stars().create(new()) == Checkout(in_chat=True)
    assert await stars().query(attempt()) is None
    assert await stars().close(attempt()) is CloseResult.CLOSED


def test_an_update_becomes_a_payment() -> None:
    event = stars(live=False).event(charge_id="stx1", payload=NUMBER, amount=250, currency="XTR")
    assert event == PaymentEvent(
        provider="stars",
        account="42",
        live=False,
        external_id="stx1",
        attempt_number=NUMBER,
        amount=Money(250, "XTR"),
    )


# --- A Telegram that takes them -------------------------------------------------------------


@dataclass
class Clock:
    """Dates what the local Telegram does."""

    at: datetime = NOW

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def local(clock: Clock) -> AsyncIterator[Local]:
    async with local_telegram(now=clock) as running:
        running.telegram.world.chat(ANN).person.stars = 10_000
        yield running


async def _agree(query: PreCheckoutQuery) -> None:
    await query.answer(ok=True)


@asynccontextmanager
async def cashier(bot: Bot) -> AsyncIterator[None]:
    """Whoever wants to pay may."""
    dispatcher = Dispatcher()
    dispatcher.pre_checkout_query.register(_agree)
    async with asyncio.TaskGroup() as group:
        group.create_task(
            dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
        )
        yield
        await dispatcher.stop_polling()


async def sold(local: Local, count: int = 1, price: int = 250) -> list[str]:
    """Ann pays an invoice so many times; the charges."""
    prices = [LabeledPrice(label="A game", amount=price)]
    link = await local.bot.create_invoice_link("A game", "A key", NUMBER, "XTR", prices)
    async with cashier(local.bot):
        paid = await asyncio.gather(*(local.ann.pays_link(link) for _ in range(count)))
    return [outcome["charge_id"] for outcome in paid]


async def _balance(local: Local) -> int:
    return (await local.bot.get_my_star_balance()).amount


def asked_of(local: Local, method: str) -> list[Any]:
    """What the bot's calls of a method said."""
    return [call.params for call in local.telegram.log if call.method == method]


# --- Giving back ----------------------------------------------------------------------------


async def test_stars_go_back_to_the_buyer(local: Local) -> None:
    [charge_id] = await sold(local)
    assert await _balance(local) == 250
    assert await stars_of(local.bot).refund(refund(charge_id)) == RefundResult(done=True)
    assert await _balance(local) == 0


async def test_a_payment_given_back_before_is_done(local: Local) -> None:
    [charge_id] = await sold(local)
    for _ in range(2):
        assert await stars_of(local.bot).refund(refund(charge_id)) == RefundResult(done=True)
    assert await _balance(local) == 0


async def test_an_unknown_charge_is_rejected(local: Local) -> None:
    with pytest.raises(ProviderRejected) as refusal:
        await stars_of(local.bot).refund(refund("stx-unknown"))
    assert refusal.value.code == "CHARGE_ID_INVALID"


FAILURES: list[tuple[Kind, str]] = [
    ("500", "TelegramServerError"),
    ("429", "TelegramRetryAfter"),
    ("cut", "TelegramNetworkError"),
]


@pytest.mark.parametrize(("kind", "why"), [*FAILURES, ("401", "TelegramUnauthorizedError")])
async def test_a_failing_telegram_leaves_the_outcome_unknown(
    local: Local, kind: Kind, why: str
) -> None:
    local.telegram.fault(kind, method="refundStarPayment")
    with pytest.raises(ProviderUnavailable) as failure:
        await stars_of(local.bot).refund(refund("stx1"))
    assert failure.value.why == why


async def test_stars_whose_way_back_is_unknown_go_back_once(local: Local) -> None:
    [charge_id] = await sold(local)
    local.telegram.fault("cut_after", method="refundStarPayment")
    with pytest.raises(ProviderUnavailable):
        await stars_of(local.bot).refund(refund(charge_id))
    await stars_of(local.bot).refund(refund(charge_id))
    assert await _balance(local) == 0


async def test_a_token_that_is_revoked_meanwhile_tells_nothing_of_the_first_try(
    local: Local,
) -> None:
    """The Stars have gone: were it taken for a refusal, they would be given back twice."""
    [charge_id] = await sold(local)
    local.telegram.fault("cut_after", method="refundStarPayment")
    local.telegram.fault("401", method="refundStarPayment")
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await stars_of(local.bot).refund(refund(charge_id))
    assert await _balance(local) == 0


async def test_an_absent_telegram_leaves_the_outcome_unknown_and_the_token_secret() -> None:
    async with bot_at("http://127.0.0.1:1") as bot:
        with pytest.raises(ProviderUnavailable) as failure:
            await stars_of(bot).refund(refund("stx1"))
    assert failure.value.why == "TelegramNetworkError"
    assert TOKEN not in str(failure.value)


# --- The list of what came in ---------------------------------------------------------------


def payment(charge_id: str, amount: int = 250) -> PaymentEvent:
    return PaymentEvent(
        provider="stars",
        account="42",
        live=True,
        external_id=charge_id,
        attempt_number=NUMBER,
        amount=Money(amount, "XTR"),
    )


async def test_what_came_in_and_what_went_back_is_listed(local: Local) -> None:
    first, second = [*await sold(local), *await sold(local, price=7)]
    await local.bot.refund_star_payment(ANN, first)
    assert await stars_of(local.bot).listed(NOW - DAY) == [
        payment(first),
        payment(second, 7),
        RefundEvent("stars", "42", first, Money(250, "XTR")),
    ]


async def test_a_bot_that_sold_nothing_lists_nothing(local: Local) -> None:
    assert await stars_of(local.bot).listed(NOW - DAY) == []


async def test_only_what_came_in_from_then_on_is_listed(local: Local, clock: Clock) -> None:
    await sold(local)
    clock.at += HOUR
    [later] = await sold(local)
    assert await stars_of(local.bot).listed(NOW + HOUR) == [payment(later)]


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 50])
async def test_a_long_list_is_read_to_its_end(local: Local, count: int) -> None:
    charges = await sold(local, count, 1)
    listed = await stars_of(local.bot).listed(NOW - DAY)
    assert len(listed) == count
    assert {event.external_id for event in listed} == {*charges}
    assert len(asked_of(local, "getStarTransactions")) == count // PAGE + 1


async def test_pages_that_nobody_asks_for_any_more_are_read_once(
    local: Local, clock: Clock
) -> None:
    await sold(local, 2 * PAGE, 1)
    clock.at += DAY
    [newest] = await sold(local)
    provider = stars_of(local.bot)
    for pages in (3, 1):
        before = len(asked_of(local, "getStarTransactions"))
        assert await provider.listed(NOW + DAY) == [payment(newest)]
        assert len(asked_of(local, "getStarTransactions")) - before == pages


async def test_a_question_hides_nothing_from_one_that_goes_back_further(
    local: Local, clock: Clock
) -> None:
    """The sweep asks for hours every few minutes, the daily report for a day."""
    await sold(local, PAGE, 1)
    clock.at += 7 * HOUR
    provider = stars_of(local.bot)
    assert await provider.listed(clock.at - 6 * HOUR) == []
    assert len(await provider.listed(clock.at - DAY)) == PAGE


def told(**parts: Any) -> dict[str, Any]:
    """A transaction as the Bot API lists it."""
    return {"id": "stx", "amount": 5, "date": int(NOW.timestamp()), **parts}


async def test_what_is_no_business_of_the_shops_is_left_out() -> None:
    ann = {"id": ANN, "is_bot": False, "first_name": "Ann"}
    user = {"type": "user", "user": ann}
    transactions = [
        told(receiver={"type": "fragment"}),  # the owner withdraws what was earned
        told(source={**user, "transaction_type": "paid_media_payment"}),
        told(receiver={**user, "transaction_type": "gift_purchase"}, id="gift"),
        told(source={"type": "other"}),
        told(source={"type": "of a kind that came later"}),
        told(),
        told(
            source={**user, "transaction_type": "invoice_payment", "invoice_payload": NUMBER},
            id="ours",
        ),
    ]

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "result": {"transactions": transactions}})

    app = web.Application()
    app.router.add_post(f"/bot{TOKEN}/getStarTransactions", answer)
    async with serving(app) as url, bot_at(url) as bot:
        listed = await stars_of(bot).listed(NOW - DAY)
    assert payment("ours", 5) in listed
    # What went out under an id that no payment has is nobody's refund, and booked to nothing.
    assert {event.external_id for event in listed} <= {"ours", "gift"}


@pytest.mark.parametrize(("kind", "why"), FAILURES)
async def test_a_telegram_that_does_not_list_is_away(local: Local, kind: Kind, why: str) -> None:
    local.telegram.fault(kind, method="getStarTransactions")
    with pytest.raises(ProviderUnavailable) as failure:
        await stars_of(local.bot).listed(NOW)
    assert (failure.value.provider, failure.value.why) == ("stars", why)


# --- Whether it works at all ----------------------------------------------------------------


async def test_a_bot_that_may_take_stars_passes(local: Local) -> None:
    await stars_of(local.bot).check()
    assert len(asked_of(local, "getMyStarBalance")) == 1


async def test_a_token_that_telegram_refuses_is_named(local: Local) -> None:
    local.telegram.fault("401", method="getMyStarBalance")
    with pytest.raises(ProviderRejected) as refusal:
        await stars_of(local.bot).check()
    assert (refusal.value.provider, refusal.value.code) == ("stars", "Unauthorized")


@pytest.mark.parametrize(("kind", "why"), FAILURES)
async def test_a_telegram_that_is_away_refuses_nothing(local: Local, kind: Kind, why: str) -> None:
    local.telegram.fault(kind, method="getMyStarBalance")
    with pytest.raises(ProviderUnavailable) as failure:
        await stars_of(local.bot).check()
    assert failure.value.why == why
