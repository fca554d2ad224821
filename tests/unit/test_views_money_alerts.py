"""What admins are told of money: settled by rule, gone back, compared, and of providers."""

import itertools

import pytest

from domain.alarms import Trouble
from domain.customers import Customer, Role
from domain.delivery import Alert
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import RefundOrigin
from domain.reconciling import Difference, Finding, described
from domain.remedies import Remedy
from handlers.texts import LANGUAGES, Texts, texts
from handlers.views import admin_buttons as buttons
from handlers.views.alerts import alert
from handlers.views.view import View
from tests.unit.views import ENGLISH, NUMBER, data, fits, labels, order, shown

OWNER = Customer(9001, "Olga", role=Role.OWNER)
SUPPORT = Customer(9002, "Sue", role=Role.SUPPORT)
STOCK = Customer(9003, "Stan", role=Role.STOCK)
OPEN = buttons.OpenFile(number=NUMBER).pack()
WHYS = [
    OrderException.LATE,
    OrderException.UNDER,
    OrderException.OVER,
    OrderException.TWICE,
    OrderException.MISMATCH,
]
DONE = [remedy for remedy in Remedy if remedy is not Remedy.ASK]
BOTH = pytest.mark.parametrize("language", list(LANGUAGES))


def told(
    topic: Topic, facts: dict[str, str | int], reader: Customer = OWNER, t: Texts = ENGLISH
) -> View:
    """About an order where the topic is about one."""
    of = order(status=OrderStatus.PAID) if topic in {Topic.SETTLED, Topic.RETURNED} else None
    view = alert(Alert(Note(topic, reader.id, 1 if of else None, facts), of, reader), t)
    assert fits(view)
    return view


def settled(
    why: OrderException, remedy: Remedy, reader: Customer = OWNER, t: Texts = ENGLISH
) -> View:
    facts: dict[str, str | int] = {
        "why": why,
        "remedy": remedy,
        "provider": "stripe",
        "amount": "4.99 USD",
    }
    return told(Topic.SETTLED, facts, reader, t)


def returned(
    origin: RefundOrigin, reader: Customer = OWNER, t: Texts = ENGLISH, **more: int
) -> View:
    facts: dict[str, str | int] = {
        "origin": origin,
        "provider": "stripe",
        "amount": "4.99 USD",
        **more,
    }
    return told(Topic.RETURNED, facts, reader, t)


def provider(trouble: Trouble, t: Texts = ENGLISH, **more: int) -> View:
    return told(Topic.PROVIDER, {"provider": "<epay>", "trouble": trouble, **more}, t=t)


def report(*differences: Difference, compared: int = 120, t: Texts = ENGLISH) -> View:
    """The facts as `domain.reconciling.tell` writes them."""
    facts: dict[str, str | int] = {
        "since": "2026-11-19T12:00:00+00:00",
        "until": "2026-11-20T12:00:00+00:00",
        "compared": compared,
    }
    for finding in Finding:
        found = [one for one in differences if one.finding is finding]
        facts[finding.value] = len(found)
        if found:
            facts[f"{finding.value}_are"] = "\n".join(described(one) for one in found[:10])
    return told(Topic.REPORT, facts, t=t)


# --- Settled by rule ----------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("why", "remedy"), list(itertools.product(WHYS, DONE)))
def test_what_a_rule_did_is_told_with_the_order_and_the_sum(
    why: OrderException, remedy: Remedy, language: str
) -> None:
    view = settled(why, remedy, t=texts(language))
    assert view.text.startswith("ℹ")
    assert NUMBER in view.text
    assert "4.99" in view.text
    assert "stripe" in view.text
    assert data(view) == [OPEN]


@BOTH
def test_no_two_cases_of_a_rule_read_alike(language: str) -> None:
    cases = list(itertools.product(WHYS, DONE))
    said = {str(settled(why, remedy, t=texts(language)).text) for why, remedy in cases}
    assert len(said) == len(cases)


def test_late_money_that_met_stock_is_told_as_delivered() -> None:
    text = settled(OrderException.LATE, Remedy.DELIVER).text
    assert "By rule: there was stock, so it was delivered." in text


def test_an_order_that_waits_for_goods_may_be_refunded_instead() -> None:
    facts: dict[str, str | int] = {
        "why": OrderException.LATE,
        "remedy": Remedy.WAIT,
        "provider": "stripe",
        "amount": "4.99 USD",
    }
    note = Note(Topic.SETTLED, OWNER.id, 1, facts)
    waits = order(status=OrderStatus.PAID, exception=OrderException.SHORT)
    assert labels(alert(Alert(note, waits, OWNER), ENGLISH)) == ["Refund", "Handled", "Open"]
    filled = order(status=OrderStatus.DELIVERED)
    assert labels(alert(Alert(note, filled, OWNER), ENGLISH)) == ["Open"]


def test_only_who_may_see_orders_can_open_one() -> None:
    assert data(settled(OrderException.TWICE, Remedy.CREDIT, SUPPORT)) == [OPEN]
    assert data(settled(OrderException.TWICE, Remedy.CREDIT, STOCK)) == []
    assert data(returned(RefundOrigin.DISPUTE, STOCK)) == []


# --- Gone back ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("origin", [RefundOrigin.DESK, RefundOrigin.DISPUTE])
def test_money_that_left_by_itself_is_told_with_the_order_and_the_sum(
    origin: RefundOrigin, language: str
) -> None:
    view = returned(origin, t=texts(language))
    assert NUMBER in view.text
    assert "4.99" in view.text
    assert data(view)[0] == OPEN


def test_a_chargeback_is_no_refund() -> None:
    assert "Chargeback" in returned(RefundOrigin.DISPUTE).text
    assert "Chargeback" not in returned(RefundOrigin.DESK).text


def test_who_disputes_can_be_banned_by_who_decides_about_money() -> None:
    view = returned(RefundOrigin.DISPUTE)
    assert labels(view) == ["Open", "Ban the buyer"]
    assert data(view)[1] == buttons.Ban(user_id=1001).pack()
    assert labels(returned(RefundOrigin.DISPUTE, SUPPORT)) == ["Open"]
    assert labels(returned(RefundOrigin.DESK)) == ["Open"]


def test_who_was_banned_by_rule_is_not_banned_twice() -> None:
    view = returned(RefundOrigin.DISPUTE, banned=1)
    assert "banned" in view.text
    assert labels(view) == ["Open"]
    assert "banned" not in returned(RefundOrigin.DISPUTE).text


# --- Providers ----------------------------------------------------------------------------------


@BOTH
def test_each_trouble_and_its_end_read_otherwise_and_name_the_provider(language: str) -> None:
    t = texts(language)
    views = [provider(trouble, t) for trouble in Trouble]
    views.append(provider(Trouble.SILENT, t, over=1))
    assert len({str(view.text) for view in views}) == len(views)
    assert all("<epay>" in shown(view.text).text for view in views)


def test_silence_is_no_forgery() -> None:
    assert "does not answer" in provider(Trouble.SILENT).text
    assert "Signatures" in provider(Trouble.FORGED).text
    assert "answers again" in provider(Trouble.SILENT, over=1).text


# --- The day's report ---------------------------------------------------------------------------


def difference(finding: Finding, transaction: str = "T-<1>") -> Difference:
    here, there = Money(499, "USD"), Money(500, "USD")
    return Difference(finding, "epay", f"{NUMBER}01", transaction, here, there)


@BOTH
def test_a_report_without_differences_says_that_all_is_well(language: str) -> None:
    t = texts(language)
    text = shown(report(t=t).text).text
    assert "120" in text
    assert "2026-11-19 12:00" in text
    assert str(t("Everything agrees.")) in text


@BOTH
@pytest.mark.parametrize("finding", list(Finding))
def test_every_difference_is_named_by_its_numbers(finding: Finding, language: str) -> None:
    t = texts(language)
    text = shown(report(difference(finding), t=t).text).text
    assert f"· epay {NUMBER}01 T-<1>: here 4.99 USD, there 5.00 USD" in text
    assert str(t("Everything agrees.")) not in text


@BOTH
def test_no_two_findings_read_alike(language: str) -> None:
    said = {str(report(difference(one), t=texts(language)).text) for one in Finding}
    assert len(said) == len(Finding)


def test_one_difference_and_several_are_told_apart() -> None:
    one = difference(Finding.MISSING)
    assert "1 payment is here and not there" in report(one).text
    assert "2 payments are here and not there" in report(one, one).text


@BOTH
def test_a_report_of_a_very_bad_day_fits_into_a_message(language: str) -> None:
    """Bitcoin's transactions have ids of 64 signs; too long a message is refused by Telegram."""
    worst = [difference(finding, "f" * 64) for finding in Finding for _ in range(50)]
    text = report(*worst, t=texts(language)).text
    assert text.count("50") >= len(Finding)
