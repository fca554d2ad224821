"""The order's message, for every status, every exception and every way to pay."""

import itertools

import pytest

from domain.catalog import Page
from domain.money import Money
from domain.orders import OrderException, OrderLine, OrderStatus, total
from domain.payments import AttemptStatus, Checkout
from domain.settlement import Outcome, Settlement
from handlers.texts import LANGUAGES, texts
from handlers.views import invoice, payment
from handlers.views import order as orders
from handlers.views.history import history
from handlers.views.length import CAPTION, units
from tests.unit.views import (
    IN_CHAT,
    NUMBER,
    Method,
    attempt,
    data,
    labels,
    order,
    shown,
    variant,
)

ENGLISH = texts("en")
PAY_LINK = Checkout(link="https://pay.example/7K3M")
QR = Checkout(qr="https://qr.example/7K3M")
CHECKOUTS = [None, IN_CHAT, PAY_LINK, QR]
STARS = Method("stars", "Telegram Stars", Money(500, "XTR"))
TEST = Method("test", "Test payment", Money(998, "USD"))


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("exception", [None, *OrderException])
@pytest.mark.parametrize("status", list(OrderStatus))
def test_every_state_shows_the_number_and_the_total_and_fits_a_caption(
    status: OrderStatus, exception: OrderException | None, language: str
) -> None:
    t = texts(language)
    for checkout in CHECKOUTS:
        view = orders.order(order(status=status, exception=exception), attempt(checkout), t)
        message = shown(view.text)
        assert NUMBER in message.text
        assert "9.98" in message.text
        assert message.units <= CAPTION
        assert message.codes == []


def test_no_two_statuses_and_no_two_exceptions_read_alike() -> None:
    says = [str(orders.order(order(status=s), None, ENGLISH).text) for s in OrderStatus]
    assert len(set(says)) == len(says)
    odd = [
        str(orders.order(order(status=OrderStatus.EXPIRED, exception=e), None, ENGLISH).text)
        for e in OrderException
    ]
    assert len(set(odd)) == len(odd)


def test_a_pending_order_says_until_when_it_is_held() -> None:
    for checkout in CHECKOUTS:
        view = orders.order(order(), attempt(checkout), ENGLISH)
        assert "12:15 UTC" in shown(view.text).text


def test_an_invoice_in_the_chat_can_be_sent_again() -> None:
    view = orders.order(order(), attempt(IN_CHAT), ENGLISH)
    assert labels(view) == ["Send the invoice again", "Cancel"]
    assert "500 ⭐" in view.text


def test_a_link_is_behind_the_pay_button() -> None:
    view = orders.order(order(), attempt(PAY_LINK, provider="stripe"), ENGLISH)
    assert labels(view) == ["Pay", "Cancel"]
    assert view.keyboard[0][0].url == PAY_LINK.link


def test_a_qr_code_is_the_messages_picture() -> None:
    view = orders.order(order(), attempt(QR, provider="wechat"), ENGLISH)
    assert isinstance(view.photo, bytes)
    assert view.photo.startswith(b"\x89PNG")
    assert "WeChat Pay" in view.text


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.PENDING])
def test_nothing_can_be_paid_but_a_pending_order(status: OrderStatus) -> None:
    for checkout in CHECKOUTS:
        view = orders.order(order(status=status), attempt(checkout), ENGLISH, other_methods=True)
        assert view.photo is None
        assert not {"Pay", "Cancel", "Other ways to pay"} & set(labels(view))


def test_other_ways_to_pay_are_offered_where_there_are_some() -> None:
    view = orders.order(order(), attempt(), ENGLISH, other_methods=True)
    assert labels(view) == ["Send the invoice again", "Other ways to pay", "Cancel"]


@pytest.mark.parametrize("status", [AttemptStatus.FAILED, AttemptStatus.CLOSED])
def test_an_attempt_that_is_over_cannot_be_paid(status: AttemptStatus) -> None:
    view = orders.order(order(), attempt(QR, status=status), ENGLISH, other_methods=True)
    assert labels(view) == ["Other ways to pay", "Cancel"]
    assert view.photo is None


def test_a_service_that_has_not_answered_can_be_tried_again() -> None:
    assert labels(orders.order(order(), attempt(None), ENGLISH)) == ["Try again", "Cancel"]


def test_a_part_of_the_money_is_told() -> None:
    pending = order(exception=OrderException.UNDER)
    text = orders.order(pending, attempt(received=200), ENGLISH).text
    assert "200 ⭐ of 500 ⭐" in text
    assert "/paysupport" in text


@pytest.mark.parametrize(
    "status", [OrderStatus.DELIVERED, OrderStatus.SHIPPED, OrderStatus.COMPLETED]
)
def test_what_was_handed_over_can_be_seen_again(status: OrderStatus) -> None:
    assert labels(orders.order(order(status=status), attempt(), ENGLISH)) == ["Show keys"]


def test_keys_that_could_not_be_sent_can_be_fetched() -> None:
    paid = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    assert labels(orders.order(paid, attempt(), ENGLISH)) == ["Show keys"]


def test_late_money_that_met_stock_worries_nobody() -> None:
    late = order(status=OrderStatus.DELIVERED, exception=OrderException.LATE)
    assert "❗" not in orders.order(late, attempt(), ENGLISH).text


@pytest.mark.parametrize("status", [OrderStatus.REFUNDING, OrderStatus.REFUNDED])
def test_money_on_its_way_back_settles_every_exception(status: OrderStatus) -> None:
    for exception in OrderException:
        view = orders.order(order(status=status, exception=exception), attempt(), ENGLISH)
        assert "❗" not in view.text


def test_markup_in_a_title_is_shown_as_it_is() -> None:
    lines = (OrderLine.of(variant(), "<b>A & B</b>", 1),)
    view = orders.order(order(lines=lines, total=total(lines)), attempt(), ENGLISH)
    assert "<b>A & B</b> × 1" in shown(view.text).text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_longest_title_fits_every_message(language: str) -> None:
    t = texts(language)
    lines = (OrderLine.of(variant(sku="S" * 32), "𝕏" * 131, 1000),)
    long = order(lines=lines, total=total(lines))
    for status, exception in itertools.product(OrderStatus, [None, *OrderException]):
        long.status, long.exception = status, exception
        part = attempt(PAY_LINK, provider="nowpayments", received=1)
        assert shown(orders.order(long, part, t).text).units <= CAPTION
    bill = invoice.invoice(long, t)
    assert 1 <= units(bill.title) <= 32
    assert 1 <= units(bill.description) <= 255
    assert len(bill.start_parameter) <= 64


def test_choosing_offers_each_method_with_what_it_asks() -> None:
    view = orders.choose(order(), [STARS, TEST], ENGLISH)
    assert labels(view) == ["Telegram Stars — 500 ⭐", "Test payment — $9.98", "Back", "Cancel"]
    assert data(view)[0] == f"y:{NUMBER}:stars"


def test_a_failed_method_leaves_the_others_and_itself_to_try() -> None:
    view = orders.failed(order(), "test", [STARS, TEST], ENGLISH)
    assert "Test payment" in view.text
    assert labels(view) == ["Telegram Stars — 500 ⭐", "Test payment — $9.98", "Cancel"]


def test_without_any_method_a_sentence_says_so() -> None:
    view = orders.choose(order(), [], ENGLISH)
    assert "/support" in view.text
    assert labels(view) == ["Back", "Cancel"]


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.EXPIRED])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_of_a_payment_is_told_unless_the_keys_tell_it(
    outcome: Outcome, status: OrderStatus
) -> None:
    settled = Settlement(outcome, None if outcome is Outcome.UNKNOWN else order(status=status))
    says = payment.received(settled, Money(500, "XTR"), ENGLISH)
    if outcome in {Outcome.REPEATED, Outcome.PAID}:
        assert says is None
        return
    assert says is not None
    assert "500 ⭐" in says
    assert outcome is Outcome.UNKNOWN or NUMBER in says


def test_the_history_tells_number_total_and_state() -> None:
    found = Page([order(), order(status=OrderStatus.DELIVERED)], 1, more=True)
    assert labels(history(found, ENGLISH)) == [
        f"⏳ {NUMBER} — $9.98 — waiting for payment",
        f"✅ {NUMBER} — $9.98 — delivered",
        "Back",
        "Next",
    ]
