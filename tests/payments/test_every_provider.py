"""Money through every provider, from the buyer's press to the keys in the chat.

`stand_ins.LEFT_OUT` says which case does not concern which provider, and why. The mistakes seen
in real shops (payments.md) are in the tests' names.
"""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain.errors import TransactionAborted
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import AttemptStatus
from storage import tables
from tests.chat.shop_chat import OWNER
from tests.faults.waiting import until
from tests.faults.world import Ordered, handed_over
from tests.payments.news import (
    IN_EUROS,
    OF_MONEY_GONE,
    OF_THE_END,
    paid_unknown_to_the_shop,
    pays_less,
)
from tests.payments.stand_ins import on_both, on_postgresql, on_sqlite
from tests.payments.till import Till

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.unmeasured]


@on_sqlite()
async def test_what_is_paid_at_the_provider_brings_the_keys(till: Till) -> None:
    [key, _] = await till.stocked()
    buyer = till.buyer
    await buyer.says(f"/start p_{till.sku}")
    await buyer.reads("In stock")
    await buyer.presses("Buy")
    await buyer.presses(till.shop.providers[till.code].title)
    await buyer.reads("Waiting for payment")
    ordered = await till.newest()
    await till.pays(ordered)
    await till.delivered(ordered, key)
    await buyer.reads("Paid and delivered", ever=True)


@on_both()
async def test_f19_mistake_2_many_notices_at_once_have_one_effect(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    notice = till.there.notice(ordered.attempt)
    answers = Counter(await asyncio.gather(*(till.told(notice) for _ in range(20))))
    assert answers == {till.accepted: 20}
    await till.delivered(ordered, key)
    assert len(await till.payments(ordered)) == 1
    assert (await till.order(ordered)).exception is None


@on_sqlite()
async def test_f25_the_same_bytes_again_change_nothing(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    notice = till.there.notice(ordered.attempt)
    await till.believed(notice)
    await till.delivered(ordered, key)
    for _ in range(2):
        await till.believed(notice)
    await till.believed(till.there.notice(ordered.attempt))  # said anew, and signed anew
    await till.delivered(ordered, key)
    assert len(await till.payments(ordered)) == 1
    assert not await till.owed()


@on_sqlite()
async def test_f20_mistake_11_news_out_of_turn_moves_nothing_back(till: Till) -> None:
    """Failed, pending, closed: said by the provider, before the payment and after it."""
    ordered, [key, _] = await till.waiting()
    for what, notice in till.there.other_news(ordered.attempt).items():
        if what not in (*OF_THE_END, *OF_MONEY_GONE):
            assert (what, await till.told(notice)) == (what, till.accepted)
            await till.nothing_happened(ordered)
    await till.pays(ordered)
    await till.delivered(ordered, key)
    for what, notice in till.there.other_news(ordered.attempt).items():
        if what not in OF_MONEY_GONE:
            assert (what, await till.told(notice)) == (what, till.accepted)
            assert (what, await till.has_status(ordered, "delivered")) == (what, True)
            assert (await till.attempt(ordered)).status is AttemptStatus.PAID
    await till.delivered(ordered, key)
    assert len(await till.payments(ordered)) == 1


@on_sqlite("an approval")
async def test_f20_an_approval_after_a_refused_capture_takes_no_money(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    for what in OF_THE_END:
        await till.believed(till.there.other_news(ordered.attempt)[what])
    till.there.pay(ordered.attempt)
    await till.believed(till.there.notice(ordered.attempt))
    assert till.there.orders[ordered.attempt].capture is None
    await till.nothing_happened(ordered)
    await till.pays_in_stars(ordered)
    await till.delivered(ordered, key)


@on_both("money the shop does not take")
async def test_f32_mistake_9_paid_by_two_channels_the_second_is_credited(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    await till.pays_in_stars(ordered)
    await till.delivered(ordered, key)
    await till.believed(till.there.notice(ordered.attempt))
    assert await till.owed() == till.price
    await till.hears(OWNER, ordered.number, "credited to the buyer's balance")
    await till.delivered(ordered, key)


@on_sqlite("an approval")
async def test_f32_an_approval_of_a_paid_order_takes_no_money(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    await till.pays_in_stars(ordered)
    await till.delivered(ordered, key)
    await till.believed(till.there.notice(ordered.attempt))
    assert till.there.orders[ordered.attempt].capture is None
    assert await till.payments(ordered) == []


# --- Back -------------------------------------------------------------------------------------


@on_both("refunds")
async def test_f36_a_refund_goes_back_through_the_provider_once(till: Till) -> None:
    ordered = await till.sold()
    for _ in range(2):
        await till.gives_back(ordered)
        await until(lambda: till.has_status(ordered, "refunded"), "the order is refunded")
        assert till.there.given_back(ordered.attempt) == till.price
    [refund] = await till.refunds(ordered)
    assert (refund["status"], refund["origin"]) == ("done", "shop")
    assert not await till.owed()
    await till.buyer.reads("Refunded", ever=True)


# --- Late ---------------------------------------------------------------------------------------


@on_sqlite()
async def test_f21_f30_three_days_late_with_stock_is_delivered(till: Till) -> None:
    ordered, [key] = await till.waiting(1)
    await paid_unknown_to_the_shop(till, ordered.attempt)
    await till.let_expire(ordered, timedelta(days=3))
    await till.believed(till.there.notice(ordered.attempt))
    await till.delivered(ordered, key)
    assert (await till.order(ordered)).exception is None
    await till.hears(OWNER, ordered.number, "there was stock, so it was delivered")


@on_both()
async def test_f31_mistake_3_late_without_stock_is_credited(till: Till) -> None:
    """Somebody else has the last key by then."""
    ordered, [key] = await till.waiting(1)
    await paid_unknown_to_the_shop(till, ordered.attempt)
    await till.let_expire(ordered)
    other = await till.ordered("stars", till.newcomer())
    await till.pays_in_stars(other)
    await till.delivered(other, key)
    await till.believed(till.there.notice(ordered.attempt))
    assert await till.owed() == till.price
    assert (await till.order(ordered)).status is OrderStatus.EXPIRED
    await till.hears(OWNER, ordered.number, "credited to the buyer's balance")
    await till.believed(till.there.notice(ordered.attempt))
    assert await till.owed() == till.price


@on_sqlite("an approval")
async def test_f31_an_approval_that_comes_late_takes_no_money(till: Till) -> None:
    ordered, _ = await till.waiting(1)
    till.there.pay(ordered.attempt)
    await till.let_expire(ordered)
    await till.believed(till.there.notice(ordered.attempt))
    assert till.there.orders[ordered.attempt].capture is None
    assert await till.payments(ordered) == []


# --- Not what was asked for ---------------------------------------------------------------------


@on_sqlite("less")
async def test_f26_mistake_4_less_than_the_price_is_not_delivered(till: Till) -> None:
    ordered, _ = await till.waiting()
    pays_less(till, ordered.attempt, Money(400, till.price.currency))
    await till.believed(till.there.notice(ordered.attempt))
    order = await till.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.PENDING, OrderException.UNDER)
    assert (await till.attempt(ordered)).received == 400
    await till.hears(OWNER, ordered.number, "Less money came")
    assert not [sent for sent in handed_over(till.shop) if sent.number == ordered.number]


@on_sqlite("more")
async def test_f27_more_than_the_price_delivers_and_credits_the_rest(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt, Money(1250, till.price.currency))
    await till.believed(till.there.notice(ordered.attempt))
    await till.delivered(ordered, key)
    assert await till.owed() == Money(250, till.price.currency)


@on_sqlite("another currency")
async def test_f28_mistake_4_another_currency_goes_before_a_person(till: Till) -> None:
    ordered, _ = await till.waiting()
    await till.believed(IN_EUROS[till.code](till.there, ordered.attempt))
    order = await till.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.PENDING, OrderException.MISMATCH)
    [payment] = await till.payments(ordered)
    assert payment["currency"] == "EUR"
    await till.hears(OWNER, ordered.number, "another currency")


# --- Nobody's -----------------------------------------------------------------------------------


async def is_lost(till: Till, ordered: Ordered) -> str:
    """As if the shop had never known the attempt; under which number it is hidden."""
    hidden = f"HIDDEN{ordered.attempt}"
    this = tables.attempts.c.number == ordered.attempt
    await till.executes(sa.update(tables.attempts).where(this).values(number=hidden))
    return hidden


@on_both()
async def test_f29_money_for_an_unknown_order_is_stored_and_told_of(till: Till) -> None:
    ordered, _ = await till.waiting()
    await is_lost(till, ordered)
    await paid_unknown_to_the_shop(till, ordered.attempt)
    for _ in range(2):
        await till.believed(till.there.notice(ordered.attempt))
    [payment] = await till.payments(ordered)
    assert (payment["order_id"], payment["amount"]) == (None, till.price.amount)
    await till.hears(OWNER, "no known order", ordered.attempt, payment["external_id"])


@on_sqlite()
async def test_f33_money_that_came_before_its_order_is_found_an_order(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    hidden = await is_lost(till, ordered)
    await paid_unknown_to_the_shop(till, ordered.attempt)
    await till.believed(till.there.notice(ordered.attempt))
    this = tables.attempts.c.number == hidden
    await till.executes(sa.update(tables.attempts).where(this).values(number=ordered.attempt))
    await till.delivered(ordered, key)
    [payment] = await till.payments(ordered)
    assert payment["order_id"] is not None


# --- Trouble ------------------------------------------------------------------------------------


@on_postgresql()
async def test_f34_away_from_its_database_the_shop_asks_to_repeat(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    line = till.open.line
    assert line is not None
    line.goes_down()
    try:
        status, _ = await till.told(till.there.notice(ordered.attempt))
    finally:
        line.comes_back()
    assert status >= 500
    await till.believed(till.there.notice(ordered.attempt))
    await till.delivered(ordered, key)
    assert len(await till.payments(ordered)) == 1
    till.open.foresee(TransactionAborted)  # of whatever the shop was about just then


@on_sqlite()
async def test_mistake_10_a_notice_is_answered_before_the_goods_are_sent(till: Till) -> None:
    """Telegram does not answer while the provider waits for the shop."""
    ordered, [key, _] = await till.waiting()
    till.shop.telegram.fault("slow", "sendMessage", seconds=1.0, chat_id=till.buyer_id)
    began = time.monotonic()
    await till.pays(ordered)
    assert time.monotonic() - began < 0.9
    assert not [sent for sent in handed_over(till.shop) if sent.number == ordered.number]
    await till.delivered(ordered, key)
