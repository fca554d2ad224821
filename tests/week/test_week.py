"""A week of trade over all providers, with faults by chance; then the books are compared.

`WEEK_ORDERS` sets how many orders there are (`make week`: 10,000); a failure names its seed.
"""

import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import sqlalchemy as sa
import time_machine
from aiogram import Bot
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.providers import build
from bot.settings import load
from bot.watches import Watches
from bot.web import PaymentCallbacks
from domain import managing, reconciling
from domain.money import Money
from domain.payments import Capability, PaymentEvent
from domain.reconciling import Difference, described
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from domain.settlement import Outcome, settle
from storage import tables
from tests.invariants import check
from tests.payments.stand_ins import NEW, Served
from tests.payments.standin import Fault
from tests.shop import ADMIN, Shop, opened
from tests.week.trade import HOUR, SKU, START, Week, open_buyers

ORDERS: Final = int(os.environ.get("WEEK_ORDERS", "60"))
SEED: Final = int(os.environ.get("WEEK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
# EPay's two versions are one provider, and so are USDT's dialects.
THERE: Final = (
    "alipay",
    "wechat",
    "epay",
    "stripe",
    "paypal",
    "cryptopay",
    "btcpay",
    "epusdt",
    "nowpayments",
)
SOLD_OUT: Final = (Remedy.CREDIT, Remedy.WAIT, Remedy.REFUND)


@pytest.fixture
async def week(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Week]:
    chance = random.Random(SEED)
    async with AsyncExitStack() as stack:
        traveller = stack.enter_context(time_machine.travel(START, tick=False))
        there: dict[str, Served] = {}
        for name in THERE:
            stand_in = NEW[name]()
            await stack.enter_async_context(stand_in.serving())
            there[stand_in.code] = stand_in
            for variable, value in stand_in.environment().items():
                monkeypatch.setenv(variable, value)
        shop = await stack.enter_async_context(opened(database_url))
        callbacks = TestServer(web.Application())
        settings = load(
            _env_file=None,
            bot_token="42:ABC",
            public_url="http://127.0.0.1:1",
            data_dir=tmp_path,
            rates="CNY=7.2,EUR=0.9",
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        remedies = Remedies(sold_out=chance.choice(SOLD_OUT))
        rules = Rules(rates=settings.rules.rates, remedies=remedies)
        bot = Bot(settings.token())
        stack.push_async_callback(bot.session.close)
        providers = build(settings, bot, lambda _: http)
        del providers["stars"]
        yield await _open(
            Week(
                shop.database,
                shop.vault,
                rules,
                providers,
                there,
                http,
                "",
                traveller,
                chance,
                START,
            ),
            shop,
            callbacks,
            stack,
        )


async def _open(week: Week, shop: Shop, callbacks: TestServer, stack: AsyncExitStack) -> Week:
    """The goods on sale, and the callbacks' address, at which a caller who hangs up is a kill."""
    web_side = PaymentCallbacks(
        week.providers,
        week.rules,
        Watches(shop.uow, lambda: week.now),
        shop.uow,
        lambda: week.now,
    )
    callbacks.app.add_routes(web_side.routes())
    await callbacks.start_server(access_log=None)
    stack.push_async_callback(callbacks.close)
    week.url = str(callbacks.make_url("")).rstrip("/")
    price = Money(1000, "USD")
    await managing.new_product(
        shop.uow(), sku=SKU, price=price, name="Game", actor_id=ADMIN, now=week.now
    )
    await open_buyers(shop.database)
    return week


async def compared(week: Week) -> list[Difference]:
    report = await reconciling.reconcile(
        week.database.unit_of_work(),
        week.providers,
        week.rules,
        since=START - HOUR,
        now=week.now,
    )
    return report.differences


@pytest.mark.timeout(3600)
async def test_a_week_of_trade_loses_nothing(week: Week) -> None:
    print(f"WEEK_SEED={SEED} WEEK_ORDERS={ORDERS}")
    await week.trade(ORDERS)
    print(dict(week.what))
    await check(week.database, week.vault, week.chats.sent)
    assert [described(one) for one in await compared(week)] == []
    injected = await inject(week)
    found = await compared(week)
    assert {_short(one) for one in found} == injected


async def inject(week: Week) -> set[tuple[str, str, str]]:
    """What the report is to name: (finding, provider, attempt's number)."""
    async with week.database.engine.connect() as connection:
        paid = (
            await connection.execute(
                sa.select(tables.payments).where(
                    tables.payments.c.provider.in_(_asked(week)),
                    tables.payments.c.order_id.isnot(None),
                )
            )
        ).all()
    chosen = week.chance.sample(paid, 4)
    injected = set()
    different, *missing = chosen
    async with week.database.engine.begin() as connection:
        await connection.execute(
            sa.update(tables.payments)
            .where(tables.payments.c.id == different.id)
            .values(amount=different.amount + 1)
        )
    injected.add(("different", different.provider, different.attempt_number))
    for row in missing:
        settled = await settle(
            week.database.unit_of_work(),
            PaymentEvent(
                row.provider,
                row.account,
                row.live,
                f"made-up-{row.id}",
                row.attempt_number,
                Money(row.amount, row.currency),
            ),
            week.rules,
            now=week.now,
        )
        assert settled.outcome is not Outcome.REPEATED
        injected.add(("missing", row.provider, row.attempt_number))
    week.there["epay"].faults["*"] = Fault.BROKEN
    return {one for one in injected if one[1] != "epay"} | {("unanswered", "epay", "")}


def _asked(week: Week) -> list[str]:
    """Those whose books can be compared payment by payment."""
    return [
        code
        for code, provider in week.providers.items()
        if Capability.QUERY in provider.capabilities
    ]


def _short(one: Difference) -> tuple[str, str, str]:
    return one.finding.value, one.provider, one.number
