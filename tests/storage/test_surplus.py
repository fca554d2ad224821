"""A payment that is too many goes back alone; the order keeps its goods."""

import asyncio
from datetime import timedelta

import pytest

from domain import assortment, refunding, wallet
from domain.checkout import Placed
from domain.errors import NotRefundable, ProductNotFound, ProviderUnavailable, SkuTaken
from domain.ledger import HELD
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import Capability, Refund, RefundOrigin, RefundStatus
from domain.refunding import Wanted
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, PRICE, Shop

LATER = NOW + timedelta(minutes=1)


async def paid_twice(shop: Shop) -> Placed:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second", now=LATER)
    return placed


async def give_back(shop: Shop, placed: Placed) -> list[Refund]:
    return await refunding.refund(
        shop.uow(),
        {"till": shop.till},
        placed.order.number,
        "twice",
        Wanted(surplus_only=True),
        actor_id=ADMIN,
        now=LATER,
    )


async def held(shop: Shop) -> int:
    rows = await shop.rows(tables.ledger, tables.ledger.c.account == HELD)
    return sum(row["amount"] for row in rows)


async def test_only_the_second_payment_of_a_paid_order_goes_back(shop: Shop) -> None:
    placed = await paid_twice(shop)
    (refund,) = await give_back(shop, placed)
    assert (refund.external_id, refund.amount, refund.status) == (
        "tx-second",
        PRICE,
        RefundStatus.DONE,
    )
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.PAID, None)
    assert [item.external_id for item in shop.till.refunded] == ["tx-second"]
    assert await held(shop) == 0


async def test_a_payment_that_went_back_does_not_go_back_again(shop: Shop) -> None:
    placed = await paid_twice(shop)
    await give_back(shop, placed)
    with pytest.raises(NotRefundable):
        await give_back(shop, placed)
    assert len(shop.till.refunded) == 1


async def test_what_bought_the_goods_is_no_surplus(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    with pytest.raises(NotRefundable):
        await give_back(shop, placed)


async def test_where_the_provider_cannot_refund_it_goes_to_the_balance(shop: Shop) -> None:
    placed = await paid_twice(shop)
    shop.till.capabilities = Capability.QUERY
    (refund,) = await give_back(shop, placed)
    assert (refund.status, refund.origin) == (RefundStatus.DONE, RefundOrigin.BALANCE)
    assert await wallet.balances(shop.uow(), BUYER) == [PRICE]
    assert shop.till.refunded == []
    assert (await shop.order(placed)).exception is None


async def test_an_unanswered_refund_is_gone_on_with_under_its_number(shop: Shop) -> None:
    placed = await paid_twice(shop)

    async def away(refund: Refund) -> None:
        raise ProviderUnavailable("till", "timeout")

    async def back(refund: Refund) -> None:
        """It answers again."""

    shop.till.on_refund = away
    with pytest.raises(ProviderUnavailable):
        await give_back(shop, placed)
    shop.till.on_refund = back
    (refund,) = await give_back(shop, placed)
    assert refund.status is RefundStatus.DONE
    assert len({item.number for item in shop.till.refunded}) == 1


async def test_two_admins_at_once_give_the_goods_money_back_never(shop: Shop) -> None:
    """Whoever comes second goes on with the first one's refund, or finds nothing to refund."""
    placed = await paid_twice(shop)
    outcomes = await asyncio.gather(
        *(give_back(shop, placed) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(o, list | NotRefundable) for o in outcomes)
    assert {item.external_id for item in shop.till.refunded} == {"tx-second"}
    assert (await shop.order(placed)).status is OrderStatus.PAID


async def test_the_refund_of_a_whole_order_takes_the_goods_money_too(shop: Shop) -> None:
    """What giving back the surplus is there to avoid."""
    placed = await paid_twice(shop)
    await refunding.refund(
        shop.uow(), {"till": shop.till}, placed.order.number, "", actor_id=ADMIN, now=LATER
    )
    assert len(shop.till.refunded) == 2


async def test_a_payment_in_another_currency_is_surplus_even_before_the_order_is_paid(
    shop: Shop,
) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await shop.pays(placed, external_id="tx-euro", amount=Money(499, "EUR"))
    await shop.pays(placed, now=LATER)
    assert (await shop.order(placed)).exception is OrderException.MISMATCH
    (refund,) = await give_back(shop, placed)
    assert refund.amount == Money(499, "EUR")
    with pytest.raises(NotRefundable):
        await give_back(shop, placed)


async def test_a_sku_that_is_taken_is_known_before_more_is_asked(shop: Shop) -> None:
    await shop.stocked("GAME")
    with pytest.raises(SkuTaken):
        await assortment.require_free(shop.uow(), "game")
    await assortment.require_free(shop.uow(), "GAME-2")
    with pytest.raises(ProductNotFound):
        await assortment.look_up(shop.uow(), "GAME-2")
