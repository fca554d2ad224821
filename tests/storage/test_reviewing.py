"""Orders in an admin's hands."""

import pytest

from domain import checkout, deciding, refunding, reviewing
from domain.checkout import Placed
from domain.errors import BlockedByBuyer, OrderClosed, OrderNotFound, OutOfStock
from domain.ledger import GOODS, HELD, customer_account
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.settlement import Outcome, Settlement
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop
from tests.storage.recording import LATER, Chat, works

AFTER = NOW + RULES.order_ttl


async def balance(shop: Shop, account: str) -> int:
    rows = await shop.rows(tables.ledger, tables.ledger.c.account == account)
    return sum(row["amount"] for row in rows)


async def expired(shop: Shop, keys: int = 1) -> Placed:
    """An order that was not paid in time, and whose keys are sold by now."""
    variant = await shop.stocked(keys=keys)
    placed = await shop.places(await shop.buyer(), variant, keys)
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    await shop.sold(variant, keys, buyer_id=BUYER + 1)
    return placed


async def confirm(shop: Shop, placed: Placed, transaction: str = "seen") -> Settlement:
    return await reviewing.confirm(
        shop.uow(), placed.order.number, transaction, "bank", RULES, actor_id=ADMIN, now=NOW
    )


async def fulfil(shop: Shop, placed: Placed) -> None:
    await reviewing.fulfil(shop.uow(), placed.order.number, actor_id=ADMIN, now=NOW)


async def resend(shop: Shop, placed: Placed) -> None:
    await reviewing.resend(shop.uow(), placed.order.number, actor_id=ADMIN, now=NOW)


async def test_sales_are_listed_newest_first_and_by_state(shop: Shop) -> None:
    variant = await shop.stocked(keys=20)
    orders = [await shop.sold(variant, buyer_id=n) for n in range(1, 12)]
    await shop.pays(orders[3], external_id="tx-second")
    first = await reviewing.sales(shop.uow())
    assert first.items[0].number == orders[-1].order.number
    assert (len(first.items), first.more) == (reviewing.PAGE_SIZE, True)
    second = await reviewing.sales(shop.uow(), page=1)
    assert [order.number for order in second.items] == [orders[0].order.number]
    assert (await reviewing.sales(shop.uow(), status=OrderStatus.PENDING)).items == []
    (odd,) = (await reviewing.sales(shop.uow(), needs_person=True, page=-1)).items
    assert odd.number == orders[3].order.number


async def test_an_orders_file_holds_all_that_is_known_of_it(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await refunding.refund(
        shop.uow(), {"till": shop.till}, placed.order.number, "", actor_id=ADMIN, now=NOW
    )
    file = await reviewing.open_file(shop.uow(), placed.order.number)
    assert file.buyer is not None
    assert (file.buyer.id, file.order.status) == (BUYER, OrderStatus.REFUNDED)
    assert [len(part) for part in (file.attempts, file.payments, file.refunds)] == [1, 1, 1]
    assert file.payments[0].amount == PRICE
    with pytest.raises(OrderNotFound):
        await reviewing.open_file(shop.uow(), "UNKNOWN")


async def test_goods_are_sent_once_more_and_alike(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    chat = Chat()
    await works(shop, chat)
    await resend(shop, placed)
    await works(shop, chat)
    first, second = chat.hand_overs()
    assert first == second


async def test_goods_that_were_set_aside_are_due_again(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    chat = Chat(errors=[BlockedByBuyer()])
    await works(shop, chat)
    await resend(shop, placed)
    await works(shop, chat)
    assert len(chat.hand_overs()) == 1
    assert len(await shop.rows(tables.outbox, tables.outbox.c.topic == "goods")) == 1


async def test_nothing_is_sent_before_it_is_paid(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    with pytest.raises(OrderClosed):
        await resend(shop, placed)


async def test_a_payment_seen_elsewhere_is_settled_like_any_other(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    assert (await confirm(shop, placed)).outcome is Outcome.PAID
    (payment,) = await shop.rows(tables.payments)
    assert (payment["source"], payment["external_id"]) == (f"confirmed by {ADMIN}", "seen")
    entry = (await shop.rows(tables.audit_log))[-1]
    assert entry["action"] == "confirm"
    assert entry["after"] == {"transaction": "seen", "reason": "bank", "amount": "4.99 USD"}


async def test_a_confirmation_asks_for_what_is_missing(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(200, "USD"))
    assert (await confirm(shop, placed)).outcome is Outcome.PAID
    assert await balance(shop, GOODS) == PRICE.amount


async def test_a_known_transaction_confirms_nothing(shop: Shop) -> None:
    variant = await shop.stocked()
    first = await shop.places(await shop.buyer(), variant)
    second = await shop.places(await shop.buyer(), variant)
    await confirm(shop, first)
    assert (await confirm(shop, second)).outcome is Outcome.REPEATED
    assert (await shop.order(second)).status is OrderStatus.PENDING


async def test_a_paid_order_is_not_confirmed(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(OrderClosed):
        await confirm(shop, placed)


async def test_an_order_whose_money_is_here_is_not_confirmed(shop: Shop) -> None:
    """Late and held: there is nothing missing that could be confirmed."""
    placed = await expired(shop)
    await shop.pays(placed, now=AFTER)
    with pytest.raises(OrderClosed):
        await confirm(shop, placed)


async def test_an_order_in_refund_is_neither_confirmed_nor_fulfilled(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    async with shop.uow() as uow:
        order = await uow.orders.lock(placed.order.id)
        order.begin_refund()
        await uow.orders.save(order)
        await uow.commit()
    with pytest.raises(OrderClosed):
        await confirm(shop, placed)
    with pytest.raises(OrderClosed):
        await fulfil(shop, placed)


async def test_held_money_buys_goods_when_a_person_says_so(shop: Shop) -> None:
    placed = await expired(shop)
    await shop.pays(placed, now=AFTER)
    with pytest.raises(OutOfStock):
        await fulfil(shop, placed)
    await shop.imported("GAME", "GAME-KEY-LATE")
    await fulfil(shop, placed)
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.PAID, None)
    assert await shop.bought(placed) == ["GAME-KEY-LATE"]
    assert await balance(shop, HELD) == 0


async def test_a_short_payment_can_be_let_pass(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(), 2)
    await shop.pays(placed, amount=Money(997, "USD"))
    await fulfil(shop, placed)
    assert len(await shop.bought(placed)) == 2
    assert await balance(shop, GOODS) == 997
    assert (await shop.stock()).available == 1


async def test_goods_let_go_by_hand_earn_no_more_than_their_price(shop: Shop) -> None:
    placed = await expired(shop)
    await shop.pays(placed, amount=Money(600, "USD"), now=AFTER)
    await shop.imported("GAME", "GAME-KEY-LATE")
    await fulfil(shop, placed)
    assert await balance(shop, customer_account(BUYER)) == 101


async def test_money_of_another_kind_buys_goods_when_a_person_says_so(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(460, "EUR"))
    await fulfil(shop, placed)
    assert len(await shop.bought(placed)) == 1
    assert await balance(shop, GOODS) == 460


async def test_nothing_is_fulfilled_without_money(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    with pytest.raises(OrderClosed):
        await fulfil(shop, placed)
    await shop.pays(placed)
    with pytest.raises(OrderClosed):
        await fulfil(shop, placed)


async def test_money_that_went_back_buys_nothing(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, amount=Money(200, "USD"))
    await refunding.refund(
        shop.uow(), {"till": shop.till}, placed.order.number, "", actor_id=ADMIN, now=NOW
    )
    with pytest.raises(OrderClosed):
        await fulfil(shop, placed)


async def test_an_order_that_a_person_has_seen_to_waits_no_longer(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    number, why = placed.order.number, OrderException.TWICE
    await deciding.dismiss(shop.uow(), number, why, actor_id=ADMIN, now=NOW)
    assert (await shop.order(placed)).exception is None
    assert (await shop.rows(tables.audit_log))[-1]["before"] == {"exception": "twice"}


async def test_seeing_to_a_late_payment_does_not_hide_goods_that_did_not_arrive(
    shop: Shop,
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await checkout.expire_due(shop.uow(), RULES, now=AFTER)
    await shop.pays(placed, now=AFTER)
    await works(shop, Chat(errors=[BlockedByBuyer()]), LATER)
    why = OrderException.LATE
    await deciding.dismiss(shop.uow(), placed.order.number, why, actor_id=ADMIN, now=NOW)
    assert (await shop.order(placed)).exception is OrderException.UNDELIVERABLE


async def test_a_decision_counts_once_and_for_its_reason(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    number = placed.order.number
    await shop.pays(placed, external_id="tx-second")
    decide = deciding.dismiss
    for why, counts in [
        (OrderException.LATE, False),
        (OrderException.TWICE, True),
        (OrderException.TWICE, False),
    ]:
        assert await decide(shop.uow(), number, why, actor_id=ADMIN, now=NOW) is counts
    assert not await deciding.resend(shop.uow(), number, actor_id=ADMIN, now=NOW)


@pytest.mark.parametrize("row_is_left", [True, False])
async def test_undelivered_goods_are_tried_again_once(shop: Shop, row_is_left: bool) -> None:
    placed = await shop.sold(await shop.stocked())
    chat = Chat(errors=[BlockedByBuyer()])
    await works(shop, chat)
    if not row_is_left:
        await shop.executes(tables.outbox.delete())
    for counts in (True, False):
        number = placed.order.number
        assert await deciding.resend(shop.uow(), number, actor_id=ADMIN, now=NOW) is counts
    await works(shop, chat, LATER)
    assert len(chat.hand_overs()) == 1
