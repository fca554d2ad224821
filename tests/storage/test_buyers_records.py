"""What a buyer has chosen, bought, followed a link to, and been given back."""

import pytest

from domain import delivery, history, linking, preferences, returns
from domain.customers import Customer
from domain.errors import ProductNotFound
from domain.money import Money
from domain.payments import RefundEvent
from tests.shop import BUYER, NOW, Shop

BACK = RefundEvent("till", "till-1", "charge-1")
SUM = Money(499, "USD")


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


async def test_money_given_back_is_in_the_audit_log(shop: Shop) -> None:
    order = (await shop.sold(await shop.stocked())).order
    number = await returns.note_return(
        shop.uow(), BACK, f"{order.number}01", SUM, buyer_id=BUYER, now=NOW
    )
    assert number == order.number
    async with shop.uow() as uow:
        [entry, *_] = (await uow.audit.newest(page=0, size=5)).items
    assert (entry.action, entry.subject) == ("money returned", order.number)
    assert entry.after == {"provider": "till", "transaction": "charge-1", "amount": "4.99 USD"}


@pytest.mark.parametrize("buyer_id", [BUYER, BUYER + 1])
async def test_money_for_somebody_elses_or_no_order_names_none(shop: Shop, buyer_id: int) -> None:
    order = (await shop.sold(await shop.stocked())).order
    attempt = f"{order.number}01" if buyer_id != BUYER else "NOSUCHORDER101"
    number = await returns.note_return(shop.uow(), BACK, attempt, SUM, buyer_id=buyer_id, now=NOW)
    assert number is None
