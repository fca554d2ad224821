"""Placing an order, and leaving it."""

import dataclasses
from datetime import timedelta

import pytest

from domain import checkout
from domain.checkout import Request
from domain.errors import (
    BadQuantity,
    Banned,
    MethodUnavailable,
    OrderClosed,
    OrderExpired,
    OrderNotFound,
    OutOfStock,
    PriceChanged,
    ProductNotFound,
    ProviderRejected,
    ProviderUnavailable,
    TooManyPending,
)
from domain.messages import Topic
from domain.money import Money
from domain.orders import Order, OrderStatus
from domain.payments import AttemptStatus, NewAttempt
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop, Till

AFTER = NOW + RULES.order_ttl


async def test_an_order_reserves_its_keys_and_says_how_to_pay(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    placed = await shop.places(await shop.buyer(), variant, 2)
    assert placed.order.status is OrderStatus.PENDING
    assert placed.order.total == PRICE * 2
    assert placed.order.reserved_until == AFTER
    assert placed.attempt is not None
    assert placed.attempt.checkout is not None
    assert await shop.attempt(placed) == placed.attempt
    assert await shop.order(placed) == placed.order
    stock = await shop.stock()
    assert (stock.available, stock.reserved) == (1, 2)


async def test_the_oldest_keys_sell_first(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    assert await shop.bought(await shop.sold(variant, 2)) == ["GAME-KEY-0001", "GAME-KEY-0002"]
    assert await shop.bought(await shop.sold(variant)) == ["GAME-KEY-0003"]


async def test_a_double_tap_is_one_order(shop: Shop) -> None:
    variant = await shop.stocked()
    buyer = await shop.buyer()
    first = await shop.places(buyer, variant, request_id="preview")
    again = await shop.places(buyer, variant, request_id="preview")
    assert again == first
    assert len(shop.till.created) == 1


async def test_a_request_of_another_buyer_is_another_order(shop: Shop) -> None:
    variant = await shop.stocked()
    mine = await shop.places(await shop.buyer(1), variant, request_id="preview")
    yours = await shop.places(await shop.buyer(2), variant, request_id="preview")
    assert mine.order.number != yours.order.number


async def test_a_button_pressed_again_later_shows_what_became_of_the_order(shop: Shop) -> None:
    variant = await shop.stocked()
    buyer = await shop.buyer()
    placed = await shop.places(buyer, variant, request_id="preview")
    await shop.pays(placed)
    again = await shop.places(buyer, variant, request_id="preview")
    assert again.order.status is OrderStatus.PAID


async def test_a_buyer_may_hold_so_many_unpaid_orders(shop: Shop) -> None:
    variant = await shop.stocked(keys=5)
    buyer = await shop.buyer()
    orders = [await shop.places(buyer, variant) for _ in range(RULES.max_pending)]
    with pytest.raises(TooManyPending) as refusal:
        await shop.places(buyer, variant)
    assert refusal.value.numbers == [placed.order.number for placed in orders]
    await checkout.cancel(shop.uow(), orders[0].order.number, buyer.id, now=NOW)
    await shop.places(buyer, variant)


async def test_a_price_that_changed_meanwhile_is_shown_before_it_is_paid(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.changed("GAME", "price", "9.99")
    with pytest.raises(PriceChanged):
        await shop.places(await shop.buyer(), variant)
    assert (await shop.stock()).reserved == 0


async def test_an_open_order_keeps_its_price_and_name(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.changed("GAME", "price", "9.99")
    await shop.changed("GAME", "name", "Another")
    await shop.changed("GAME", "active", "off")
    await shop.pays(placed)
    order = await shop.order(placed)
    assert (order.status, order.total, order.lines[0].title) == (OrderStatus.PAID, PRICE, "GAME")


@pytest.mark.parametrize("quantity", [-5, 0, 101])
async def test_a_forged_quantity_is_refused(shop: Shop, quantity: int) -> None:
    variant = await shop.stocked()
    with pytest.raises(BadQuantity):
        await shop.places(await shop.buyer(), variant, quantity)


async def test_more_than_is_left_is_refused_and_nothing_kept(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    with pytest.raises(OutOfStock) as refusal:
        await shop.places(await shop.buyer(), variant, 4)
    assert refusal.value.left_count == 3
    assert (await shop.stock()).available == 3
    assert await shop.rows(tables.orders) == []


async def test_who_is_banned_or_unknown_does_not_buy(shop: Shop) -> None:
    variant = await shop.stocked()
    buyer = await shop.buyer()
    async with shop.uow() as uow:
        await uow.customers.save(dataclasses.replace(buyer, banned=True))
        await uow.commit()
    for person in (buyer, dataclasses.replace(buyer, id=999)):
        with pytest.raises(Banned):
            await shop.places(person, variant)


async def test_a_product_off_sale_is_not_sold(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.changed("GAME", "active", "off")
    with pytest.raises(ProductNotFound):
        await shop.places(await shop.buyer(), variant)


async def test_a_method_that_cannot_take_it_reserves_nothing(shop: Shop) -> None:
    variant = await shop.stocked()
    with pytest.raises(MethodUnavailable):
        await shop.places(await shop.buyer(), variant, provider=Till(takes_orders=False))
    assert (await shop.stock()).reserved == 0


def test_a_method_from_an_old_button_is_unavailable() -> None:
    till = Till()
    assert checkout.provider_named({"till": till}, "till") is till
    with pytest.raises(MethodUnavailable):
        checkout.provider_named({"till": till}, "gone")


def failing(error: Exception) -> Till:
    async def fail(_: NewAttempt) -> None:
        raise error

    return Till(on_create=fail)


async def test_an_order_outlives_a_provider_that_is_away(shop: Shop) -> None:
    variant = await shop.stocked()
    away = failing(ProviderUnavailable("till", "no answer"))
    placed = await shop.places(await shop.buyer(), variant, provider=away)
    assert placed.attempt is None
    assert (await shop.attempt(placed)).status is AttemptStatus.OPEN
    again = await checkout.pay_with(
        shop.uow(), shop.till, placed.order.number, BUYER, RULES, now=NOW
    )
    assert again.attempt is not None
    # The same number: should the first request have arrived, it is the same payment.
    assert again.attempt.number == away.created[0].attempt.number


async def test_a_method_that_refused_is_tried_anew(shop: Shop) -> None:
    variant = await shop.stocked()
    refusing = failing(ProviderRejected("till", "limit"))
    placed = await shop.places(await shop.buyer(), variant, provider=refusing)
    assert placed.attempt is None
    assert (await shop.attempt(placed)).status is AttemptStatus.FAILED
    again = await checkout.pay_with(
        shop.uow(), shop.till, placed.order.number, BUYER, RULES, now=NOW
    )
    assert again.attempt is not None
    assert again.attempt.number != refusing.created[0].attempt.number


async def test_another_method_is_another_attempt_at_the_same_order(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    other = Till(code="other")
    number = placed.order.number
    chosen = await checkout.pay_with(shop.uow(), other, number, BUYER, RULES, now=NOW)
    again = await checkout.pay_with(shop.uow(), other, number, BUYER, RULES, now=NOW)
    assert chosen == again
    assert len(other.created) == 1
    await shop.pays(chosen)
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_a_payment_that_overtakes_the_checkout_is_not_forgotten(shop: Shop) -> None:
    """Some providers call back before they have answered: the answer must not undo that."""
    variant = await shop.stocked()

    async def pay_part(new: NewAttempt) -> None:
        placed = checkout.Placed((await newest(shop)), new.attempt)
        await shop.pays(placed, amount=Money(200, "USD"))

    placed = await shop.places(await shop.buyer(), variant, provider=Till(on_create=pay_part))
    assert (await shop.attempt(placed)).received == 200
    await shop.pays(placed, amount=Money(299, "USD"), external_id="tx-rest")
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def newest(shop: Shop) -> Order:
    async with shop.uow() as uow:
        page = await uow.orders.newest(status=None, needs_person=False, page=0, size=1)
    return page.items[0]


async def test_an_order_cancelled_during_its_checkout_stays_closed(shop: Shop) -> None:
    variant = await shop.stocked()

    async def cancel(new: NewAttempt) -> None:
        await checkout.cancel(shop.uow(), new.attempt.order_number, BUYER, now=NOW)

    placed = await shop.places(await shop.buyer(), variant, provider=Till(on_create=cancel))
    assert (await shop.order(placed)).status is OrderStatus.CANCELLED
    assert (await shop.attempt(placed)).status is AttemptStatus.CLOSED


async def test_a_cancelled_order_gives_its_keys_back_once(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=3), 2)
    for _ in range(2):
        order = await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)
        assert order.status is OrderStatus.CANCELLED
    assert (await shop.stock()).available == 3
    assert (await shop.attempt(placed)).status is AttemptStatus.CLOSED


async def test_another_buyers_order_is_as_if_not_there(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    number = placed.order.number
    with pytest.raises(OrderNotFound):
        await checkout.cancel(shop.uow(), number, BUYER + 1, now=NOW)
    with pytest.raises(OrderNotFound):
        await checkout.show(shop.uow(), number, BUYER + 1)
    with pytest.raises(OrderNotFound):
        await checkout.pay_with(shop.uow(), shop.till, number, BUYER + 1, RULES, now=NOW)
    with pytest.raises(OrderNotFound):
        await checkout.show(shop.uow(), "NO-SUCH-ORDER", BUYER)
    assert (await shop.order(placed)).status is OrderStatus.PENDING


async def test_a_paid_order_is_not_cancelled(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(OrderClosed):
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)


async def test_a_reservation_that_lasted_too_long_is_released(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked(keys=3), 2)
    assert await checkout.expire_due(shop.uow(), RULES, now=AFTER - timedelta(seconds=1)) == 0
    assert await checkout.expire_due(shop.uow(), RULES, now=AFTER) == 1
    assert await checkout.expire_due(shop.uow(), RULES, now=AFTER) == 0
    assert (await shop.order(placed)).status is OrderStatus.EXPIRED
    assert (await shop.stock()).available == 3
    (note,) = await shop.rows(tables.outbox)
    assert (note["topic"], note["chat_id"]) == (Topic.ORDER, BUYER)
    with pytest.raises(OrderExpired):
        await checkout.cancel(shop.uow(), placed.order.number, BUYER, now=NOW)


async def test_expiry_goes_in_small_steps(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    for buyer_id in (1, 2, 3):
        await shop.places(await shop.buyer(buyer_id), variant)
    assert await checkout.expire_due(shop.uow(), RULES, now=AFTER, limit=2) == 2
    assert await checkout.expire_due(shop.uow(), RULES, now=AFTER, limit=2) == 1


async def test_an_expired_order_cannot_be_paid_by_a_button(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    with pytest.raises(OrderExpired):
        await checkout.pay_with(
            shop.uow(), shop.till, placed.order.number, BUYER, RULES, now=AFTER
        )


async def test_an_order_shows_its_newest_attempt(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    assert await checkout.show(shop.uow(), placed.order.number, BUYER) == placed


async def test_the_message_that_shows_an_order_is_remembered(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await checkout.remember_message(shop.uow(), placed.order.number, 2**40)
    assert (await shop.order(placed)).message_id == 2**40


async def test_the_request_is_what_the_buyer_was_shown(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.buyer()
    wrong = Request("request", BUYER, variant.id, 2, PRICE)
    with pytest.raises(PriceChanged):
        await checkout.buy(shop.uow(), shop.till, wrong, RULES, now=NOW)
