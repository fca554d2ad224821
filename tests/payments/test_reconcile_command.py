"""`keystall reconcile`: what it compares, what it says, and how it exits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import opened
from bot.opening import now
from bot.reconcile import compare
from bot.settings import Settings, load
from domain import checkout, spending
from domain.customers import Customer
from domain.money import Money
from tests.payments.epay_standin import EPayStandIn
from tests.payments.standin import Fault
from tests.shop import BUYER


@dataclass
class Books:
    """A shop that has sold by EPay, closed for now."""

    platform: EPayStandIn
    settings: Settings
    number: str  # an attempt that was not paid yet


@pytest.fixture
async def books(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Books]:
    platform = EPayStandIn()
    async with platform.serving():
        for name, value in platform.environment().items():
            monkeypatch.setenv(name, value)
        settings = load(
            _env_file=None,
            bot_token="42:ABC",
            database_url=sqlite_url,
            data_dir=tmp_path,
            public_url="http://127.0.0.1:1",
            currency=platform.currency,
            stars_enabled=False,
        )
        yield Books(platform, settings, await ordered(settings, platform.currency))


async def ordered(settings: Settings, currency: str) -> str:
    async with opened(settings) as app:
        price = Money(1000, currency)
        async with app.new_uow() as uow:
            await uow.customers.save(Customer(BUYER, "B"))
            await uow.commit()
        order = await spending.top_up(app.new_uow(), BUYER, price, app.ways.rules, now=now())
        placed = await checkout.pay_with(
            app.new_uow(),
            app.ways.providers["epay"],
            order.number,
            BUYER,
            app.ways.rules,
            now=now(),
        )
    assert placed.attempt is not None
    return placed.attempt.number


async def test_books_that_agree_exit_well(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await compare(books.settings, None) == 0
    said = capsys.readouterr().out
    assert "epay: 0 payments" in said
    assert "Everything agrees." in said


async def test_what_was_paid_there_alone_is_settled_and_told(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.platform.pay(books.number)
    assert await compare(books.settings, None) == 1
    said = capsys.readouterr().out
    assert f"paid there and not here, settled now: epay {books.number}" in said
    assert f"there 10.00 {books.platform.currency}" in said
    assert await compare(books.settings, None) == 0
    assert "epay: 1 payments" in capsys.readouterr().out


async def test_a_provider_that_does_not_answer_is_told(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.platform.faults["*"] = Fault.BROKEN
    assert await compare(books.settings, None) == 1
    assert "could not be asked: epay" in capsys.readouterr().out


async def test_only_what_is_asked_for_is_compared(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.platform.pay(books.number)
    assert await compare(books.settings, (now() + timedelta(days=1)).replace(tzinfo=None)) == 0
    assert "Everything agrees." in capsys.readouterr().out
