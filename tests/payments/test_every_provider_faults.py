"""Providers that are away, answers and callbacks that get lost, orders that are left."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from tests.chat.shop_chat import open_shop
from tests.faults.waiting import until
from tests.faults.world import Ordered, unhurried, with_its_error
from tests.payments.alipay_standin import AlipayStandIn
from tests.payments.open_till import OpenTill, set_environment
from tests.payments.stand_ins import EPAY, NEW, USDT, on_sqlite
from tests.payments.standin import Fault
from tests.payments.till import Till, at
from tests.people import Chat

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.unmeasured]

FAILURES: Final = (
    Fault.BROKEN,
    Fault.CUT,
    Fault.GARBLED,
    Fault.NONSENSE,
    Fault.TOO_MANY,
    Fault.MOVED,
    Fault.MISSING,
)


# --- Creating a payment -------------------------------------------------------------------------


async def is_told_and_held(till: Till, buyer: Chat, code: str = "") -> None:
    """The method does not answer; the goods are held, and there are other ways to pay."""
    title = till.shop.providers[code or till.code].title
    await buyer.reads(f"{title} does not answer at the moment. Your order is held", ever=True)
    labels = " ".join(await buyer.buttons())
    assert title in labels
    assert "Telegram Stars" in labels


@on_sqlite("silent at creation")
async def test_a_provider_that_fails_at_creation_can_be_tried_again(till: Till) -> None:
    [key, _] = await till.stocked()
    till.there.faults["*"] = FAILURES[0]
    await till.presses_method(till.code, till.buyer)
    await is_told_and_held(till, till.buyer)
    for fault in FAILURES[1:]:
        till.there.faults["*"] = fault
        await till.buyer.presses(till.shop.providers[till.code].title)
        await is_told_and_held(till, till.buyer)
        assert not till.there.knows((await till.newest()).attempt)
    till.there.faults.clear()
    await till.buyer.presses(till.shop.providers[till.code].title)
    await till.buyer.reads("Waiting for payment")
    ordered = await till.newest()
    await till.pays(ordered)
    await till.delivered(ordered, key)


@on_sqlite("silent at creation")
async def test_a_provider_that_fails_at_creation_is_not_the_only_way(till: Till) -> None:
    [key, _] = await till.stocked()
    till.there.faults["*"] = Fault.BROKEN
    await till.presses_method(till.code, till.buyer)
    await is_told_and_held(till, till.buyer)
    ordered = await till.newest()
    await till.pays_in_stars(ordered)
    await till.delivered(ordered, key)


@on_sqlite("a lost creation")
async def test_a_lost_answer_at_creation_costs_nothing_and_nobody(till: Till) -> None:
    """The provider has it all the same, so that it is asked for again under the same number."""
    [key, _] = await till.stocked()
    till.there.faults["/v2/checkout" if till.code == "paypal" else "*"] = Fault.LOST
    await till.presses_method(till.code, till.buyer)
    await is_told_and_held(till, till.buyer)
    first = await till.newest()
    till.there.faults.clear()
    await till.buyer.presses(till.shop.providers[till.code].title)
    await till.buyer.reads("Waiting for payment")
    ordered = await till.newest()
    assert ordered == first
    await till.pays(ordered)
    await till.delivered(ordered, key)
    assert len(await till.payments(ordered)) == 1


@pytest.mark.parametrize(
    "spot",
    [pytest.param((name, "sqlite"), id=name) for name in USDT if name != "bepusdt"],
    indirect=True,
)
async def test_where_a_lost_answer_stays_lost_there_are_other_ways(till: Till) -> None:
    """These gateways refuse a number that they know, and cannot be asked by it."""
    [key, _] = await till.stocked()
    till.there.faults["*"] = Fault.LOST
    await till.presses_method(till.code, till.buyer)
    till.there.faults.clear()
    await till.buyer.presses("USDT")
    await is_told_and_held(till, till.buyer)
    ordered = await till.newest()
    assert till.there.knows(ordered.attempt)
    await till.pays_in_stars(ordered)
    await till.delivered(ordered, key)


@pytest.mark.parametrize(
    "spot", [pytest.param((name, "sqlite"), id=name) for name in EPAY], indirect=True
)
async def test_a_platform_that_fails_at_creation_leaves_its_link(till: Till) -> None:
    [key, _] = await till.stocked()
    till.there.faults["*"] = Fault.BROKEN
    await till.presses_method(till.code, till.buyer)
    page = (await till.buyer.presses("Pay"))["url"]
    till.there.faults.clear()
    async with till.shop.http.get(page) as response:
        assert "10.00" in await response.text()
    ordered = await till.newest()
    await till.pays(ordered)
    await till.delivered(ordered, key)


# --- f35: the callback is lost ------------------------------------------------------------------


@on_sqlite("asked")
async def test_f35_a_payment_is_found_when_its_buyer_says_so(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    assert "no payment yet" in (await till.buyer.presses("I have paid"))["text"]
    await till.nothing_happened(ordered)
    till.there.pay(ordered.attempt)
    till.there.faults["*"] = Fault.CUT
    assert "does not answer" in (await till.buyer.presses("I have paid"))["text"]
    await till.nothing_happened(ordered)
    till.there.faults.clear()
    await till.buyer.presses("I have paid")
    await till.delivered(ordered, key)
    await till.believed(till.there.notice(ordered.attempt))
    assert len(await till.payments(ordered)) == 1


@on_sqlite("asked")
async def test_f35_a_payment_is_found_by_the_poller(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    await till.is_the_pollers_turn(ordered)
    await till.delivered(ordered, key)
    [payment] = await till.payments(ordered)
    assert payment["source"] == "asked"


@pytest.mark.parametrize(
    "spot", [pytest.param(("nowpayments", "sqlite"), id="nowpayments")], indirect=True
)
async def test_f35_who_cannot_be_asked_is_waited_for(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    assert "no payment yet" in (await till.buyer.presses("I have paid"))["text"]
    await till.nothing_happened(ordered)
    await till.believed(till.there.notice(ordered.attempt))
    await till.delivered(ordered, key)


# --- Leaving an order ---------------------------------------------------------------------------


@on_sqlite("asked")
async def test_an_order_paid_a_moment_ago_cannot_be_cancelled(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    await till.buyer.presses("Cancel")
    await till.delivered(ordered, key)


@on_sqlite("closed")
async def test_a_cancelled_order_can_be_paid_no_more(till: Till) -> None:
    ordered, _ = await till.waiting()
    await till.buyer.presses("Cancel")
    await until(lambda: till.has_status(ordered, "cancelled"), "the order is cancelled")
    assert not till.there.payable(ordered.attempt)


async def ends(till: Till, ordered: Ordered) -> None:
    """The reservation is over, and the provider is asked before the goods are let go."""
    await till.is_the_pollers_turn(ordered)
    await till.let_expire(ordered, timedelta())


@on_sqlite("closed")
async def test_an_expired_order_can_be_paid_no_more(till: Till) -> None:
    ordered, _ = await till.waiting()
    await ends(till, ordered)
    assert not till.there.payable(ordered.attempt)
    await till.buyer.reads("Expired", ever=True)


@pytest.mark.parametrize("spot", [pytest.param(("alipay", "sqlite"), id="alipay")], indirect=True)
async def test_a_qr_that_was_scanned_is_closed_with_its_order(till: Till) -> None:
    assert isinstance(till.there, AlipayStandIn)
    ordered, _ = await till.waiting()
    till.there.scan(ordered.attempt)
    await ends(till, ordered)
    assert not till.there.payable(ordered.attempt)


@on_sqlite("asked")
async def test_an_order_paid_at_its_last_moment_is_delivered(till: Till) -> None:
    """Its callback is lost; before the goods are let go, the provider is asked."""
    ordered, [key] = await till.waiting(1)
    till.there.pay(ordered.attempt)
    await till.is_the_pollers_turn(ordered)
    await till.delivered(ordered, key)
    assert (await till.order(ordered)).exception is None


# --- All of them --------------------------------------------------------------------------------


@pytest.mark.asyncio(loop_scope="function")
async def test_a_shop_with_every_provider_survives_their_silence(
    tmp_path: Path, sqlite_url: str
) -> None:
    """None of them answers within its time; their buyers are all told, at the same moment."""
    stand_ins = [NEW[name]() for name in NEW if name not in {"epay_v2", *USDT[1:]}]
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for stand_in in stand_ins:
            await stack.enter_async_context(stand_in.serving())
            set_environment(patch, stand_in.environment())
            stand_in.faults["*"] = Fault.SLOW
        wanted: dict[str, Any] = {
            "currency": "CNY",
            "rates": {"USD": Decimal("0.2")},
            "stars_rate": 5,
        }
        logged = stack.enter_context(capture_logs([with_its_error]))
        shop = await stack.enter_async_context(open_shop(tmp_path, sqlite_url, **wanted))
        unhurried(shop)
        opened = OpenTill("all", stand_ins[0], shop, None, logged)
        till = await stack.enter_async_context(at(opened))
        await till.stocked(len(stand_ins))
        buyers = {stand_in.code: till.newcomer() for stand_in in stand_ins}
        async with asyncio.TaskGroup() as group:
            for code, buyer in buyers.items():
                group.create_task(till.presses_method(code, buyer))
        for code, buyer in buyers.items():
            if code != "epay":
                await is_told_and_held(till, buyer, code)
        assert (await buyers["epay"].presses("Pay"))["url"]
        ordered = await till.newest(buyers["stripe"])
        await till.pays_in_stars(ordered)
        assert len(await till.brought(ordered)) == 1
