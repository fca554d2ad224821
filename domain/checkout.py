"""Placing an order, choosing how to pay it, leaving it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.catalog import title
from domain.errors import (
    Banned,
    MethodUnavailable,
    OrderNotFound,
    PriceChanged,
    ProviderRejected,
    ProviderUnavailable,
    TooManyPending,
)
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import Order, OrderLine, OrderStatus, new_number, total
from domain.payments import Attempt, AttemptStatus, Checkout, NewAttempt, PaymentProvider
from domain.ports import UnitOfWork
from domain.rules import Rules
from domain.transactions import retried


@dataclass(frozen=True)
class Request:
    """What a buyer asked for by pressing a payment method.

    `id` is made with the preview, so that pressing twice places one order; `shown` is the total
    that the preview showed.
    """

    id: str
    buyer_id: int
    variant_id: int
    quantity: int
    shown: Money


@dataclass(frozen=True)
class Placed:
    """An order with the attempt to pay it; `attempt` is None when the provider failed."""

    order: Order
    attempt: Attempt | None


@retried
async def place_order(
    uow: UnitOfWork, provider: PaymentProvider, request: Request, rules: Rules, *, now: datetime
) -> tuple[Order, Attempt, bool]:
    """Reserve the keys and open an attempt, in one transaction; True when it is new.

    Raises `ProductNotFound`, `BadQuantity`, `OutOfStock`, `PriceChanged`, `TooManyPending`,
    `MethodUnavailable`, `Banned`.
    """
    async with uow:
        await _lock_buyer(uow, request.buyer_id)
        known = await uow.orders.pending_or_requested(request.buyer_id, request.id)
        for order in known:
            if order.request_id == request.id:
                attempts = await uow.attempts.of_order(order.id)
                return order, attempts[-1], False
        if len(known) >= rules.max_pending:
            raise TooManyPending(rules.max_pending, [order.number for order in known])
        order = await _new_order(uow, request, rules, now)
        attempt = _open_attempt(order, provider, 1, now)
        await uow.orders.add(order)
        for line in order.lines:
            await uow.stock.reserve(order.id, line.variant_id, line.quantity)
        attempt.order_id = order.id
        await uow.attempts.add(attempt)
        await uow.commit()
    return order, attempt, True


async def buy(
    uow: UnitOfWork, provider: PaymentProvider, request: Request, rules: Rules, *, now: datetime
) -> Placed:
    """Place the order, then ask the provider how to pay it. Raises as `place_order`."""
    order, attempt, is_new = await place_order(uow, provider, request, rules, now=now)
    if not is_new:  # pressed twice, or the answer to the first press was lost
        if not order.is_pending:
            return Placed(order, attempt)
        return await pay_with(uow, provider, order.number, request.buyer_id, now=now)
    return await _start(uow, provider, order, attempt)


async def pay_with(
    uow: UnitOfWork, provider: PaymentProvider, number: str, buyer_id: int, *, now: datetime
) -> Placed:
    """Pay a pending order by this method, whichever it was placed with.

    Raises `OrderNotFound`, `OrderExpired`, `OrderClosed`, `MethodUnavailable`.
    """
    order, attempt = await _attempt_by(uow, provider, number, buyer_id, now)
    if attempt.checkout is not None:
        return Placed(order, attempt)
    return await _start(uow, provider, order, attempt)


@retried
async def cancel(uow: UnitOfWork, number: str, buyer_id: int) -> Order:
    """Give the keys back. Raises `OrderNotFound` and `OrderClosed`."""
    async with uow:
        order = await _own(uow, number, buyer_id)
        if order.status is OrderStatus.CANCELLED:
            return order
        if order.status is not OrderStatus.PENDING:
            order.check_payable(order.reserved_until)
        order.cancel()
        await _give_back(uow, order)
        await uow.commit()
    return order


@retried
async def expire_due(uow: UnitOfWork, *, now: datetime, limit: int = 100) -> int:
    """Release what was reserved for too long; how many orders that were."""
    async with uow:
        orders = await uow.orders.lock_overdue(now, limit=limit)
        for order in orders:
            order.expire()
            await _give_back(uow, order)
            await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
        if orders:
            await uow.commit()
    return len(orders)


@retried
async def approve(
    uow: UnitOfWork, attempt_number: str, payer_id: int, amount: Money, *, now: datetime
) -> None:
    """Telegram asks whether an invoice may be paid now: the last moment to say no.

    Raises `OrderNotFound` (also for somebody else's), `OrderExpired`, `OrderClosed`,
    `PriceChanged`.
    """
    async with uow:
        attempt = await uow.attempts.by_number(attempt_number)
        if attempt is None or attempt.buyer_id != payer_id:
            raise OrderNotFound
        order = await uow.orders.lock(attempt.order_id)
        order.check_payable(now)
        if attempt.amount != amount or attempt.status is not AttemptStatus.OPEN:
            raise PriceChanged
        order.hold_for_payment(now)
        await uow.orders.save(order)
        await uow.commit()


@retried
async def show(uow: UnitOfWork, number: str, buyer_id: int) -> Placed:
    """A buyer's own order with its newest attempt. Raises `OrderNotFound`."""
    async with uow:
        order = await uow.orders.by_number(number)
        if order.buyer_id != buyer_id:
            raise OrderNotFound
        attempts = await uow.attempts.of_order(order.id)
    return Placed(order, attempts[-1] if attempts else None)


@retried
async def remember_message(uow: UnitOfWork, number: str, message_id: int) -> None:
    """Which message in the buyer's chat shows the order, so that it can be kept up to date."""
    async with uow:
        order = await uow.orders.by_number(number, lock=True)
        order.message_id = message_id
        await uow.orders.save(order)
        await uow.commit()


async def _lock_buyer(uow: UnitOfWork, buyer_id: int) -> None:
    """One checkout at a time for each buyer: the cap on pending orders counts under it."""
    customer = await uow.customers.lock(buyer_id)
    if customer is None or customer.banned:
        raise Banned


async def _new_order(uow: UnitOfWork, request: Request, rules: Rules, now: datetime) -> Order:
    product, variant = await uow.catalog.on_sale(request.variant_id)
    product.check_quantity(request.quantity)
    lines = (OrderLine.of(variant, title(product, variant), request.quantity),)
    if total(lines) != request.shown:
        raise PriceChanged
    return Order(
        number=new_number(),
        buyer_id=request.buyer_id,
        lines=lines,
        total=total(lines),
        created_at=now,
        reserved_until=now + rules.order_ttl,
        request_id=request.id,
    )


def _open_attempt(order: Order, provider: PaymentProvider, nth: int, now: datetime) -> Attempt:
    amount = provider.quote(order.lines)
    if amount is None:
        raise MethodUnavailable(provider.code)
    return Attempt(
        number=f"{order.number}{nth:02}",
        provider=provider.code,
        account=provider.account,
        live=provider.live,
        amount=amount,
        created_at=now,
        order_id=order.id,
        order_number=order.number,
        buyer_id=order.buyer_id,
    )


@retried
async def _attempt_by(
    uow: UnitOfWork, provider: PaymentProvider, number: str, buyer_id: int, now: datetime
) -> tuple[Order, Attempt]:
    async with uow:
        order = await _own(uow, number, buyer_id)
        order.check_payable(now)
        attempts = await uow.attempts.of_order(order.id)
        for attempt in attempts:
            if attempt.provider == provider.code and attempt.status is AttemptStatus.OPEN:
                return order, attempt
        attempt = _open_attempt(order, provider, len(attempts) + 1, now)
        await uow.attempts.add(attempt)
        await uow.commit()
    return order, attempt


async def _start(
    uow: UnitOfWork, provider: PaymentProvider, order: Order, attempt: Attempt
) -> Placed:
    """Ask the provider, outside any transaction: it may take seconds, and much may happen."""
    title = ", ".join(line.title for line in order.lines)
    try:
        checkout = await provider.create(NewAttempt(attempt, title, order.reserved_until))
    except ProviderUnavailable:
        return Placed(order, None)
    except ProviderRejected:
        return Placed(await _fail(uow, attempt), None)
    return await _offer(uow, attempt, checkout)


@retried
async def _offer(uow: UnitOfWork, attempt: Attempt, checkout: Checkout) -> Placed:
    async with uow:
        order = await uow.orders.lock(attempt.order_id)
        await uow.attempts.offer(attempt.id, checkout)
        kept = await uow.attempts.by_number(attempt.number)
        await uow.commit()
    return Placed(order, kept)


@retried
async def _fail(uow: UnitOfWork, attempt: Attempt) -> Order:
    async with uow:
        order = await uow.orders.lock(attempt.order_id)
        await uow.attempts.fail(attempt.id)
        await uow.commit()
    return order


async def _own(uow: UnitOfWork, number: str, buyer_id: int) -> Order:
    order = await uow.orders.by_number(number, lock=True)
    if order.buyer_id != buyer_id:
        raise OrderNotFound
    return order


async def _give_back(uow: UnitOfWork, order: Order) -> None:
    await uow.stock.release(order.id)
    await uow.attempts.close(order.id)
    await uow.orders.save(order)


def provider_named(providers: Mapping[str, PaymentProvider], code: str) -> PaymentProvider:
    """Raises `MethodUnavailable`: the code comes from a button, which may be old or forged."""
    if code not in providers:
        raise MethodUnavailable(code)
    return providers[code]
