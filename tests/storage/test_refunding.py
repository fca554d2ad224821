"""Money that goes back the way it came, once."""

from datetime import timedelta

import pytest

from domain import checkout, refunding
from domain.checkout import Placed
from domain.errors import (
    BlockedByBuyer,
    NotRefundable,
    OrderNotFound,
    ProviderRejected,
    ProviderUnavailable,
)
from domain.ledger import GOODS, HELD, customer_account, provider_account
from domain.messages import Topic
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import Refund, RefundStatus
from domain.settlement import Outcome
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop, Till
from tests.storage.aborting import AbortsOnce
from tests.storage.recording import LATER, Chat, works

AFTER = NOW + RULES.order_ttl
SECOND = timedelta(seconds=1)


async def refund(shop: Shop, placed: Placed, till: Till | None = None) -> list[Refund]:
    providers = {"till": till or shop.till}
    return await refunding.refund(
        shop.uow(), providers, placed.order.number, "by wish", actor_id=ADMIN, now=NOW
    )


async def balances(shop: Shop) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in await shop.rows(tables.ledger):
        found[row["account"]] = found.get(row["account"], 0) + row["amount"]
    return {account: amount for account, amount in found.items() if amount}


def failing(*errors: Exception | None) -> Till:
    """A till that meets each refund with the next of these."""
    left = list(errors)

    async def fail(_: Refund) -> None:
        if left and (error := left.pop(0)) is not None:
            raise error

    return Till(on_refund=fail)


AWAY = ProviderUnavailable("till", "no answer")
NO = ProviderRejected("till", "too late")


async def test_a_refund_gives_everything_back(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    (done,) = await refund(shop, placed)
    assert done.status is RefundStatus.DONE
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
    assert await balances(shop) == {}
    (asked,) = shop.till.refunded
    assert (asked.amount, asked.number) == (PRICE, f"{placed.order.number}R01")
    rows = await shop.rows(tables.outbox, tables.outbox.c.topic == Topic.ORDER)
    assert len(rows) == 1


async def test_money_goes_back_once(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await refund(shop, placed)
    with pytest.raises(NotRefundable):
        await refund(shop, placed)
    assert len(shop.till.refunded) == 1


async def test_an_excess_goes_back_with_its_payment(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(600, "USD"))
    await refund(shop, placed)
    assert await balances(shop) == {}
    assert (await shop.order(placed)).exception is None


async def test_an_unanswered_refund_is_asked_for_again_under_its_number(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    till = failing(AWAY)
    with pytest.raises(ProviderUnavailable):
        await refund(shop, placed, till)
    assert (await shop.order(placed)).status is OrderStatus.REFUNDING
    (done,) = await refund(shop, placed, till)
    assert done.status is RefundStatus.DONE
    first, second = till.refunded
    assert first.number == second.number
    assert await balances(shop) == {}


async def test_a_rejected_refund_leaves_the_order_where_it_stood(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await works(shop, Chat())
    till = failing(NO)
    with pytest.raises(ProviderRejected):
        await refund(shop, placed, till)
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED
    assert (await balances(shop))[GOODS] == PRICE.amount
    await refund(shop, placed, till)
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
    assert till.refunded[0].number != till.refunded[1].number


async def test_goods_that_waited_for_a_refund_are_sent_when_it_fails(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(ProviderUnavailable):
        await refund(shop, placed, failing(AWAY))
    chat = Chat()
    await works(shop, chat)
    assert chat.hand_overs() == []
    with pytest.raises(ProviderRejected):
        await refund(shop, placed, failing(NO))
    await works(shop, chat, LATER)
    assert len(chat.hand_overs()) == 1
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED


async def test_a_rejected_refund_does_not_hide_goods_that_did_not_arrive(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    await shop.pays(placed, now=AFTER)
    await works(shop, Chat(errors=[BlockedByBuyer()]), LATER)
    with pytest.raises(ProviderRejected):
        await refund(shop, placed, failing(NO))
    order = await shop.order(placed)
    assert order.status is OrderStatus.PAID
    assert order.exception is not None


async def test_refunded_goods_are_not_sent(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await refund(shop, placed)
    chat = Chat()
    await works(shop, chat)
    assert chat.hand_overs() == []
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED


async def test_a_payment_during_a_refund_buys_nothing_more(shop: Shop) -> None:
    """The order is on its way out: more money is held, no more keys are sold."""
    placed = await shop.sold(await shop.stocked(keys=3))
    with pytest.raises(ProviderUnavailable):
        await refund(shop, placed, failing(AWAY))
    assert (await shop.pays(placed, external_id="tx-second")).outcome is Outcome.TWICE
    assert (await shop.order(placed)).status is OrderStatus.REFUNDING
    assert len(await shop.bought(placed)) == 1


async def test_a_second_payment_stays_in_sight_when_the_first_is_refunded(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(keys=1))
    with pytest.raises(ProviderUnavailable):
        await refund(shop, placed, failing(AWAY))
    await shop.pays(placed, external_id="tx-second")
    await refund(shop, placed)
    assert (await balances(shop))[HELD] == PRICE.amount
    assert (await shop.order(placed)).exception is OrderException.TWICE


async def test_both_payments_of_an_order_go_back(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    assert len(await refund(shop, placed)) == 2
    assert await balances(shop) == {}
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.REFUNDED, None)


async def test_an_order_is_not_refunded_while_a_part_of_it_is_still_here(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    till = failing(NO)
    with pytest.raises(ProviderRejected):
        await refund(shop, placed, till)
    assert (await shop.order(placed)).status is not OrderStatus.REFUNDED
    await refund(shop, placed, till)
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
    assert await balances(shop) == {}


async def test_what_was_rejected_can_be_given_back_later(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    till = failing(None, NO)
    with pytest.raises(ProviderRejected):
        await refund(shop, placed, till)
    assert (await shop.order(placed)).exception is OrderException.TWICE
    await refund(shop, placed, till)
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.REFUNDED, None)
    assert await balances(shop) == {}


async def test_held_money_goes_back_and_the_order_stays_closed(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
    await shop.pays(placed, amount=Money(100, "USD"))
    await refund(shop, placed)
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.CANCELLED, None)
    assert await balances(shop) == {}


async def test_a_part_that_went_back_counts_no_more(shop: Shop) -> None:
    """Else a buyer gets 4.99's worth for 2.99: part paid, refunded, the rest paid."""
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(200, "USD"))
    await refund(shop, placed)
    rest = await shop.pays(placed, amount=Money(299, "USD"), external_id="tx-rest")
    assert rest.outcome is Outcome.UNDER
    assert await shop.bought(placed) == []
    await shop.pays(placed, amount=Money(200, "USD"), external_id="tx-part")
    assert len(await shop.bought(placed)) == 1


async def test_late_money_that_went_back_is_no_credit(shop: Shop) -> None:
    variant = await shop.stocked(keys=1)
    placed = await shop.places(await shop.buyer(), variant)
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    await shop.sold(variant, buyer_id=BUYER + 1)
    await shop.pays(placed, now=AFTER)
    await refund(shop, placed)
    await shop.imported("GAME", "GAME-KEY-LATE")
    await shop.pays(placed, external_id="tx-again", now=AFTER)
    found = await balances(shop)
    assert customer_account(BUYER) not in found
    assert HELD not in found
    assert found[provider_account("till")] == -2 * PRICE.amount


async def test_what_cannot_go_back_is_not_refundable(shop: Shop) -> None:
    variant = await shop.stocked()
    unpaid = await shop.places(await shop.buyer(), variant)
    with pytest.raises(NotRefundable):
        await refund(shop, unpaid)
    with pytest.raises(OrderNotFound):
        await refunding.refund(shop.uow(), {}, "UNKNOWN", "", actor_id=ADMIN, now=NOW)
    assert (await shop.order(unpaid)).is_pending


async def test_a_refund_finished_by_somebody_else_is_booked_once(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())

    async def be_quicker(_: Refund) -> None:
        await refund(shop, placed)

    await refund(shop, placed, Till(on_refund=be_quicker))
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED
    assert await balances(shop) == {}


async def test_a_rolled_back_request_is_written_down_again(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await refunding.refund(
        AbortsOnce(shop), {"till": shop.till}, placed.order.number, "", actor_id=ADMIN, now=NOW
    )
    assert len(shop.till.refunded) == 1
    assert await balances(shop) == {}


async def test_a_refund_whose_provider_was_switched_off_is_not_forgotten(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(ProviderUnavailable):
        await refund(shop, placed, failing(AWAY))
    number = placed.order.number
    with pytest.raises(ProviderUnavailable):
        await refunding.refund(shop.uow(), {}, number, "", actor_id=ADMIN, now=NOW)
    assert (await shop.order(placed)).status is OrderStatus.REFUNDING


async def test_two_presses_at_once_ask_the_provider_once(shop: Shop) -> None:
    """Not every provider knows a refund by its number."""
    placed = await shop.sold(await shop.stocked())
    again: list[Refund] = []

    async def pressed_again(_: Refund) -> None:
        again.extend(await refund(shop, placed, till))
        assert await refunding.carry_on(shop.uow(), {"till": till}, now=NOW) == 0

    till = Till(on_refund=pressed_again)
    (done,) = await refund(shop, placed, till)
    assert done.status is RefundStatus.DONE
    assert [item.status for item in again] == [RefundStatus.REQUESTED]
    assert len(till.refunded) == 1


async def test_who_is_cut_off_while_asking_is_followed_by_the_worker(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    till = failing(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        await refund(shop, placed, till)
    at = NOW + refunding.LEASE
    assert await refunding.carry_on(shop.uow(), {"till": till}, now=at - SECOND) == 0
    assert await refunding.carry_on(shop.uow(), {"till": till}, now=at) == 1
    assert (await shop.order(placed)).status is OrderStatus.REFUNDED


async def test_an_answer_that_comes_after_its_lease_has_been_followed_changes_nothing(
    shop: Shop,
) -> None:
    placed = await shop.sold(await shop.stocked())
    at = NOW + refunding.LEASE

    async def slow(_: Refund) -> None:
        if len(till.refunded) == 1:
            assert await refunding.carry_on(shop.uow(), {"till": till}, now=at) == 1

    till = Till(on_refund=slow)
    (done,) = await refund(shop, placed, till)
    assert (done.status, done.try_count) == (RefundStatus.DONE, 2)
    assert len(await shop.rows(tables.refunds)) == 1
    assert (await balances(shop)) == {}
