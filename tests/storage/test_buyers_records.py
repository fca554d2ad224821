"""What a buyer has chosen, bought, and followed a link to."""

import pytest

from domain import delivery, history, linking, preferences
from domain.customers import Customer
from domain.errors import ProductNotFound
from tests.shop import BUYER, NOW, Shop


async def customer(shop: Shop, customer_id: int = BUYER) -> Customer | None:
    async with shop.uow() as uow:
        return await uow.customers.get(customer_id)


async def test_a_chosen_language_stays(shop: Shop) -> None:
    await shop.buyer()
    for _ in range(2):
        await preferences.choose_language(shop.uow(), BUYER, "zh")
    buyer = await customer(shop)
    assert buyer is not None
    assert buyer.language == "zh"


async def test_a_stranger_chooses_nothing(shop: Shop) -> None:
    await preferences.choose_language(shop.uow(), 999, "zh")
    await preferences.shut_out(shop.uow(), 999)
    assert await customer(shop, 999) is None


async def test_a_bot_that_was_blocked_is_blocked_until_the_buyer_is_back(shop: Shop) -> None:
    await shop.buyer()
    for _ in range(2):
        await preferences.shut_out(shop.uow(), BUYER)
    buyer = await customer(shop)
    assert buyer is not None
    assert buyer.blocked
    await delivery.hand_over_again(shop.uow(), buyer, now=NOW)
    back = await customer(shop)
    assert back is not None
    assert not back.blocked


async def test_ones_own_orders_come_newest_first_and_nobody_elses(shop: Shop) -> None:
    variant = await shop.stocked(keys=12)
    placed = [await shop.sold(variant) for _ in range(history.PAGE_SIZE + 1)]
    await shop.sold(variant, buyer_id=BUYER + 1)
    numbers = [p.order.number for p in reversed(placed)]
    first = await history.own_orders(shop.uow(), BUYER)
    second = await history.own_orders(shop.uow(), BUYER, page=1)
    assert [o.number for o in [*first.items, *second.items]] == numbers
    assert (first.more, second.more) == (True, False)


async def test_a_link_opens_the_product_in_any_case(shop: Shop) -> None:
    variant = await shop.stocked("GAME-1")
    [offer] = await linking.linked(shop.uow(), "game-1")
    assert offer.variant.id == variant.id


@pytest.mark.parametrize("sku", ["NOTHING", "", "\x00", "G" * 33, "игра"])
async def test_a_link_to_nothing_is_no_product(shop: Shop, sku: str) -> None:
    with pytest.raises(ProductNotFound):
        await linking.linked(shop.uow(), sku)


async def test_a_link_to_what_is_off_sale_is_no_product(shop: Shop) -> None:
    await shop.stocked("GAME-1")
    await shop.changed("GAME-1", "active", "off")
    with pytest.raises(ProductNotFound):
        await linking.linked(shop.uow(), "GAME-1")
