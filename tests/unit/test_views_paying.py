"""How the order's message asks for money, for every way to pay."""

from dataclasses import replace

import pytest

from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import AttemptStatus, Checkout
from handlers.texts import LANGUAGES, texts
from handlers.views import order as orders
from tests.unit.views import (
    BY_HAND,
    CHECKOUTS,
    ENGLISH,
    IN_CHAT,
    NUMBER,
    ONE_WAY,
    PAY_LINK,
    QR,
    STARS,
    TEST,
    TRANSFER,
    TWO_WAYS,
    attempt,
    copied,
    data,
    labels,
    links,
    order,
    seen,
    shown,
    ways,
)

NOTHING = Money(0, "USD")


def test_a_provider_that_ends_earlier_is_told_as_well() -> None:
    text = seen(order(), attempt(BY_HAND)).text
    assert "12:10 UTC" in text
    assert "12:15 UTC" in text


def test_an_invoice_in_the_chat_can_be_sent_again() -> None:
    view = seen(order(), attempt(IN_CHAT))
    assert labels(view) == ["Send the invoice again", "Cancel"]
    assert "500 ⭐" in view.text


def test_a_link_is_behind_the_pay_button() -> None:
    view = seen(order(), attempt(PAY_LINK, provider="stripe"))
    assert labels(view) == ["Pay", "I have paid", "Cancel"]
    assert links(view) == [PAY_LINK.link]


def test_a_qr_code_is_the_messages_picture() -> None:
    view = seen(order(), attempt(QR, provider="wechat"))
    assert isinstance(view.photo, bytes)
    assert view.photo.startswith(b"\x89PNG")
    assert "WeChat Pay" in view.text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_transfer_names_the_exact_amount_the_network_and_the_address(language: str) -> None:
    """Bold and not as code: code is for keys alone."""
    view = seen(order(), attempt(BY_HAND, provider="usdt"), texts(language))
    message = shown(view.text)
    bold = message.of_kind("bold")
    assert {"9.980001 USDT", TRANSFER.network, TRANSFER.address} <= set(bold)
    assert message.codes == []
    assert isinstance(view.photo, bytes)


def test_what_a_transfer_needs_is_copied_by_a_tap() -> None:
    view = seen(order(), attempt(BY_HAND, provider="usdt"))
    assert labels(view) == ["Copy the address", "Copy the amount", "I have paid", "Cancel"]
    assert copied(view) == [TRANSFER.address, TRANSFER.amount]


def test_a_transfer_may_be_paid_at_a_page_as_well() -> None:
    both = replace(BY_HAND, link=PAY_LINK.link)
    assert labels(seen(order(), attempt(both)))[:2] == ["Pay", "Copy the address"]


@pytest.mark.parametrize("checkout", [PAY_LINK, QR, BY_HAND])
def test_who_pays_outside_the_chat_may_say_so(checkout: Checkout) -> None:
    assert f"i:{NUMBER}" in data(seen(order(), attempt(checkout)))


@pytest.mark.parametrize("checkout", [IN_CHAT, None])
def test_telegram_itself_tells_of_a_payment_in_the_chat(checkout: Checkout | None) -> None:
    assert "I have paid" not in labels(seen(order(), attempt(checkout)))


@pytest.mark.parametrize("checkout", CHECKOUTS)
def test_nobody_pays_twice_or_cancels_while_their_payment_is_confirmed(
    checkout: Checkout | None,
) -> None:
    view = seen(order(), attempt(checkout, confirming=(1, 3)), by=TWO_WAYS)
    assert "1 of 3" in view.text
    assert labels(view) == []
    assert view.photo is None


@pytest.mark.parametrize("status", [OrderStatus.EXPIRED, OrderStatus.CANCELLED])
def test_money_on_its_way_to_a_closed_order_is_told(status: OrderStatus) -> None:
    assert "1 of 3" in seen(order(status=status), attempt(PAY_LINK, confirming=(1, 3))).text


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.DELIVERED])
def test_a_paid_order_tells_of_confirmations_no_more(status: OrderStatus) -> None:
    assert "1 of 3" not in seen(order(status=status), attempt(PAY_LINK, confirming=(1, 3))).text


def test_other_ways_to_pay_are_offered_where_there_are_some() -> None:
    view = seen(order(), attempt(), by=TWO_WAYS)
    assert labels(view) == ["Send the invoice again", "Other ways to pay", "Cancel"]


@pytest.mark.parametrize("status", [AttemptStatus.FAILED, AttemptStatus.CLOSED])
def test_an_attempt_that_is_over_cannot_be_paid(status: AttemptStatus) -> None:
    view = seen(order(), attempt(QR, status=status))
    assert labels(view) == ["Other ways to pay", "Cancel"]
    assert view.photo is None


def test_a_service_that_has_not_answered_can_be_tried_again() -> None:
    assert labels(seen(order(), attempt(None))) == ["Try again", "Cancel"]


# --- Choosing how to pay ------------------------------------------------------------------------


def test_choosing_offers_each_method_with_what_it_asks() -> None:
    view = orders.choose(order(), NOTHING, TWO_WAYS, ENGLISH)
    assert labels(view) == ["Telegram Stars — 500 ⭐", "Test payment — $9.98", "Back", "Cancel"]
    assert data(view)[0] == f"y:{NUMBER}:stars"


def test_choosing_offers_the_balance_last() -> None:
    view = orders.choose(order(), Money(2000, "USD"), ONE_WAY, ENGLISH)
    assert labels(view) == ["Telegram Stars — 500 ⭐", "Balance — $9.98", "Back", "Cancel"]
    assert data(view)[1] == f"y:{NUMBER}:balance"


def test_the_rest_of_an_order_is_asked_for_and_no_more() -> None:
    partly = order(from_balance=499)
    view = orders.choose(partly, NOTHING, TWO_WAYS, ENGLISH)
    assert labels(view)[:2] == ["Telegram Stars — 250 ⭐", "Test payment — $4.99"]


def test_a_failed_method_leaves_the_others_and_itself_to_try() -> None:
    view = orders.failed(order(), "test", NOTHING, TWO_WAYS, ENGLISH)
    assert "Test payment" in view.text
    assert labels(view) == ["Telegram Stars — 500 ⭐", "Test payment — $9.98", "Cancel"]


def test_a_method_is_called_as_its_owner_calls_it() -> None:
    named = ways(STARS, TEST, titles={"test": "<Bank> & Co"})
    assert (
        "<Bank> & Co" in shown(orders.failed(order(), "test", NOTHING, named, ENGLISH).text).text
    )
    assert labels(orders.choose(order(), NOTHING, named, ENGLISH))[1] == "<Bank> & Co — $9.98"


def test_without_any_method_a_sentence_says_so() -> None:
    view = orders.choose(order(), NOTHING, ways(), ENGLISH)
    assert "/support" in view.text
    assert labels(view) == ["Back", "Cancel"]
