"""An order moves only along its table."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import Variant
from domain.errors import IllegalTransition, OrderClosed, OrderExpired
from domain.money import Money
from domain.orders import (
    _ALPHABET,
    NUMBER_LENGTH,
    PAYMENT_GRACE,
    TRANSITIONS,
    Bill,
    Order,
    OrderLine,
    OrderStatus,
    new_number,
    read_number,
    total,
)
from tests.shop import BUYER, NOW, PRICE

LATER = NOW + timedelta(minutes=15)


def line(quantity: int = 1) -> OrderLine:
    return OrderLine(1, "GAME", "Game", quantity, PRICE)


def order(status: OrderStatus = OrderStatus.PENDING) -> Order:
    lines = (line(2), line())
    return Order("N", BUYER, lines, total(lines), NOW, LATER, "request", status=status)


@pytest.mark.parametrize(("source", "target"), list(product(OrderStatus, repeat=2)))
def test_only_listed_transitions_are_possible(source: OrderStatus, target: OrderStatus) -> None:
    moving = order(source)
    if target in TRANSITIONS[source]:
        moving._move_to(target)
        assert moving.status is target
    else:
        with pytest.raises(IllegalTransition):
            moving._move_to(target)
        assert moving.status is source


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(OrderStatus)


def test_an_order_is_paid_and_delivered() -> None:
    paid = order()
    assert paid.is_pending
    paid.mark_paid(LATER)
    assert paid.is_paid
    assert paid.paid_at == LATER
    paid.mark_delivered()
    assert paid.status is OrderStatus.DELIVERED


def test_a_failed_refund_leaves_the_order_where_it_stood() -> None:
    refunding = order(OrderStatus.DELIVERED)
    refunding.begin_refund()
    assert not refunding.is_paid
    refunding.end_refund(OrderStatus.DELIVERED)
    assert refunding.status is OrderStatus.DELIVERED


def test_a_refund_is_the_end() -> None:
    refunded = order(OrderStatus.PAID)
    refunded.begin_refund()
    refunded.mark_refunded()
    assert not TRANSITIONS[refunded.status]


@pytest.mark.parametrize("status", OrderStatus)
def test_money_is_taken_for_what_is_not_paid_yet(status: OrderStatus) -> None:
    closed = {OrderStatus.PENDING, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    assert order(status).can_be_paid == (status in closed)


def test_a_pending_order_is_payable_until_its_reservation_ends() -> None:
    order().check_payable(LATER - timedelta(microseconds=1))
    with pytest.raises(OrderExpired):
        order().check_payable(LATER)


@pytest.mark.parametrize("status", sorted(set(OrderStatus) - {OrderStatus.PENDING}))
def test_no_other_order_is_payable(status: OrderStatus) -> None:
    refusal = OrderExpired if status is OrderStatus.EXPIRED else OrderClosed
    with pytest.raises(refusal):
        order(status).check_payable(NOW)


def test_a_payment_under_way_holds_the_keys_a_little_longer() -> None:
    paying = order()
    paying.hold_for_payment(NOW)
    assert paying.reserved_until == LATER
    paying.hold_for_payment(LATER)
    assert paying.reserved_until == LATER + PAYMENT_GRACE


def test_a_total_is_the_sum_of_its_lines() -> None:
    assert order().quantity == 3
    assert order().total == Money(3 * PRICE.amount, "USD")


def test_a_line_keeps_the_price_list_of_the_day_it_was_ordered() -> None:
    variant = Variant(1, 1, "GAME", "", PRICE, {"XTR": 50})
    ordered = OrderLine.of(variant, "Game", 1)
    variant.prices["XTR"] = 99
    assert ordered.prices == {"XTR": 50}


def test_a_bill_asks_for_what_the_balance_has_not_paid() -> None:
    assert order().bill.due == order().total
    partly = replace(order(), from_balance=500)
    assert partly.bill == Bill(partly.lines, partly.total, 500)
    assert partly.bill.due == Money(997, "USD")


def test_money_on_its_way_holds_the_keys_until_it_is_there() -> None:
    paying = order()
    paying.hold_for_confirmation(NOW)
    assert paying.reserved_until == LATER
    paying.hold_for_confirmation(LATER + timedelta(hours=2))
    assert paying.reserved_until == LATER + timedelta(hours=2)


def test_numbers_are_long_and_free_of_confusion() -> None:
    numbers = {new_number() for _ in range(1000)}
    assert len(numbers) == 1000
    assert all(len(number) == NUMBER_LENGTH for number in numbers)
    assert not set("ILOU") & set("".join(numbers))


def _as_typed(number: str) -> st.SearchStrategy[str]:
    """The number as people copy it: in any case, in groups, with look-alikes."""
    looks = {"0": "0oO", "1": "1iIlL"}
    each = [st.sampled_from(looks.get(c, c + c.lower())) for c in number]
    return st.tuples(*each).flatmap(
        lambda cs: st.sampled_from(["", " ", "-", " - "]).map(
            lambda gap: gap.join(["".join(cs[:4]), "".join(cs[4:8]), "".join(cs[8:])])
        )
    )


@given(
    st.text(_ALPHABET, min_size=12, max_size=12).flatmap(
        lambda number: st.tuples(st.just(number), _as_typed(number))
    )
)
def test_a_number_is_read_however_it_is_typed(both: tuple[str, str]) -> None:
    number, typed = both
    assert read_number(typed) == number


@given(st.text())
def test_any_text_is_read_as_something_harmless(text: str) -> None:
    number = read_number(text)
    assert len(number) <= 32
    assert number == "" or (number.isascii() and number.isalnum())
