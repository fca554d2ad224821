"""What the tests of money look at and do: books, notes, top-ups."""

import itertools
from typing import Any, Final

from domain import checkout, spending
from domain.catalog import Variant
from domain.checkout import Placed, Request
from domain.ledger import GOODS, HELD, customer_account, provider_account
from domain.messages import Topic
from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.refunding import Wanted
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from storage import tables
from tests.shop import BUYER, NOW, PRICE, RULES, Shop, Till

OWED: Final = customer_account(BUYER)
TILL: Final = provider_account("till")
EARNED: Final = {TILL: -PRICE.amount, GOODS: PRICE.amount}
ALL: Final = Wanted()  # of an order's money
_numbers: Final = itertools.count(1)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


def ruled(**remedies: Remedy) -> Rules:
    """The owner's rules, everything else before a person."""
    ask = dict.fromkeys(("sold_out", "under", "over", "twice", "mismatch"), Remedy.ASK)
    return Rules(remedies=Remedies(**{**ask, **remedies}))


async def standing(shop: Shop) -> dict[str, int]:
    """What stands on each account, in cents; other currencies are named beside it."""
    found: dict[str, int] = {}
    for row in await shop.rows(tables.ledger):
        currency = row["currency"]
        account = row["account"] if currency == "USD" else f"{row['account']} {currency}"
        found[account] = found.get(account, 0) + row["amount"]
    return {account: amount for account, amount in found.items() if amount}


async def notes(shop: Shop, topic: Topic) -> list[dict[str, Any]]:
    """Rows of the outbox about this."""
    return await shop.rows(tables.outbox, tables.outbox.c.topic == topic)


async def to_admins(shop: Shop) -> list[str]:
    rows = await shop.rows(tables.outbox, tables.outbox.c.chat_id.is_(None))
    return [row["topic"] for row in rows]


async def state(shop: Shop, placed: Placed) -> tuple[OrderStatus, OrderException | None]:
    order = await shop.order(placed)
    return order.status, order.exception


async def asks_for_top_up(
    shop: Shop, cents: int, *, till: Till | None = None, rules: Rules = RULES
) -> Placed:
    """The buyer asks to put so much on their balance by this method."""
    await shop.buyer()
    order = await spending.top_up(shop.uow(), BUYER, usd(cents), rules, now=NOW)
    way = till or shop.till
    return await checkout.pay_with(shop.uow(), way, order.number, BUYER, rules, now=NOW)


async def tops_up(shop: Shop, cents: int) -> Placed:
    placed = await asks_for_top_up(shop, cents)
    await shop.pays(placed)
    return placed


async def spends(shop: Shop, variant: Variant, quantity: int = 1, rules: Rules = RULES) -> Placed:
    """A new order paid from the balance as far as that goes."""
    return await spending.buy_from_balance(shop.uow(), wish(variant, quantity), rules, now=NOW)


def wish(variant: Variant, quantity: int = 1) -> Request:
    nth = next(_numbers)
    return Request(f"balance-{nth}", BUYER, variant.id, quantity, variant.price * quantity)


async def pays_the_rest(shop: Shop, order: Order, till: Till | None = None) -> Placed:
    """The buyer chooses a method for what the balance has left open."""
    return await checkout.pay_with(
        shop.uow(), till or shop.till, order.number, BUYER, RULES, now=NOW
    )


async def held_for(shop: Shop) -> int:
    return (await standing(shop)).get(HELD, 0)
