"""Customers' balances: read from the ledger, and spent on orders."""

from datetime import datetime
from typing import Final

from domain import ledger
from domain.errors import BalanceTooLow, Banned
from domain.ledger import BALANCE, HELD
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt, AttemptStatus, PaymentEvent
from domain.ports import UnitOfWork
from domain.transactions import retried

ACCOUNT: Final = "balance"  # the merchant id under which balances pay


@retried
async def balances(uow: UnitOfWork, customer_id: int) -> list[Money]:
    """What the shop owes a customer, an amount for each currency; none that is nothing."""
    async with uow:
        return await uow.payments.owed_to(customer_id)


async def balance(uow: UnitOfWork, customer_id: int, currency: str) -> Money:
    """For a transaction that holds the customer, where it is about to be spent."""
    for owed in await uow.payments.owed_to(customer_id):
        if owed.currency == currency:
            return owed
    return Money(0, currency)


async def hold(uow: UnitOfWork, customer_id: int) -> None:
    """Until the transaction ends: two of them never spend the same money. Raises `Banned`."""
    customer = await uow.customers.lock(customer_id)
    if customer is None or customer.banned:
        raise Banned


async def put_aside(uow: UnitOfWork, order: Order, amount: Money, now: datetime) -> None:
    """Take so much from the buyer's balance for an order, to be earned or given back.

    Raises `BalanceTooLow` and `Banned`.
    """
    await hold(uow, order.buyer_id)
    if await balance(uow, order.buyer_id, amount.currency) < amount:
        raise BalanceTooLow
    number = f"{order.number}{len(await uow.attempts.of_order(order.id)) + 1:02}"
    attempt = Attempt(
        number=number,
        provider=BALANCE,
        account=ACCOUNT,
        live=True,
        amount=amount,
        created_at=now,
        order_id=order.id,
        received=amount.amount,
        status=AttemptStatus.PAID,
    )
    await uow.attempts.add(attempt)
    event = PaymentEvent(
        BALANCE, ACCOUNT, live=True, external_id=number, attempt_number=number, amount=amount
    )
    recorded = await uow.payments.record(event, order.id, now, "balance")
    if recorded is None:
        msg = "a number was given twice"
        raise RuntimeError(msg)
    owed = ledger.customer_account(order.buyer_id)
    postings = ledger.transfer(owed, HELD, amount)
    await uow.payments.post(postings, order_id=order.id, payment_id=recorded.id, now=now)
    order.from_balance += amount.amount
