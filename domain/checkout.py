"""Placing an order, choosing how to pay it, leaving it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain import fulfilment, wallet
from domain.catalog import title
from domain.errors import (
    MethodUnavailable,
    OrderNotFound,
    PaymentUnderWay,
    PriceChanged,
    ProviderRejected,
    ProviderUnavailable,
    TooManyPending,
)
from domain.messages import Note, Topic
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order, OrderLine, OrderStatus, new_number, total
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    NewAttempt,
    PaymentProvider,
)
from domain.ports import UnitOfWork
from domain.pricing import quote
from domain.rules import Rules
from domain.transactions import retried

FIRST_POLL: Final = timedelta(seconds=30)  # the provider is asked, should no callback come
TOP_UP_TITLE: Final = "Balance top-up"  # what a provider shows of it


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
        known = await asked_before(uow, request.buyer_id, request.id, rules)
        if known is not None:
            attempts = await uow.attempts.of_order(known.id)
            return known, attempts[-1], False
        order = await new_order(uow, request, rules, now)
        attempt = open_attempt(order, provider, rules, 1, now)
        await add_order(uow, order, attempt)
        await uow.commit()
    return order, attempt, True


async def asked_before(
    uow: UnitOfWork, buyer_id: int, request_id: str, rules: Rules
) -> Order | None:
    """The order that this very request made. Raises `TooManyPending` and `Banned`."""
    await wallet.hold(uow, buyer_id)  # one checkout at a time: the cap is counted under it
    known = await uow.orders.pending_or_requested(buyer_id, request_id)
    for order in known:
        if order.request_id == request_id:
            return order
    if len(known) >= rules.max_pending:
        raise TooManyPending(rules.max_pending, [order.number for order in known])
    return None


async def add_order(uow: UnitOfWork, order: Order, attempt: Attempt | None) -> None:
    """Store it, with what it promises reserved. Raises `OutOfStock`."""
    await uow.orders.add(order)
    await kind_of(order).reserve(uow, order)
    if attempt is not None:
        attempt.order_id = order.id
        await uow.attempts.add(attempt)


async def buy(
    uow: UnitOfWork, provider: PaymentProvider, request: Request, rules: Rules, *, now: datetime
) -> Placed:
    """Place the order, then ask the provider how to pay it. Raises as `place_order`."""
    order, attempt, is_new = await place_order(uow, provider, request, rules, now=now)
    if not is_new:  # pressed twice, or the answer to the first press was lost
        if not order.is_pending:
            return Placed(order, attempt)
        return await pay_with(uow, provider, order.number, request.buyer_id, rules, now=now)
    return await start(uow, provider, order, attempt)


async def pay_with(
    uow: UnitOfWork,
    provider: PaymentProvider,
    number: str,
    buyer_id: int,
    rules: Rules,
    *,
    now: datetime,
) -> Placed:
    """Pay a pending order by this method, whichever it was placed with.

    One that the provider has ended is followed by another, for most refuse a number they know.
    Raises `OrderNotFound`, `OrderExpired`, `OrderClosed`, `MethodUnavailable`.
    """
    order, attempt = await _attempt_by(uow, provider, number, buyer_id, rules, now)
    if attempt.checkout is not None:
        return Placed(order, attempt)
    return await start(uow, provider, order, attempt)


@retried
async def cancel(uow: UnitOfWork, number: str, buyer_id: int, *, now: datetime) -> Order:
    """Give the keys back. Raises `OrderNotFound`, `OrderClosed` and `PaymentUnderWay`."""
    async with uow:
        order = await own_order(uow, number, buyer_id)
        if order.status is OrderStatus.CANCELLED:
            return order
        if order.status is not OrderStatus.PENDING:
            order.check_payable(order.reserved_until)
        if any(attempt.is_confirming for attempt in await uow.attempts.of_order(order.id)):
            raise PaymentUnderWay
        order.cancel()
        await fulfilment.release(uow, order, now)
        await uow.commit()
    return order


@retried
async def expire_due(uow: UnitOfWork, rules: Rules, *, now: datetime, limit: int = 100) -> int:
    """Release what was reserved for too long; how many orders that were.

    An order whose provider has yet to say whether it was paid waits for that, within bounds.
    """
    async with uow:
        orders = await uow.orders.lock_overdue(now, now - rules.close_grace, limit=limit)
        for order in orders:
            order.expire()
            await fulfilment.release(uow, order, now)
            await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
        if orders:
            await uow.commit()
    return len(orders)


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


async def new_order(uow: UnitOfWork, request: Request, rules: Rules, now: datetime) -> Order:
    """Raises `ProductNotFound`, `BadQuantity`, and `PriceChanged` if it costs another sum."""
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


def open_attempt(
    order: Order, provider: PaymentProvider, rules: Rules, nth: int, now: datetime
) -> Attempt:
    """Raises `MethodUnavailable` where the method cannot take the order."""
    amount = quote(provider, order.bill, rules.rates)
    if amount is None:
        raise MethodUnavailable(provider.code)
    asks = Capability.QUERY in provider.capabilities
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
        from_balance=order.from_balance,
        poll_at=now + FIRST_POLL if asks else None,
    )


@retried
async def _attempt_by(
    uow: UnitOfWork,
    provider: PaymentProvider,
    number: str,
    buyer_id: int,
    rules: Rules,
    now: datetime,
) -> tuple[Order, Attempt]:
    async with uow:
        order = await own_order(uow, number, buyer_id)
        order.check_payable(now)
        attempts = await uow.attempts.of_order(order.id)
        for attempt in attempts:
            if attempt.provider == provider.code and attempt.is_on_offer(now):
                return order, attempt
        attempt = open_attempt(order, provider, rules, len(attempts) + 1, now)
        await uow.attempts.add(attempt)
        await uow.commit()
    return order, attempt


async def start(
    uow: UnitOfWork, provider: PaymentProvider, order: Order, attempt: Attempt
) -> Placed:
    """Ask the provider, outside any transaction: it may take seconds, and much may happen."""
    title = ", ".join(line.title for line in order.lines) or TOP_UP_TITLE
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


async def own_order(uow: UnitOfWork, number: str, buyer_id: int) -> Order:
    """Locked. Raises `OrderNotFound`, for somebody else's too."""
    order = await uow.orders.by_number(number, lock=True)
    if order.buyer_id != buyer_id:
        raise OrderNotFound
    return order


def provider_named(providers: Mapping[str, PaymentProvider], code: str) -> PaymentProvider:
    """Raises `MethodUnavailable`: the code comes from a button, which may be old or forged."""
    if code not in providers:
        raise MethodUnavailable(code)
    return providers[code]
