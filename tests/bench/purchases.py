"""Buyers at work: orders placed, and paid."""

from datetime import datetime

from domain.checkout import Placed, Request, place_order
from domain.settlement import Outcome, settle
from tests.bench import seeding
from tests.shop import NOW, PRICE, RULES, Shop, Till, payment_of


def request(nth: int, product: int = 1) -> Request:
    """The nth buyer wants one key."""
    buyer = seeding.FIRST + nth
    return Request(f"request-{buyer}", buyer, product, 1, PRICE)


async def order(
    shop: Shop, nth: int, product: int = 1, till: Till | None = None, *, now: datetime = NOW
) -> Placed:
    placed, attempt, is_new = await place_order(
        shop.uow(), till or shop.till, request(nth, product), RULES, now=now
    )
    assert is_new
    return Placed(placed, attempt)


async def purchase(shop: Shop, nth: int, product: int = 1) -> None:
    placed = await order(shop, nth, product)
    settlement = await settle(shop.uow(), payment_of(placed), RULES, now=NOW)
    assert settlement.outcome is Outcome.PAID
