"""Sending what the outbox holds: at least once, the same each time, never lost."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias, TypeVar

from domain.customers import Customer, Permission
from domain.errors import (
    BlockedByBuyer,
    NotNow,
    NotSent,
    OrderNotFound,
    SlowDown,
    TelegramAway,
    TelegramUnreachable,
    TokenRevoked,
)
from domain.messages import Delivery, Note, Topic
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Attempt
from domain.ports import UnitOfWork, Vault
from domain.preferences import shut_out
from domain.remedies import Remedy
from domain.rules import Rules
from domain.stock import CardKey
from domain.transactions import retried

_CONCERNS: Final = {
    Topic.STOCK: Permission.STOCK,
    Topic.IMPORT: Permission.STOCK,
    Topic.SETTLED: Permission.MONEY,
    Topic.RETURNED: Permission.MONEY,
    Topic.PROVIDER: Permission.MONEY,
    Topic.REPORT: Permission.MONEY,
}
_OF_ORDER: Final = frozenset({Topic.GOODS, Topic.ORDER, Topic.BALANCE})
LONGEST_PAUSE: Final = timedelta(minutes=30)
OUTAGE_PAUSE: Final = timedelta(seconds=5)
PUT_OFF: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class HandOver:
    """An order's keys, on their way to its buyer."""

    order: Order
    keys: Sequence[CardKey]
    reader: Customer


@dataclass(frozen=True)
class OrderUpdate:
    """The order's message in the buyer's chat, to show where the order stands now."""

    order: Order
    attempt: Attempt | None
    claims: Sequence[str]  # where the buyer collects refunds
    reader: Customer


@dataclass(frozen=True)
class Alert:
    """Something that an admin has to know, or to decide."""

    note: Note
    order: Order | None
    reader: Customer


@dataclass(frozen=True)
class MoneyNotice:
    """What became of a buyer's money that did not go the usual way."""

    order: Order
    facts: Mapping[str, str | int]
    reader: Customer


Outgoing: TypeAlias = HandOver | OrderUpdate | MoneyNotice | Alert


Part = TypeVar("Part")  # one message as the chat knows it, ready to be sent


class Messenger(Protocol[Part]):
    """The chat. Raises the errors under `NotSent`."""

    def compose(self, message: Outgoing) -> Sequence[Part]:
        """The same messages for the same content, however often."""

    async def send(self, chat_id: int, part: Part) -> None: ...


def pause(attempt_count: int, jitter: Callable[[], float] = random.random) -> timedelta:
    """How long to wait after a failed attempt: doubling from 1 s, with up to half of jitter."""
    seconds = min(2.0 ** min(attempt_count - 1, 20), LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=seconds * (1 + jitter() / 2))


@retried
async def claim(uow: UnitOfWork, rules: Rules, *, now: datetime, limit: int) -> list[Delivery]:
    """Take what is due; ours alone until the lease ends."""
    async with uow:
        deliveries = await uow.outbox.claim(now, rules.lease, limit=limit)
        if deliveries:
            await uow.commit()
    return deliveries


async def deliver(
    uow: UnitOfWork,
    vault: Vault,
    messenger: Messenger[Part],
    delivery: Delivery,
    rules: Rules,
    clock: Callable[[], datetime],
) -> None:
    """Send one claimed row and note what became of it.

    Raises `TokenRevoked` and `TelegramUnreachable` after putting the row back: nothing at all can
    be sent for now.
    """
    if delivery.attempt_count > rules.delivery_attempts:
        # Claimed again and again without an outcome: it takes its worker down each time.
        await _give_up(uow, delivery, "no outcome", rules, clock())
        return
    try:
        await _send(uow, vault, messenger, delivery, lambda: clock() + rules.lease)
    except NotSent as error:
        await _not_sent(uow, delivery, error, rules, clock())
        if isinstance(error, TokenRevoked | TelegramUnreachable):
            raise
    else:
        await _done(uow, delivery, clock())


async def _not_sent(
    uow: UnitOfWork, delivery: Delivery, error: NotSent, rules: Rules, now: datetime
) -> None:
    """Wait and try again, or set the row aside, as the error asks."""
    if isinstance(error, SlowDown):
        wait = timedelta(seconds=error.retry_after)
        await _again(uow, delivery, now + wait, error, counted=False)
    elif isinstance(error, TokenRevoked | NotNow):
        await _again(uow, delivery, now + PUT_OFF, error, counted=False)
    elif isinstance(error, TelegramUnreachable):
        await _again(uow, delivery, now + OUTAGE_PAUSE, error, counted=False)
    elif isinstance(error, TelegramAway) and delivery.attempt_count < rules.delivery_attempts:
        await _again(uow, delivery, now + pause(delivery.attempt_count), error, counted=True)
    else:
        await _give_up(uow, delivery, type(error).__name__, rules, now)
    if delivery.attempt_count == 1 and delivery.note.topic is Topic.GOODS:
        await _show_paid(uow, delivery.note, now)
    if isinstance(error, BlockedByBuyer) and delivery.note.chat_id is not None:
        await shut_out(uow, delivery.note.chat_id)


@retried
async def hand_over_again(uow: UnitOfWork, customer: Customer, *, now: datetime) -> int:
    """The buyer is back: what could not be handed over is due again; how many orders."""
    async with uow:
        count = await uow.outbox.requeue(buyer_id=customer.id, now=now)
        if count or customer.blocked:
            customer.blocked = False
            await uow.customers.save(customer)
            await uow.commit()
    return count


@retried
async def keys_of(uow: UnitOfWork, vault: Vault, number: str, buyer_id: int) -> HandOver:
    """A paid order's keys, for its buyer. Raises `OrderNotFound`; no keys before payment."""
    async with uow:
        order = await uow.orders.by_number(number)
        reader = await uow.customers.get(buyer_id)
        if reader is None or order.buyer_id != buyer_id:
            raise OrderNotFound
        return await _hand_over(uow, vault, order, reader)


async def _hand_over(uow: UnitOfWork, vault: Vault, order: Order, reader: Customer) -> HandOver:
    sealed = await uow.stock.keys_of(order.id) if order.is_paid else []
    return HandOver(order, [CardKey(key.id, vault.open(key)) for key in sealed], reader)


async def _send(
    uow: UnitOfWork,
    vault: Vault,
    messenger: Messenger[Part],
    delivery: Delivery,
    lease_until: Callable[[], datetime],
) -> None:
    outgoing = await _load(uow, vault, delivery)
    if outgoing is None:
        return
    parts = messenger.compose(outgoing)
    for part in parts[delivery.sent_parts :]:
        await messenger.send(outgoing.reader.id, part)
        delivery.sent_parts += 1
        if delivery.sent_parts < len(parts):
            await _keep_progress(uow, delivery, lease_until())


async def _load(uow: UnitOfWork, vault: Vault, delivery: Delivery) -> Outgoing | None:
    """What the row stands for by now; None when there is nothing to send any more."""
    note = delivery.note
    async with uow:
        if note.chat_id is None:
            await _to_every_admin(uow, delivery)
            return None
        order = await uow.orders.get(note.order_id) if note.order_id else None
        reader = await uow.customers.get(note.chat_id) or Customer(note.chat_id, "")
        if order is None or note.topic not in _OF_ORDER:
            return Alert(note, order, reader)
        if note.topic is Topic.BALANCE:
            return MoneyNotice(order, note.facts, reader)
        if note.topic is Topic.GOODS:
            if order.status is OrderStatus.REFUNDING:
                raise NotNow  # the refund may yet fail
            waits = order.exception is OrderException.SHORT
            may = order.is_paid and not waits
            return await _hand_over(uow, vault, order, reader) if may else None
        attempts = await uow.attempts.of_order(order.id)
        claims = [r.claim for r in await uow.refunds.of_order(order.id) if r.claim]
        return OrderUpdate(order, attempts[-1] if attempts else None, claims, reader)


async def _to_every_admin(uow: UnitOfWork, delivery: Delivery) -> None:
    """An alert becomes one row for each admin whom it concerns, to be retried by itself."""
    concerns = _CONCERNS.get(delivery.note.topic, Permission.ORDERS)
    for admin in await uow.customers.admins():
        if not admin.may(concerns):
            continue
        note = Note(delivery.note.topic, admin.id, delivery.note.order_id, delivery.note.facts)
        await uow.outbox.add(note, delivery.created_at)
    if await uow.outbox.sent(delivery, delivery.created_at):
        await uow.commit()


@retried
async def _keep_progress(uow: UnitOfWork, delivery: Delivery, lease_until: datetime) -> None:
    async with uow:
        await uow.outbox.progress(delivery, lease_until)
        await uow.commit()


@retried
async def _done(uow: UnitOfWork, delivery: Delivery, now: datetime) -> None:
    note = delivery.note
    async with uow:
        first = await uow.outbox.sent(delivery, now)
        if first and note.topic is Topic.GOODS and note.order_id is not None:
            await _mark_delivered(uow, await uow.orders.lock(note.order_id), now)
        await uow.commit()


async def _mark_delivered(uow: UnitOfWork, order: Order, now: datetime) -> None:
    if order.exception is OrderException.SHORT:
        return  # there was nothing to hand over yet
    if order.status is OrderStatus.PAID:
        order.mark_delivered()
    if order.exception is OrderException.UNDELIVERABLE:
        order.exception = None
    await uow.orders.save(order)
    if order.message_id is not None:
        await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)


@retried
async def _again(
    uow: UnitOfWork, delivery: Delivery, due_at: datetime, error: NotSent, *, counted: bool
) -> None:
    attempt_count = delivery.attempt_count if counted else delivery.attempt_count - 1
    async with uow:
        await uow.outbox.retry(delivery, due_at, attempt_count, type(error).__name__)
        await uow.commit()


@retried
async def _give_up(
    uow: UnitOfWork, delivery: Delivery, error: str, rules: Rules, now: datetime
) -> None:
    """Set the row aside; goods that do not arrive go before a person.

    Nobody is told of a buyer who has blocked the bot where the rule says to wait for them.
    """
    waits = rules.remedies.undeliverable is Remedy.WAIT and error == BlockedByBuyer.__name__
    note = delivery.note
    async with uow:
        ours = await uow.outbox.fail(delivery, error)
        if ours and note.topic is Topic.GOODS and note.order_id is not None:
            order = await uow.orders.lock(note.order_id)
            # What is odd about its money is not forgotten over this.
            order.exception = order.exception or OrderException.UNDELIVERABLE
            await uow.orders.save(order)
            facts: dict[str, str | int] = {
                "why": OrderException.UNDELIVERABLE,
                "error": error,
            }
            if not waits:
                await uow.outbox.add(Note(Topic.REVIEW, order_id=order.id, facts=facts), now)
        await uow.commit()


@retried
async def _show_paid(uow: UnitOfWork, note: Note, now: datetime) -> None:
    """The goods take a while: meanwhile nobody is to think that they have not paid."""
    async with uow:
        order = await uow.orders.get(note.order_id or 0)
        if order.message_id is not None:
            await uow.outbox.add(Note(Topic.ORDER, order.buyer_id, order.id), now)
            await uow.commit()
