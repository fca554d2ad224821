"""Buyers' balances at work: paying from one, and filling it."""

from datetime import datetime

from domain import fulfilment, wallet
from domain.checkout import (
    Placed,
    Request,
    add_order,
    asked_before,
    new_order,
    own_order,
)
from domain.errors import BalanceTooLow, TopUpOutOfBounds
from domain.money import Money
from domain.order_kinds import TopUp, kind_of
from domain.orders import Order, new_number
from domain.ports import UnitOfWork
from domain.rules import Rules
from domain.transactions import retried


@retried
async def buy_from_balance(
    uow: UnitOfWork, request: Request, rules: Rules, *, now: datetime
) -> Placed:
    """Place the order and pay it from the buyer's balance: whole, or as far as that goes.

    Raises as `place_order`, and `BalanceTooLow` where there is nothing in it.
    """
    async with uow:
        order = await asked_before(uow, request.buyer_id, request.id, rules)
        if order is None:
            order = await new_order(uow, request, rules, now)
            await add_order(uow, order, None)
            await _spend(uow, order, now)
            await uow.commit()
        attempts = await uow.attempts.of_order(order.id)
    return Placed(order, attempts[-1] if attempts else None)


@retried
async def pay_from_balance(
    uow: UnitOfWork, number: str, buyer_id: int, *, now: datetime
) -> Placed:
    """As far as the buyer's balance goes. Attempts to pay all of it end by this.

    Raises `OrderNotFound`, `OrderExpired`, `OrderClosed`, `BalanceTooLow`.
    """
    async with uow:
        order = await own_order(uow, number, buyer_id)
        order.check_payable(now)
        if not kind_of(order).has_goods:
            raise BalanceTooLow
        await _spend(uow, order, now)
        attempts = await uow.attempts.of_order(order.id)
        await uow.commit()
    return Placed(order, attempts[-1])


async def _spend(uow: UnitOfWork, order: Order, now: datetime) -> None:
    await wallet.hold(uow, order.buyer_id)
    due = order.bill.due
    amount = min(due, await wallet.balance(uow, order.buyer_id, due.currency))
    if amount.amount <= 0:
        raise BalanceTooLow
    await uow.attempts.close(order.id)
    await wallet.put_aside(uow, order, amount, now)
    if amount == due and await fulfilment.fulfil(uow, order, now):
        await fulfilment.earn_held(uow, order, None, order.from_balance, now)
    await uow.orders.save(order)


@retried
async def top_up(
    uow: UnitOfWork, buyer_id: int, amount: Money, rules: Rules, *, now: datetime
) -> Order:
    """An order for money on the buyer's own balance, to be paid by any method.

    Raises `TopUpOutOfBounds`, `TooManyPending` and `Banned`.
    """
    least, most = rules.top_up_bounds
    if amount.currency != least.currency or amount < least or most < amount:
        raise TopUpOutOfBounds(least, most)
    async with uow:
        request_id = new_number()
        await asked_before(uow, buyer_id, request_id, rules)
        order = Order(
            number=new_number(),
            buyer_id=buyer_id,
            lines=(),
            total=amount,
            created_at=now,
            reserved_until=now + rules.order_ttl,
            request_id=request_id,
            kind=TopUp.code,
        )
        await add_order(uow, order, None)
        await uow.commit()
    return order
