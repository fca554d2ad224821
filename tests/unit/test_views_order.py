"""The order's message, for every status and every exception."""

import itertools

import pytest

from domain.catalog import Page
from domain.money import Money
from domain.orders import OrderException, OrderLine, OrderStatus, total
from domain.remedies import Remedy
from domain.settlement import Outcome, Settlement
from handlers.texts import LANGUAGES, texts
from handlers.views import invoice, payment
from handlers.views import order as orders
from handlers.views.history import history
from handlers.views.length import CAPTION, units
from tests.unit.views import (
    BY_HAND,
    CHECKOUTS,
    ENGLISH,
    NUMBER,
    PAY_LINK,
    TEST,
    TWO_WAYS,
    attempt,
    labels,
    links,
    order,
    seen,
    shown,
    top_up,
    variant,
    ways,
)

CLAIM = "https://pay.example/claim/1"


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("exception", [None, *OrderException])
@pytest.mark.parametrize("status", list(OrderStatus))
def test_every_state_shows_the_number_and_the_total_and_fits_a_caption(
    status: OrderStatus, exception: OrderException | None, language: str
) -> None:
    t = texts(language)
    for checkout, confirming in itertools.product(CHECKOUTS, [None, (1, 19)]):
        odd = order(status=status, exception=exception, from_balance=500)
        message = shown(seen(odd, attempt(checkout, confirming=confirming), t).text)
        assert NUMBER in message.text
        assert "9.98" in message.text
        assert message.units <= CAPTION
        assert message.codes == []


def test_no_two_statuses_and_no_two_exceptions_read_alike() -> None:
    says = [str(seen(order(status=s), None).text) for s in OrderStatus]
    assert len(set(says)) == len(says)
    odd = [
        str(seen(order(status=OrderStatus.EXPIRED, exception=e), None).text)
        for e in OrderException
    ]
    assert len(set(odd)) == len(odd)


def test_a_pending_order_says_until_when_it_is_held() -> None:
    for checkout in CHECKOUTS:
        assert "12:15 UTC" in shown(seen(order(), attempt(checkout)).text).text


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.PENDING])
def test_nothing_can_be_paid_but_a_pending_order(status: OrderStatus) -> None:
    to_pay = {"Pay", "I have paid", "Copy the address", "Cancel", "Other ways to pay"}
    for checkout in CHECKOUTS:
        view = seen(order(status=status), attempt(checkout), by=TWO_WAYS)
        assert view.photo is None
        assert not to_pay & set(labels(view))


def test_a_part_of_the_money_is_told() -> None:
    pending = order(exception=OrderException.UNDER)
    text = seen(pending, attempt(received=200)).text
    assert "200 ⭐ of 500 ⭐" in text
    assert "/paysupport" in text


def test_what_the_balance_has_paid_is_told_with_what_is_left() -> None:
    text = seen(order(from_balance=500), None).text
    assert "From your balance: $5.00" in text
    assert "Left to pay: <b>$4.98</b>" in text
    assert "balance" not in seen(order(), None).text


@pytest.mark.parametrize(
    "status", [OrderStatus.DELIVERED, OrderStatus.SHIPPED, OrderStatus.COMPLETED]
)
def test_what_was_handed_over_can_be_seen_again(status: OrderStatus) -> None:
    assert labels(seen(order(status=status), attempt())) == ["Show keys"]


def test_keys_that_could_not_be_sent_can_be_fetched() -> None:
    paid = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    assert labels(seen(paid, attempt())) == ["Show keys"]


def test_late_money_that_met_stock_worries_nobody() -> None:
    late = order(status=OrderStatus.DELIVERED, exception=OrderException.LATE)
    assert "❗" not in seen(late, attempt()).text


def test_a_paid_order_that_waits_for_goods_promises_no_delivery_at_once() -> None:
    text = seen(order(status=OrderStatus.PAID, exception=OrderException.SHORT), attempt()).text
    assert "being delivered" not in text
    assert "in line for the next ones" in text


@pytest.mark.parametrize("status", [OrderStatus.REFUNDING, OrderStatus.REFUNDED])
def test_money_on_its_way_back_settles_every_exception(status: OrderStatus) -> None:
    for exception in OrderException:
        assert "❗" not in seen(order(status=status, exception=exception), attempt()).text


def test_a_refund_that_waits_for_its_buyer_is_behind_a_button() -> None:
    refunded = order(status=OrderStatus.REFUNDED)
    view = seen(refunded, attempt(), claims=[CLAIM, f"{CLAIM}/2"])
    assert labels(view) == ["Collect your refund"] * 2
    assert links(view) == [CLAIM, f"{CLAIM}/2"]
    delivered = seen(order(status=OrderStatus.DELIVERED), attempt(), claims=[CLAIM])
    assert labels(delivered) == ["Show keys", "Collect your refund"]


def test_markup_in_a_title_is_shown_as_it_is() -> None:
    lines = (OrderLine.of(variant(), "<b>A & B</b>", 1),)
    view = seen(order(lines=lines, total=total(lines)), attempt())
    assert "<b>A & B</b> × 1" in shown(view.text).text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_longest_title_fits_every_message(language: str) -> None:
    t = texts(language)
    lines = (OrderLine.of(variant(sku="S" * 32), "𝕏" * 131, 1000),)
    long = order(lines=lines, total=total(lines), from_balance=1)
    for status, exception, checkout in itertools.product(
        OrderStatus, [None, *OrderException], [PAY_LINK, BY_HAND]
    ):
        long.status, long.exception = status, exception
        part = attempt(checkout, provider="nowpayments", received=1)
        assert shown(seen(long, part, t).text).units <= CAPTION
    bill = invoice.invoice(long, t)
    assert 1 <= units(bill.title) <= 32
    assert 1 <= units(bill.description) <= 255
    assert len(bill.start_parameter) <= 64


# --- Top-ups ------------------------------------------------------------------------------------


def test_a_top_up_says_what_it_is_and_is_paid_like_goods() -> None:
    view = seen(top_up(), attempt(PAY_LINK))
    assert "Top-up of your balance" in view.text
    assert "$20.00" in view.text
    assert labels(view) == ["Pay", "I have paid", "Cancel"]


@pytest.mark.parametrize("status", [OrderStatus.PAID, OrderStatus.DELIVERED])
def test_a_paid_top_up_is_on_the_balance_and_has_no_keys(status: OrderStatus) -> None:
    view = seen(top_up(status=status), attempt())
    assert "/balance" in view.text
    assert "keys" not in view.text
    assert labels(view) == []


def test_a_top_up_is_not_paid_from_the_balance_that_it_fills() -> None:
    view = orders.choose(top_up(), Money(5000, "USD"), ways(TEST), ENGLISH)
    assert labels(view) == ["Test payment — $20.00", "Back", "Cancel"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_telegrams_invoice_for_a_top_up_has_all_that_it_needs(language: str) -> None:
    bill = invoice.invoice(top_up(), texts(language))
    assert 1 <= units(bill.title) <= 32
    assert 1 <= units(bill.description) <= 255


# --- Right after a payment ----------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("outcome", "status", "remedy"),
    [
        (Outcome.LATE, OrderStatus.PAID, Remedy.DELIVER),
        (Outcome.LATE, OrderStatus.EXPIRED, Remedy.CREDIT),
        (Outcome.UNDER, OrderStatus.PENDING, Remedy.CREDIT),
        (Outcome.OVER, OrderStatus.PAID, Remedy.CREDIT),
        (Outcome.TWICE, OrderStatus.PAID, Remedy.REFUND),
        (Outcome.MISMATCH, OrderStatus.PENDING, Remedy.CREDIT),
    ],
)
def test_what_a_rule_has_settled_is_told_by_the_rules_own_message(
    outcome: Outcome, status: OrderStatus, remedy: Remedy
) -> None:
    """Else the buyer reads that a person will see to it, and next that nobody has to."""
    settled = Settlement(outcome, order(status=status), remedy)
    assert payment.received(settled, Money(500, "XTR"), ENGLISH) is None


def test_the_history_tells_number_total_and_state() -> None:
    found = Page([order(), order(status=OrderStatus.DELIVERED)], 1, more=True)
    assert labels(history(found, ENGLISH)) == [
        f"⏳ {NUMBER} — $9.98 — waiting for payment",
        f"✅ {NUMBER} — $9.98 — delivered",
        "Back",
        "Next",
    ]
