"""Alipay: orders, questions, closing and refunds, against an Alipay over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import CloseResult, Ended, RefundResult
from payments.reading import LINK
from tests.payments.alipay_shop import (
    Shop,
    alipay_shop,
    event,
    refund,
    saying,
)
from tests.payments.purchases import NOW, NUMBER, attempt, new

PRECREATE = "alipay.trade.precreate"
QUERY, CLOSE = "alipay.trade.query", "alipay.trade.close"
REFUND_QUERY = "alipay.trade.fastpay.refund.query"
LINKS: list[Literal["page", "wap"]] = ["page", "wap"]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with alipay_shop() as shop:
        yield shop


# --- Creating -------------------------------------------------------------------------------


async def test_an_order_is_a_qr_that_one_phone_can_open(shop: Shop) -> None:
    checkout = await shop.order()
    qr = shop.standin.orders[NUMBER].qr
    assert (checkout.qr, checkout.link, checkout.expires_at) == (qr, qr, None)
    assert shop.standin.payable(NUMBER)


async def test_an_order_says_what_is_sold_for_how_much_until_when(shop: Shop) -> None:
    await shop.order("1234.50")
    order = shop.standin.orders[NUMBER]
    assert (order.fen, order.asked["subject"]) == (123450, "A game")
    assert order.asked["time_expire"] == "2026-11-20 20:15:00"  # in China
    assert order.notify_url == "https://shop.example/payments/alipay/notify"


async def test_an_order_created_again_is_one_order(shop: Shop) -> None:
    first = await shop.order()
    assert await shop.order() == first
    assert list(shop.standin.orders) == [NUMBER]
    assert shop.standin.calls[0] == shop.standin.calls[1]


async def test_a_qr_that_no_browser_opens_is_no_link(shop: Shop) -> None:
    shop.standin.changes[PRECREATE] = {"qr_code": "alipayqr://bax0001"}
    checkout = await shop.order()
    assert (checkout.qr, checkout.link) == ("alipayqr://bax0001", None)


@pytest.mark.parametrize("qr", [None, "", 7, "two words", "x" * 300, "https://qr\n"])
async def test_an_answer_without_a_usable_qr_is_nonsense(shop: Shop, qr: object) -> None:
    shop.standin.changes[PRECREATE] = {"qr_code": qr}
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.order()


@pytest.mark.parametrize("product", LINKS)
async def test_a_link_is_made_without_asking(shop: Shop, product: Literal["page", "wap"]) -> None:
    checkout = await shop.other(product=product).create(new())
    assert shop.standin.asked == []
    assert checkout.link is not None
    assert LINK.fullmatch(checkout.link)
    assert not shop.standin.knows(NUMBER)
    async with shop.http.get(checkout.link) as page:
        assert page.status == 200, await page.text()
    shop.standin.pay(NUMBER)
    assert await shop.alipay.query(attempt()) == event(shop.standin)
    sent = dict(parse_qsl(urlsplit(checkout.link).query))
    assert sent["return_url"] == "https://shop.example/payments/alipay/return"


@pytest.mark.parametrize("product", LINKS)
async def test_a_long_titles_link_fits_into_a_button(
    shop: Shop, product: Literal["page", "wap"]
) -> None:
    link = (await shop.other(product=product).create(new("🎮" * 300))).link
    assert link is not None
    assert LINK.fullmatch(link)


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("A\ngame\x00\x7f  & more/less=\u202eall", "A game more less all"),
        ("游戏" * 200, "游戏" * 32),
        ("\ud800 lone", "lone"),
        ("///", NUMBER),
        ("", NUMBER),
    ],
)
async def test_a_title_is_made_into_a_subject(shop: Shop, title: str, subject: str) -> None:
    await shop.alipay.create(new(title))
    assert shop.standin.orders[NUMBER].asked["subject"] == subject


async def test_a_qr_that_ends_before_its_order_says_so(shop: Shop) -> None:
    long = replace(new(), expires_at=NOW + timedelta(hours=3))
    ends = NOW + timedelta(hours=2)
    assert (await shop.alipay.create(long)).expires_at == ends
    assert shop.standin.orders[NUMBER].asked["time_expire"] == "2026-11-20 22:00:00"


async def test_a_link_ends_after_15_days_at_the_latest(shop: Shop) -> None:
    page = shop.other(product="page")
    long = replace(new(), expires_at=NOW + timedelta(days=20))
    assert (await page.create(long)).expires_at == NOW + timedelta(days=15)
    assert (await page.create(replace(long, expires_at=NOW + timedelta(days=14)))) is not None


async def test_an_order_that_has_almost_ended_has_a_minute_left(shop: Shop) -> None:
    checkout = await shop.alipay.create(replace(new(), expires_at=NOW))
    assert checkout.expires_at is None
    assert shop.standin.payable(NUMBER)


async def test_an_order_of_another_amount_is_rejected(shop: Shop) -> None:
    await shop.order()
    with pytest.raises(ProviderRejected, match=r"^alipay: ACQ\.CONTEXT_INCONSISTENT$"):
        await shop.order("11.00")


@pytest.mark.parametrize(
    ("fen", "takes"), [(0, False), (1, True), (10**10, True), (10**10 + 1, False)]
)
async def test_amounts_have_alipays_bounds(shop: Shop, fen: int, *, takes: bool) -> None:
    assert shop.alipay.takes(Money(fen, "CNY")) is takes


# --- Asking ---------------------------------------------------------------------------------


async def test_a_qr_that_nobody_has_scanned_is_no_news(shop: Shop) -> None:
    assert await shop.alipay.query(attempt()) is None
    await shop.order()
    assert await shop.alipay.query(attempt()) is None


async def test_a_trade_that_waits_for_its_buyer_is_no_news(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    assert await shop.alipay.query(attempt()) is None


async def test_a_paid_trade_is_a_payment_also_months_later(shop: Shop) -> None:
    paid = await shop.paid()
    assert await shop.alipay.query(attempt()) == paid
    shop.standin.finish(NUMBER)
    assert await shop.alipay.query(attempt()) == paid


async def test_a_payment_of_another_amount_says_how_much_came(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay(NUMBER, Money(990, "CNY"))
    assert await shop.alipay.query(attempt()) == event(shop.standin)
    assert event(shop.standin).amount == Money(990, "CNY")


async def test_a_trade_that_timed_out_has_ended(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    shop.standin.clock = (NOW + timedelta(minutes=16)).timestamp
    assert await shop.alipay.query(attempt()) == Ended("alipay", NUMBER)


async def test_a_partly_refunded_trade_is_still_paid(shop: Shop) -> None:
    paid = await shop.paid()
    shop.standin.give_back(NUMBER, Money(1, "CNY"))
    assert await shop.alipay.query(attempt()) == paid


async def test_a_fully_refunded_trade_is_no_payment(shop: Shop) -> None:
    await shop.paid()
    shop.standin.give_back(NUMBER)
    assert await shop.alipay.query(attempt()) == Ended("alipay", NUMBER)
    assert await shop.alipay.close(attempt()) is CloseResult.CLOSED


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "ANOTHERORDER01"},
        {"out_trade_no": None},
        {"out_trade_no": 7},
        {"trade_no": ""},
        {"total_amount": 10.0},
        {"total_amount": "0.00"},
        {"total_amount": "1e1"},
        {"code": "99999"},
        {"code": ["40002"]},
        {"code": None},
    ],
)
async def test_an_answer_that_cannot_be_is_no_news(shop: Shop, changes: dict[str, object]) -> None:
    await shop.paid()
    shop.standin.changes[QUERY] = changes
    with pytest.raises(ProviderUnavailable):
        await shop.alipay.query(attempt())


# --- Closing --------------------------------------------------------------------------------


async def test_a_trade_that_waits_is_closed(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    assert await shop.alipay.close(attempt()) is CloseResult.CLOSED
    assert not shop.standin.payable(NUMBER)
    assert await shop.alipay.close(attempt()) is CloseResult.CLOSED


async def test_a_qr_that_nobody_has_scanned_may_still_be_paid(shop: Shop) -> None:
    await shop.order()
    assert await shop.alipay.close(attempt()) is CloseResult.MAYBE_PAYABLE
    assert shop.standin.payable(NUMBER)


async def test_a_paid_trade_is_not_closed(shop: Shop) -> None:
    paid = await shop.paid()
    assert await shop.alipay.close(attempt()) is CloseResult.ALREADY_PAID
    assert await shop.alipay.query(attempt()) == paid


async def test_a_refusal_to_close_what_is_open_leaves_it_payable(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    refusal = {"code": "40004", "sub_code": "ACQ.TRADE_STATUS_ERROR"}
    shop.standin.answers[CLOSE] = saying(CLOSE, refusal)
    assert await shop.alipay.close(attempt()) is CloseResult.MAYBE_PAYABLE


# --- Refunding ------------------------------------------------------------------------------


async def test_a_payment_is_given_back(shop: Shop) -> None:
    paid = await shop.paid()
    assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == paid.amount


async def test_a_refund_is_given_back_once_under_its_number(shop: Shop) -> None:
    paid = await shop.paid()
    for _ in range(2):
        assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == paid.amount
    shop.standin.refuse_repeats = True
    assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=True)


async def test_parts_are_given_back_under_numbers_of_their_own(shop: Shop) -> None:
    paid = await shop.paid()
    for number in ("7H3KQ0W2M9XDR01", "7H3KQ0W2M9XDR02"):
        done = await shop.alipay.refund(refund(paid, "4.00", number=number))
        assert done == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == Money(800, "CNY")
    with pytest.raises(ProviderRejected, match=r"ACQ\.REFUND_AMT_NOT_EQUAL_TOTAL"):
        await shop.alipay.refund(refund(paid, "4.00", number="7H3KQ0W2M9XDR03"))
    assert shop.standin.given_back(NUMBER) == Money(800, "CNY")


async def test_a_refund_under_way_is_asked_for_again(shop: Shop) -> None:
    paid = await shop.paid()
    shop.standin.late_refunds = True
    assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=False)
    assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=False)
    shop.standin.finish_refunds(NUMBER)
    assert await shop.alipay.refund(refund(paid, "10.00")) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == paid.amount


async def test_another_refund_of_the_same_number_is_not_decided(shop: Shop) -> None:
    paid = await shop.paid()
    await shop.alipay.refund(refund(paid, "4.00"))
    with pytest.raises(ProviderUnavailable):
        await shop.alipay.refund(refund(paid, "5.00"))
    assert shop.standin.given_back(NUMBER) == Money(400, "CNY")


async def test_a_question_that_is_refused_leaves_a_refund_open(shop: Shop) -> None:
    """By a clock that goes wrong, say: the refund may have been made before."""
    paid = await shop.paid()
    await shop.alipay.refund(refund(paid, "4.00"))
    skewed = shop.other(clock=lambda: NOW.timestamp() + 3600)
    with pytest.raises(ProviderUnavailable, match="timestamp"):
        await skewed.refund(refund(paid, "4.00"))


async def test_another_trades_refund_is_rejected(shop: Shop) -> None:
    paid = await shop.paid()
    with pytest.raises(ProviderRejected, match=r"ACQ\.TRADE_NOT_EXIST"):
        await shop.alipay.refund(refund(replace(paid, external_id="2026"), "1.00"))


@pytest.mark.parametrize(
    "changes",
    [{"out_request_no": "ANOTHERREFUND"}, {"refund_status": "REFUND_PROCESSING"}],
)
async def test_only_its_own_success_makes_a_refund_done(
    shop: Shop, changes: dict[str, object]
) -> None:
    paid = await shop.paid()
    await shop.alipay.refund(refund(paid, "4.00"))
    shop.standin.changes[REFUND_QUERY] = changes
    assert await shop.alipay.refund(refund(paid, "4.00")) == RefundResult(done=False)
