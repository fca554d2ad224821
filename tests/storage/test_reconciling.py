"""The shop's books beside each provider's, and what is told of the differences."""

import dataclasses
from datetime import timedelta

import pytest

from domain import reconciling
from domain.checkout import Placed
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import (
    Attempt,
    PaymentEvent,
    PaymentProvider,
    RefundEvent,
)
from domain.reconciling import Finding, Report
from domain.remedies import Remedy
from domain.rules import Rules
from domain.settlement import Outcome
from storage import tables
from tests.shop import NOW, PRICE, RULES, Shop, Till, payment_of
from tests.storage.money import EARNED, notes, ruled, standing, state, usd
from tests.storage.tills import ASKING, ListingTill, away

LATER = NOW + timedelta(hours=1)
SINCE = NOW - timedelta(hours=1)


@pytest.fixture
def lists() -> ListingTill:
    return ListingTill()


@pytest.fixture
def asks() -> Till:
    return Till(capabilities=ASKING)


async def places(shop: Shop, till: Till, nth: int = 0) -> Placed:
    variant = await shop.stocked(sku=f"GAME{nth}" if nth else "GAME")
    return await shop.places(await shop.buyer(), variant, provider=till)


async def compares(shop: Shop, *tills: PaymentProvider, rules: Rules = RULES) -> Report:
    return await reconciling.reconcile(
        shop.uow(), {till.code: till for till in tills}, rules, since=SINCE, now=LATER
    )


def findings(report: Report) -> list[tuple[Finding, str]]:
    return [(one.finding, one.external_id) for one in report.differences]


# --- Providers that list ---------------------------------------------------------------------


async def test_what_agrees_is_counted_and_no_difference(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [payment_of(placed)]
    report = await compares(shop, lists)
    assert (report.compared, report.differences) == ({"till": 1}, [])
    (asked,) = lists.asked_since
    assert asked <= SINCE


async def test_a_listed_payment_that_is_not_known_is_settled(
    shop: Shop, lists: ListingTill
) -> None:
    placed = await places(shop, lists)
    event = payment_of(placed)
    lists.lists = [event]
    report = await compares(shop, lists)
    (one,) = report.of(Finding.FOUND)
    assert (one.number, one.external_id) == (event.attempt_number, event.external_id)
    assert (one.here, one.there) == (None, PRICE)
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    assert await standing(shop) == EARNED
    (row,) = await shop.rows(tables.payments)
    assert row["source"] == "reconciled"
    assert (await compares(shop, lists)).differences == []


async def test_a_payment_of_before_is_no_difference(shop: Shop, lists: ListingTill) -> None:
    """Recorded before the report begins, listed in it."""
    placed = await places(shop, lists)
    await shop.pays(placed, now=SINCE - timedelta(minutes=1))
    lists.lists = [payment_of(placed)]
    report = await compares(shop, lists)
    assert (report.compared, report.differences) == ({"till": 0}, [])


async def test_a_payment_that_is_not_listed_is_missing(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    (one,) = (await compares(shop, lists)).differences
    assert (one.finding, one.here, one.there) == (Finding.MISSING, PRICE, None)
    assert await standing(shop) == EARNED


async def test_a_payment_on_the_line_between_two_days_is_asked_for(
    shop: Shop, lists: ListingTill
) -> None:
    lists.capabilities = ASKING
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.knows[payment_of(placed).attempt_number] = payment_of(placed)
    assert (await compares(shop, lists)).differences == []
    lists.knows.clear()
    assert findings(await compares(shop, lists)) == [
        (Finding.MISSING, payment_of(placed).external_id)
    ]


async def test_an_unlisted_payment_of_no_order_is_missing(shop: Shop, lists: ListingTill) -> None:
    lists.capabilities = ASKING
    placed = await places(shop, lists)
    await shop.pays(placed, attempt_number="UNHEARD-OF")
    found = [one.finding for one in (await compares(shop, lists)).differences]
    assert found == [Finding.UNKNOWN, Finding.MISSING]


async def test_amounts_that_differ_are_told_with_both(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [dataclasses.replace(payment_of(placed), amount=usd(500))]
    (one,) = (await compares(shop, lists)).differences
    assert (one.finding, one.here, one.there) == (Finding.DIFFERENT, PRICE, usd(500))
    assert await standing(shop) == EARNED


def gone(placed: Placed, cents: int = 499) -> RefundEvent:
    return RefundEvent("till", "till-1", payment_of(placed).external_id, usd(cents))


async def test_a_refund_that_is_not_known_is_booked(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [payment_of(placed), gone(placed)]
    (one,) = (await compares(shop, lists)).differences
    assert (one.finding, one.there) == (Finding.RETURNED, PRICE)
    assert await standing(shop) == {}
    assert (await compares(shop, lists)).differences == []


async def test_a_payment_gone_back_entirely_need_not_be_listed(
    shop: Shop, lists: ListingTill
) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [gone(placed)]
    assert [one.finding for one in (await compares(shop, lists)).differences] == [Finding.RETURNED]
    lists.lists = []
    assert (await compares(shop, lists)).differences == []


async def test_a_payment_that_came_and_went_without_the_shop_buys_nothing(
    shop: Shop, lists: ListingTill
) -> None:
    """`listed` gives them in any order: no goods go out for money that is not there any more."""
    placed = await places(shop, lists)
    lists.lists = [gone(placed), payment_of(placed)]
    for _ in range(2):
        lists.lists.reverse()
        assert (await compares(shop, lists)).differences == []
        assert await standing(shop) == {}
        assert (await shop.order(placed)).is_pending


# --- Providers that are asked ----------------------------------------------------------------


async def test_a_payment_found_by_asking_is_settled(shop: Shop, asks: Till) -> None:
    placed = await places(shop, asks)
    asks.knows[payment_of(placed).attempt_number] = payment_of(placed)
    assert findings(await compares(shop, asks)) == [
        (Finding.FOUND, payment_of(placed).external_id)
    ]
    assert await state(shop, placed) == (OrderStatus.PAID, None)
    report = await compares(shop, asks)
    assert (report.compared, report.differences) == ({"till": 1}, [])


async def test_a_payment_that_nobody_confirms_is_missing(shop: Shop, asks: Till) -> None:
    placed = await places(shop, asks)
    await shop.pays(placed)
    assert findings(await compares(shop, asks)) == [
        (Finding.MISSING, payment_of(placed).external_id)
    ]


async def test_a_payment_for_yesterdays_attempt_is_not_missing(shop: Shop, asks: Till) -> None:
    """The order was placed before the report begins, and paid in it."""
    placed = await places(shop, asks)
    await shop.pays(placed, now=NOW + timedelta(minutes=10))
    asks.knows[payment_of(placed).attempt_number] = payment_of(placed)
    report = await reconciling.reconcile(
        shop.uow(), {"till": asks}, RULES, since=NOW + timedelta(minutes=5), now=LATER
    )
    assert (report.compared, report.differences) == ({"till": 1}, [])


async def test_every_attempt_is_asked_about_beyond_the_first_page(shop: Shop, asks: Till) -> None:
    placed = await places(shop, asks)
    count = 2 * reconciling.PAGE + 1
    async with shop.uow() as uow:
        (first,) = await uow.attempts.of_order(placed.order.id)
        for nth in range(count - 1):
            await uow.attempts.add(
                dataclasses.replace(first, number=f"{first.number}X{nth}", poll_at=None)
            )
        await uow.commit()
    asked: list[str] = []

    async def note(attempt: Attempt) -> None:
        asked.append(attempt.number)

    asks.on_query = note
    last = f"{first.number}X{count - 2}"
    asks.knows[last] = dataclasses.replace(payment_of(placed), attempt_number=last)
    report = await compares(shop, asks)
    assert len(set(asked)) == len(asked) == count
    assert [one.number for one in report.differences] == [last]


async def test_a_provider_that_neither_lists_nor_answers_is_not_compared(shop: Shop) -> None:
    placed = await places(shop, shop.till)
    await shop.pays(placed)
    report = await compares(shop, shop.till)
    assert (report.compared, report.differences) == ({"till": 1}, [])


@pytest.mark.parametrize("error", [ProviderUnavailable("x", "?"), ProviderRejected("x", "?")])
async def test_one_provider_without_an_answer_does_not_hide_another(
    shop: Shop, lists: ListingTill, error: Exception
) -> None:
    async def fail(_: Attempt) -> None:
        raise error

    silent = Till(code="silent", capabilities=ASKING, on_query=fail)
    variant = await shop.stocked()
    await shop.places(await shop.buyer(), variant, provider=silent)
    placed = await shop.places(await shop.buyer(), variant, provider=lists)
    lists.lists = [payment_of(placed)]
    report = await compares(shop, silent, lists)
    assert [(one.finding, one.provider) for one in report.differences] == [
        (Finding.UNANSWERED, "silent"),
        (Finding.FOUND, "till"),
    ]


# --- The sweep -------------------------------------------------------------------------------


async def test_the_sweep_asks_only_those_that_list_and_cannot_be_asked(shop: Shop) -> None:
    only_lists = ListingTill(code="lists", account="lists-1")
    both = ListingTill(code="both", account="both-1", capabilities=ASKING)
    asked = Till(code="asks", capabilities=ASKING, on_query=away)
    placed = await places(shop, only_lists)
    only_lists.lists = [payment_of(placed)]
    tills: dict[str, PaymentProvider] = {t.code: t for t in (only_lists, both, asked)}
    report = await reconciling.sweep(shop.uow(), tills, RULES, since=SINCE, now=LATER)
    assert (len(only_lists.asked_since), both.asked_since) == (1, [])
    assert findings(report) == [(Finding.FOUND, payment_of(placed).external_id)]
    assert (await shop.order(placed)).status is OrderStatus.PAID


# --- The report ------------------------------------------------------------------------------


async def told(shop: Shop, report: Report) -> dict[str, str | int]:
    await reconciling.tell(shop.uow(), report, now=LATER)
    (note,) = await notes(shop, Topic.REPORT)
    assert note["chat_id"] is None
    facts: dict[str, str | int] = note["facts"]
    return facts


async def test_the_report_tells_how_much_agrees(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [payment_of(placed)]
    assert await told(shop, await compares(shop, lists)) == {
        "since": SINCE.isoformat(),
        "until": LATER.isoformat(),
        "compared": 1,
        **{finding.value: 0 for finding in Finding},
    }


async def test_the_report_names_each_difference(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    event = payment_of(placed)
    await shop.pays(placed)
    lists.lists = [dataclasses.replace(event, amount=usd(500))]
    facts = await told(shop, await compares(shop, lists))
    assert (facts["different"], facts["found"]) == (1, 0)
    assert facts["different_are"] == (
        f"till {event.attempt_number} {event.external_id}: here 4.99 USD, there 5.00 USD"
    )
    assert "found_are" not in facts


async def test_the_report_tells_ten_of_a_kind_and_counts_all(
    shop: Shop, lists: ListingTill
) -> None:
    strange = PaymentEvent(
        "till",
        "till-1",
        live=True,
        external_id="",
        attempt_number="UNHEARD-OF",
        amount=PRICE,
    )
    lists.lists = [dataclasses.replace(strange, external_id=f"tx-{nth}") for nth in range(12)]
    facts = await told(shop, await compares(shop, lists))
    assert facts["found"] == 12
    assert len(str(facts["found_are"]).splitlines()) == 10


@pytest.mark.parametrize("count", [1, reconciling.PATIENCE])
async def test_a_silent_provider_is_named_alone(shop: Shop, asks: Till, count: int) -> None:
    for nth in range(count):
        await places(shop, asks, nth)
    asks.on_query = away
    assert (await told(shop, await compares(shop, asks)))["unanswered_are"] == "till"


async def test_attempts_that_cannot_be_asked_about_hide_no_other(shop: Shop, asks: Till) -> None:
    """However many they are, as long as the provider answers in between."""
    odd, good = list[str](), list[Placed]()
    for nth, is_odd in enumerate((True, True, False, True, False), 1):
        placed = await places(shop, asks, nth)
        if is_odd:
            await shop.pays(placed)
            odd.append(payment_of(placed).attempt_number)
        else:
            asks.knows[payment_of(placed).attempt_number] = payment_of(placed)
            good.append(placed)

    async def odd_ones_fail(attempt: Attempt) -> None:
        if attempt.number in odd:
            raise ProviderRejected("till", "what is that?")

    asks.on_query = odd_ones_fail
    report = await compares(shop, asks)
    assert [one.number for one in report.of(Finding.UNANSWERED)] == odd
    found = [payment_of(placed).attempt_number for placed in good]
    assert [one.number for one in report.of(Finding.FOUND)] == found
    assert len(report.differences) == 5
    assert await state(shop, good[1]) == (OrderStatus.PAID, None)


async def test_money_of_no_order_that_waits_for_the_report_is_in_it(
    shop: Shop, lists: ListingTill
) -> None:
    """The owner has chosen to hear of it once a day: it is known here and there, and nobody's."""
    placed = await places(shop, lists)
    rules = ruled(unknown=Remedy.WAIT)
    settlement = await shop.pays(placed, attempt_number="UNHEARD-OF", rules=rules)
    assert settlement.outcome is Outcome.UNKNOWN
    assert await notes(shop, Topic.PAYMENT) == []
    lists.lists = [dataclasses.replace(payment_of(placed), attempt_number="UNHEARD-OF")]
    facts = await told(shop, await compares(shop, lists, rules=rules))
    assert payment_of(placed).external_id in str(facts)


async def test_a_payment_in_another_currency_differs(shop: Shop, lists: ListingTill) -> None:
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [dataclasses.replace(payment_of(placed), amount=Money(499, "EUR"))]
    assert [one.finding for one in (await compares(shop, lists)).differences] == [
        Finding.DIFFERENT
    ]


async def test_a_day_without_payments_says_nothing(shop: Shop, lists: ListingTill) -> None:
    assert not (await compares(shop, lists)).says_something
    placed = await places(shop, lists)
    await shop.pays(placed)
    lists.lists = [payment_of(placed)]
    assert (await compares(shop, lists)).says_something
