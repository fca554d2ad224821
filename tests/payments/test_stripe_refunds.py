"""Stripe's refunds, its list of everything, and the check."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    RefundEvent,
    RefundResult,
)
from tests.payments.purchases import NOW, NUMBER, new
from tests.payments.standin import Fault
from tests.payments.stripe_shop import Shop, stripe_shop

FAULTS = [Fault.MISSING, Fault.BROKEN, Fault.TOO_MANY, Fault.NONSENSE, Fault.CUT, Fault.GARBLED]
ALL_FAULTS = [*FAULTS, Fault.SLOW, Fault.MOVED, Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with stripe_shop() as shop:
        yield shop


# --- Giving money back ----------------------------------------------------------------------


async def test_a_refund_is_made_once(shop: Shop) -> None:
    await shop.paid()
    assert await shop.stripe.refund(shop.refund()) == RefundResult(done=True)
    assert await shop.stripe.refund(shop.refund()) == RefundResult(done=True)
    assert shop.standin.given_back(NUMBER) == Money.parse("10.00", "USD")
    assert len(shop.standin.refunds) == 1


async def test_a_refund_that_is_not_listed_yet_is_made_once(shop: Shop) -> None:
    await shop.paid()
    shop.standin.behind = True
    for _ in range(2):
        assert (await shop.stripe.refund(shop.refund("2.50"))).done
    assert len(shop.standin.refunds) == 1


async def test_parts_are_given_back_one_by_one(shop: Shop) -> None:
    await shop.paid()
    for number in ("R01", "R02", "R02"):
        assert (await shop.stripe.refund(shop.refund("2.50", number=number))).done
    assert shop.standin.given_back(NUMBER) == Money.parse("5.00", "USD")


async def test_a_refund_in_the_works_is_not_done(shop: Shop) -> None:
    await shop.paid()
    shop.standin.refund_status = "pending"
    assert await shop.stripe.refund(shop.refund()) == RefundResult(done=False)
    next(iter(shop.standin.refunds.values()))["status"] = "succeeded"
    assert await shop.stripe.refund(shop.refund()) == RefundResult(done=True)
    assert len(shop.standin.refunds) == 1


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ({"status": "failed", "failure_reason": "expired_or_canceled_card"}, "expired_or_"),
        ({"status": "failed", "failure_reason": "Ask Mr Smith."}, "failed"),
        ({"status": "canceled"}, "canceled"),
    ],
)
async def test_a_refund_that_came_to_nothing_is_rejected(
    shop: Shop, outcome: dict[str, str], code: str
) -> None:
    await shop.paid()
    shop.standin.refund_status = "pending"
    await shop.stripe.refund(shop.refund())
    next(iter(shop.standin.refunds.values())).update(outcome)
    with pytest.raises(ProviderRejected, match=f"stripe: {code}"):
        await shop.stripe.refund(shop.refund())


async def test_a_question_that_is_refused_leaves_a_refund_open(shop: Shop) -> None:
    """By an API key that was replaced, say: the refund may have been made before."""
    await shop.paid()
    await shop.stripe.refund(shop.refund())
    with pytest.raises(ProviderUnavailable):
        await shop.other(secret_key="sk_live_ReplacedMeanwhile").refund(shop.refund())


async def test_an_unknown_state_of_a_refund_is_not_decided(shop: Shop) -> None:
    await shop.paid()
    shop.standin.refund_status = "new_in_2027"
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.refund(shop.refund())


async def test_more_than_was_paid_is_not_given_back(shop: Shop) -> None:
    await shop.paid()
    await shop.stripe.refund(shop.refund())
    with pytest.raises(ProviderRejected, match="charge_already_refunded"):
        await shop.stripe.refund(shop.refund(number="R02"))
    assert shop.standin.given_back(NUMBER) == Money.parse("10.00", "USD")


async def test_a_refund_at_stripes_own_desk_is_not_taken_for_ours(shop: Shop) -> None:
    await shop.paid()
    shop.standin.give_back(NUMBER, Money.parse("4.00", "USD"))
    next(iter(shop.standin.refunds.values()))["metadata"] = None
    assert (await shop.stripe.refund(shop.refund("6.00"))).done
    assert shop.standin.given_back(NUMBER) == Money.parse("6.00", "USD")


async def test_a_refund_whose_answer_was_lost_is_made_once(shop: Shop) -> None:
    await shop.paid()
    shop.standin.faults["refunds"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.refund(shop.refund())
    shop.standin.faults.clear()
    assert (await shop.stripe.refund(shop.refund())).done
    assert len(shop.standin.refunds) == 1


# --- The list, and the check ----------------------------------------------------------------


async def test_everything_since_then_is_listed(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay(NUMBER)
    shop.standin.give_back(NUMBER, Money.parse("2.00", "USD"))
    shop.standin.give_back(NUMBER, Money.parse("3.00", "USD"))
    shop.standin.dispute(NUMBER)
    shop.standin.page_size = 2

    def gone(amount: str, *, disputed: bool = False) -> RefundEvent:
        money = Money.parse(amount, "USD")
        return RefundEvent("stripe", "stripe", shop.intent, money, disputed=disputed)

    expected = [shop.event(), gone("2.00"), gone("5.00"), gone("10.00", disputed=True)]
    assert await shop.stripe.listed(NOW) == expected
    assert await shop.stripe.listed(NOW + timedelta(seconds=1)) == []


async def test_what_is_no_money_is_not_listed(shop: Shop) -> None:
    await shop.order()
    shop.standin.pay_later(NUMBER)
    assert await shop.stripe.listed(NOW) == []


async def test_a_list_that_cannot_be_read_is_no_answer(shop: Shop) -> None:
    await shop.paid()
    del shop.standin.events[0]["data"]
    with pytest.raises(ProviderUnavailable):
        await shop.stripe.listed(NOW)


async def test_the_right_key_passes_the_check(shop: Shop) -> None:
    await shop.stripe.check()


@pytest.mark.parametrize("act", ["check", "create", "query"])
async def test_another_key_is_rejected(shop: Shop, act: str) -> None:
    tried = await shop.order()
    stranger = shop.other(secret_key="sk_live_another0123456789")
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "check": stranger.check,
        "create": lambda: stranger.create(new()),
        "query": lambda: stranger.query(tried),
    }
    told = {"check": "the secret key"}.get(act, "invalid_request_error")
    with pytest.raises(ProviderRejected, match=told):
        await acts[act]()
