"""Money that goes back: by /refund through the provider, or at the provider's own desk."""

import pytest

from domain.money import Money
from tests.chat.shop_chat import OWNER
from tests.faults.waiting import until
from tests.payments.news import paid_unknown_to_the_shop
from tests.payments.stand_ins import on_sqlite
from tests.payments.standin import Fault
from tests.payments.till import Till

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.unmeasured]


@on_sqlite("refunds in part")
async def test_f36_a_part_of_a_payment_goes_back(till: Till) -> None:
    ordered = await till.sold()
    part = Money(400, till.price.currency)
    await till.gives_back(ordered, f"4.00 {part.currency}")
    await until(lambda: till.refunds(ordered), "a refund")
    assert till.there.given_back(ordered.attempt) == part
    assert await till.has_status(ordered, "delivered")
    await till.gives_back(ordered)
    await until(lambda: till.has_status(ordered, "refunded"), "the order is refunded")
    assert till.there.given_back(ordered.attempt) == till.price
    assert not await till.owed()


@on_sqlite("no refunds in part")
async def test_f36_what_a_provider_cannot_give_back_goes_to_the_balance(till: Till) -> None:
    ordered = await till.sold()
    part = Money(400, till.price.currency)
    await till.gives_back(ordered, f"4.00 {part.currency}")
    assert await till.owed() == part
    assert till.there.given_back(ordered.attempt) is None


@on_sqlite("refunds")
async def test_f36_a_refund_of_unknown_outcome_is_made_once(till: Till) -> None:
    """The provider does it, and its answer is lost; the owner asks again."""
    ordered = await till.sold()
    till.there.faults["*"] = Fault.LOST
    await till.gives_back(ordered)
    [refund] = await till.refunds(ordered)
    assert refund["status"] == "requested"
    till.there.faults.clear()
    await till.gives_back(ordered)
    await until(lambda: till.has_status(ordered, "refunded"), "the order is refunded")
    assert till.there.given_back(ordered.attempt) == till.price
    assert len(await till.refunds(ordered)) == 1


@on_sqlite("desk")
async def test_f36_mistake_5_a_refund_at_the_providers_desk_is_booked_once(till: Till) -> None:
    ordered = await till.sold()
    till.there.give_back(ordered.attempt)
    for _ in range(2):
        await till.believed(till.there.notice(ordered.attempt))
    assert await till.has_status(ordered, "refunded")
    [refund] = await till.refunds(ordered)
    assert (refund["amount"], refund["origin"]) == (till.price.amount, "desk")
    await till.hears(OWNER, ordered.number, "was given back at the payment service")
    assert len(await till.payments(ordered)) == 1


@on_sqlite("desk in part")
async def test_f36_a_part_given_back_at_the_desk_is_booked_once(till: Till) -> None:
    ordered = await till.sold()
    till.there.give_back(ordered.attempt, Money(400, till.price.currency))
    for _ in range(2):
        await till.believed(till.there.notice(ordered.attempt))
    assert await till.has_status(ordered, "delivered")
    till.there.give_back(ordered.attempt, Money(600, till.price.currency))
    await till.believed(till.there.notice(ordered.attempt))
    assert await till.has_status(ordered, "refunded")
    assert [row["amount"] for row in await till.refunds(ordered)] == [400, 600]


@on_sqlite("desk")
async def test_f36_a_refund_that_the_provider_tells_of_too_is_booked_once(till: Till) -> None:
    """The shop's own refund, told of by callback as any other."""
    ordered = await till.sold()
    await till.gives_back(ordered)
    await until(lambda: till.has_status(ordered, "refunded"), "the order is refunded")
    if till.there.given_back(ordered.attempt) is not None:
        await till.believed(till.there.notice(ordered.attempt))
    assert len(await till.refunds(ordered)) == 1


@on_sqlite("desk")
async def test_f20_mistake_5_a_refund_told_before_its_payment_is_not_forgotten(till: Till) -> None:
    """The payment's notice is repeated late, after the money has gone back at the desk."""
    ordered, _ = await till.waiting()
    if till.code == "paypal":  # captured by then; what is late is the notice of it
        await paid_unknown_to_the_shop(till, ordered.attempt)
    else:
        till.there.pay(ordered.attempt)
    late = till.there.notice(ordered.attempt)
    till.there.give_back(ordered.attempt)
    await till.believed(till.there.notice(ordered.attempt))
    await till.believed(late)
    [refund] = await till.refunds(ordered)
    assert (refund["amount"], refund["origin"]) == (till.price.amount, "desk")
