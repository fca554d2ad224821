"""Alerts about orders, their files, and what settles them."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.catalog import Page
from domain.customers import Customer, Role
from domain.delivery import Alert
from domain.ledger import GOODS, Share
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Payment, Refund, RefundOrigin, RefundStatus
from domain.reviewing import File
from domain.settlement import Outcome
from handlers.texts import LANGUAGES, texts
from handlers.views import admin_buttons as buttons
from handlers.views import (
    admin_sales,
    admin_settling,
)
from handlers.views.alerts import alert
from handlers.views.view import View
from tests.unit.views import (
    ENGLISH,
    NASTY,
    NOON,
    NUMBER,
    attempt,
    data,
    fits,
    labels,
    order,
    shown,
    top_up,
)

OWNER = Customer(9001, "Olga", role=Role.OWNER)


def payment() -> Payment:
    return Payment(
        id=5,
        order_id=1,
        provider="stars",
        account="42",
        live=True,
        external_id="tx-1",
        attempt_number=f"{NUMBER}01",
        amount=Money(500, "XTR"),
        received_at=NOON + timedelta(minutes=1),
    )


def refund(status: RefundStatus, **changed: Any) -> Refund:  # values of any field's type
    asked = Refund(
        number=f"{NUMBER}R01",
        provider="stars",
        external_id="tx-1",
        attempt_number=f"{NUMBER}01",
        buyer_id=1001,
        paid=Money(500, "XTR"),
        amount=Money(500, "XTR"),
        reason="",
        order_id=1,
        payment_id=5,
        status_before=OrderStatus.PAID,
        status=status,
    )
    return replace(asked, **changed)


def file_of(of: Order, *, paid: bool = True, refunds: list[Refund] | None = None) -> File:
    """Its money is the shop's unless it has gone back."""
    buyer, refunds = Customer(1001, NASTY), refunds or []
    gone = any(refund.status is RefundStatus.DONE for refund in refunds)
    share = Share(5, "stars", f"{NUMBER}01", "XTR", GOODS, Money(500, "XTR"))
    payments = [payment()] if paid else []
    shares = [share] if paid and not gone else []
    return File(of, buyer, [attempt()] * 9, payments, refunds, shares)


def review(why: OrderException, of: Order, reader: Customer = OWNER) -> Alert:
    facts: dict[str, str | int] = {"why": why, "provider": "stars", "amount": "500 XTR"}
    return Alert(Note(Topic.REVIEW, reader.id, 1, facts), of, reader)


def says(done: Refund) -> str:
    return str(admin_settling.refunded([done], ENGLISH))


# --- Alerts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize(("status", "why"), list(itertools.product(OrderStatus, OrderException)))
def test_every_odd_order_is_told_of_with_its_number_and_can_be_opened(
    status: OrderStatus, why: OrderException, language: str
) -> None:
    view = alert(review(why, order(status=status, exception=why)), texts(language))
    assert NUMBER in shown(view.text).text
    assert "500" in view.text
    assert buttons.OpenFile(number=NUMBER).pack() in data(view)
    assert fits(view)


@pytest.mark.parametrize(
    ("why", "status", "expected"),
    [
        (OrderException.LATE, OrderStatus.EXPIRED, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.LATE, OrderStatus.PAID, ["Handled"]),
        (OrderException.UNDER, OrderStatus.PENDING, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.OVER, OrderStatus.PAID, ["Handled"]),
        (OrderException.TWICE, OrderStatus.DELIVERED, ["Refund", "Handled"]),
        (OrderException.MISMATCH, OrderStatus.PENDING, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.UNDELIVERABLE, OrderStatus.PAID, ["Resend", "Refund", "Handled"]),
        (OrderException.SHORT, OrderStatus.PAID, ["Refund", "Handled"]),
    ],
)
def test_an_alert_offers_what_settles_it(
    why: OrderException, status: OrderStatus, expected: list[str]
) -> None:
    view = alert(review(why, order(status=status, exception=why)), ENGLISH)
    assert labels(view) == [*expected, "Open"]


def test_an_alert_that_was_settled_before_it_arrived_offers_nothing_more() -> None:
    settled = order(status=OrderStatus.DELIVERED, exception=None)
    assert labels(alert(review(OrderException.TWICE, settled), ENGLISH)) == ["Open"]


def test_goods_that_are_stuck_are_resent_though_the_money_is_odd_as_well() -> None:
    both = order(status=OrderStatus.PAID, exception=OrderException.TWICE)
    view = alert(review(OrderException.UNDELIVERABLE, both), ENGLISH)
    assert labels(view) == ["Resend", "Open"]
    assert data(view)[0] == buttons.Resend(number=NUMBER, why=OrderException.TWICE).pack()


def test_nobody_is_offered_what_their_role_forbids() -> None:
    late = order(status=OrderStatus.EXPIRED, exception=OrderException.LATE)
    support = Customer(1, "", role=Role.SUPPORT)
    assert labels(alert(review(OrderException.LATE, late, support), ENGLISH)) == ["Open"]
    away = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    told = alert(review(OrderException.UNDELIVERABLE, away, support), ENGLISH)
    assert labels(told) == ["Resend", "Handled", "Open"]
    stock = Customer(2, "", role=Role.STOCK)
    assert labels(alert(review(OrderException.LATE, late, stock), ENGLISH)) == []


def test_a_failed_delivery_says_why() -> None:
    away = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    said = set()
    for error in ["BlockedByBuyer", "ChatNotFound", "TelegramAway", "Refused", "no outcome", ""]:
        facts: dict[str, str | int] = {"why": "undeliverable", "error": error}
        note = Note(Topic.REVIEW, OWNER.id, 1, facts)
        said.add(str(alert(Alert(note, away, OWNER), ENGLISH).text))
    assert len(said) == 6


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_payment_for_no_order_names_all_that_is_known(language: str) -> None:
    facts: dict[str, str | int] = {
        "provider": "epay",
        "number": "NOBODYS01",
        "transaction": "tx-<9>",
        "amount": "4.99 USD",
    }
    view = alert(Alert(Note(Topic.PAYMENT, OWNER.id, facts=facts), None, OWNER), texts(language))
    text = shown(view.text).text
    assert all(str(fact) in text for fact in facts.values())


def stock_alert(level: str, reader: Customer = OWNER) -> View:
    facts: dict[str, str | int] = {"sku": "GAME-1", "title": NASTY, "level": level, "left": 4}
    return alert(Alert(Note(Topic.STOCK, reader.id, facts=facts), None, reader), ENGLISH)


def test_low_stock_and_sold_out_are_told_apart_and_lead_to_an_import() -> None:
    low, out = stock_alert("low"), stock_alert("out")
    assert "Low stock" in low.text
    assert "left: 4" in low.text
    assert "Sold out" in out.text
    assert data(low) == data(out) == [buttons.ImportInto(sku="GAME-1").pack()]
    assert NASTY in shown(low.text).text
    assert labels(stock_alert("low", Customer(1, "", role=Role.SUPPORT))) == []


def test_an_import_that_was_cut_off_can_be_undone_or_sent_again() -> None:
    facts: dict[str, str | int] = {"batch": 3, "sku": "GAME-1", "file": "<keys>.txt"}
    view = alert(Alert(Note(Topic.IMPORT, OWNER.id, facts=facts), None, OWNER), ENGLISH)
    assert "<keys>.txt" in shown(view.text).text
    assert labels(view) == ["Undo", "Import keys"]


def test_a_note_that_nobody_knows_is_shown_all_the_same() -> None:
    view = alert(Alert(Note(Topic.REVIEW, OWNER.id), None, OWNER), ENGLISH)
    assert "/sales review" in view.text


# --- Orders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("status", list(OrderStatus))
def test_a_file_fits_and_offers_nothing_that_cannot_be_done(
    status: OrderStatus, language: str
) -> None:
    found = file_of(order(status=status, paid_at=NOON), refunds=[refund(RefundStatus.FAILED)])
    view = admin_sales.file(found, OWNER, texts(language))
    assert fits(view)
    prefixes = {packed.partition(":")[0] for packed in data(view)}
    assert ("ad" in prefixes) is found.order.can_be_paid
    assert ("ars" in prefixes) is found.order.is_paid
    assert "arq" in prefixes


def test_goods_that_an_order_waits_for_cannot_be_sent_again() -> None:
    short = order(status=OrderStatus.PAID, exception=OrderException.SHORT)
    offered = labels(admin_sales.file(file_of(short), OWNER, ENGLISH))
    assert "Resend" not in offered
    assert "Refund …" in offered


def test_what_was_given_back_is_not_offered_again() -> None:
    done = order(status=OrderStatus.REFUNDED)
    view = admin_sales.file(file_of(done, refunds=[refund(RefundStatus.DONE)]), OWNER, ENGLISH)
    assert labels(view) == ["‹ Orders"]
    open_one = file_of(done, refunds=[refund(RefundStatus.REQUESTED)])
    assert "Refund …" in labels(admin_sales.file(open_one, OWNER, ENGLISH))


def test_the_refund_of_an_order_that_was_paid_twice_asks_which() -> None:
    twice = order(status=OrderStatus.PAID, exception=OrderException.TWICE)
    asked = admin_settling.confirm_refund(file_of(twice), ENGLISH)
    assert labels(asked)[0] == "Only the payment that is too many"
    once = admin_settling.confirm_refund(file_of(order(status=OrderStatus.PAID)), ENGLISH)
    assert labels(once) == [
        "Refund everything",
        "A part …",
        "Everything, to the balance",
        "‹ Order",
    ]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_last_look_before_a_refund_names_every_sum_and_fits(language: str) -> None:
    odd = order(status=OrderStatus.PAID, exception=OrderException.MISMATCH)
    view = admin_settling.confirm_refund(file_of(odd), texts(language))
    assert "500 ⭐" in view.text
    assert fits(view)


def test_to_the_balance_means_everything() -> None:
    view = admin_settling.confirm_refund(file_of(order(status=OrderStatus.PAID)), ENGLISH)
    pressed = buttons.Refund.unpack(data(view)[labels(view).index("Everything, to the balance")])
    assert (pressed.whole, pressed.to_balance) == (True, True)


def test_a_top_up_does_not_go_back_to_the_balance_that_it_filled() -> None:
    view = admin_settling.confirm_refund(file_of(top_up(status=OrderStatus.DELIVERED)), ENGLISH)
    assert labels(view) == ["Refund everything", "A part …", "‹ Order"]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_part_is_asked_for_with_an_example_and_a_way_out(language: str) -> None:
    asked = admin_settling.ask_part(file_of(order(status=OrderStatus.PAID)), texts(language))
    assert NUMBER in asked.text
    assert "2.50" in asked.text
    assert "/cancel" in asked.text


def test_a_refund_says_where_the_money_is() -> None:
    said = {
        says(refund(RefundStatus.DONE)): "Given back: 500 ⭐",
        says(refund(RefundStatus.REQUESTED)): "On its way back: 500 ⭐",
        says(refund(RefundStatus.DONE, claim="https://c.example/1")): "Set aside: 500 ⭐",
        says(refund(RefundStatus.DONE, origin=RefundOrigin.BALANCE)): (
            "Given back to the buyer's balance: 500 ⭐"
        ),
    }
    assert len(said) == 4
    assert all(told.startswith(begins) for told, begins in said.items())


def test_each_part_of_a_refund_has_a_line_of_its_own() -> None:
    parts = [
        refund(RefundStatus.DONE, amount=Money(100, "XTR")),
        refund(RefundStatus.DONE, amount=Money(998, "USD"), origin=RefundOrigin.BALANCE),
    ]
    assert admin_settling.refunded(parts, ENGLISH).splitlines() == [
        "Given back: 100 ⭐",
        "Given back to the buyer's balance: $9.98",
    ]


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_no_two_ends_of_a_refund_read_alike(language: str) -> None:
    t = texts(language)
    ends = [
        admin_settling.refunded([refund(RefundStatus.DONE)], t),
        admin_settling.balance_spent(t),
        admin_settling.refund_unknown(t),
        admin_settling.refund_refused("<E1>", t),
        admin_settling.not_refundable(t),
    ]
    assert len(set(ends)) == len(ends)
    assert "<E1>" in shown(ends[3]).text


def test_sales_are_listed_with_their_marks_and_turned_by_page() -> None:
    odd = order(exception=OrderException.UNDER)
    view = admin_sales.sales(Page([odd] * 10, 3, more=True), "review", ENGLISH)
    assert "⚠ paid too little" in view.text
    assert buttons.Sales(which="review", page=2).pack() in data(view)
    assert buttons.Sales(which="review", page=4).pack() in data(view)
    assert fits(view)


@pytest.mark.parametrize("which", ["all", "review", *OrderStatus])
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_an_empty_list_says_so(which: str, language: str) -> None:
    t = texts(language)
    view = admin_sales.sales(Page([], 0, more=False), which, t)
    assert t("None.") in view.text
    assert buttons.Sales(which=which).pack() not in data(view)


def test_every_outcome_of_a_confirmation_has_its_sentence() -> None:
    assert all(admin_settling.confirmed(outcome, ENGLISH) for outcome in Outcome)
