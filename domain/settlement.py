"""The only way in which money enters the shop."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain import crediting, fulfilment, ledger, refunds, wallet
from domain.errors import BalanceTooLow, Banned
from domain.ledger import HELD, Posting
from domain.messages import Note, Topic
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order, OrderException
from domain.payments import (
    Attempt,
    AttemptStatus,
    Payment,
    PaymentEvent,
    RefundOrigin,
    RefundStatus,
)
from domain.ports import AuditEntry, UnitOfWork
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from domain.transactions import retried


class Outcome(StrEnum):
    """What became of a payment. All of them are answered as accepted."""

    PAID = "paid"
    REPEATED = "repeated"
    UNKNOWN = "unknown"  # no such order
    LATE = "late"
    UNDER = "under"
    OVER = "over"
    TWICE = "twice"
    MISMATCH = "mismatch"


_EXCEPTIONS: Final = {
    Outcome.LATE: OrderException.LATE,
    Outcome.UNDER: OrderException.UNDER,
    Outcome.OVER: OrderException.OVER,
    Outcome.TWICE: OrderException.TWICE,
    Outcome.MISMATCH: OrderException.MISMATCH,
}


@dataclass(frozen=True)
class Settlement:
    """`remedy` is what a rule has done about a payment that did not fit."""

    outcome: Outcome
    order: Order | None = None
    remedy: Remedy | None = None


@retried
async def settle(
    uow: UnitOfWork,
    event: PaymentEvent,
    rules: Rules,
    *,
    now: datetime,
    source: str = "callback",
    entry: AuditEntry | None = None,
) -> Settlement:
    """Record a payment and do what follows from it, in one transaction, once.

    However often, however late and in whatever order a provider tells of it. `source` is where
    the news came from, for the record; `entry` is written where a person vouches for it.
    """
    async with uow:
        found = await uow.orders.lock_with_attempt(event.provider, event.attempt_number)
        order_id = found[0].id if found else None
        recorded = await uow.payments.record(event, order_id, now, source)
        if recorded is None:
            return Settlement(Outcome.REPEATED, found[0] if found else None)
        gone = max(await uow.payments.foretold(event), event.returned or event.amount * 0)
        if found is None:
            await _unknown(uow, event, recorded.id, gone, rules.remedies, now)
            settlement = Settlement(Outcome.UNKNOWN)
        else:
            order = found[0]
            if recorded.adopted:  # it was held; now it is known what for
                held = await _let_go(uow, event, recorded.id, now)
                event, gone = replace(event, amount=recorded.amount), recorded.amount - held
            if gone:
                await _went_back(uow, order, event, recorded.id, gone, now)
                event = replace(event, amount=event.amount - gone)
            if not event.amount:  # it went back before it was known
                await uow.commit()
                return Settlement(Outcome.REPEATED, order)
            settlement = await _Arrival(uow, *found, event, recorded.id, now).take(rules.remedies)
        if entry is not None:
            await uow.audit.add(entry)
        await uow.commit()
    return settlement


async def adopt_orphans(uow: UnitOfWork, rules: Rules, *, now: datetime) -> int:
    """Settle payments that came before their order could be seen."""
    async with uow:
        orphans = await uow.payments.orphans()
    for event in orphans:
        await settle(uow, event, rules, now=now, source="adopted")
    return len(orphans)


@dataclass(frozen=True)
class _Arrival:
    """A payment that has just been recorded, inside the transaction that holds its order."""

    uow: UnitOfWork
    order: Order
    attempt: Attempt
    event: PaymentEvent
    payment_id: int
    now: datetime

    async def take(self, remedies: Remedies) -> Settlement:
        """Change the order as the payment demands; what does not fit follows its rule."""
        outcome = self._judge()
        if outcome in {Outcome.PAID, Outcome.OVER}:
            outcome, remedy = await self._in_full(outcome, remedies)
        elif outcome is Outcome.UNDER and remedies.under is Remedy.ASK:
            remedy = await self._keep(outcome)
        elif outcome is Outcome.UNDER:
            remedy = await self._apart(outcome, remedies.under)
        else:
            rule = remedies.twice if outcome is Outcome.TWICE else remedies.mismatch
            remedy = await self._apart(outcome, rule)
        await self.uow.orders.save(self.order)
        await self.uow.attempts.save(self.attempt)
        return Settlement(outcome, self.order, remedy)

    def _judge(self) -> Outcome:
        """What the payment is to the order, before stock is looked at."""
        if not self.attempt.counts(self.event):
            return Outcome.MISMATCH
        if not self.order.can_be_paid:
            return Outcome.TWICE
        arrived, missing = self.event.amount.amount, self.attempt.missing
        if arrived < missing:
            return Outcome.UNDER
        return Outcome.OVER if arrived > missing else Outcome.PAID

    async def _in_full(
        self, outcome: Outcome, remedies: Remedies
    ) -> tuple[Outcome, Remedy | None]:
        """All of the price is here, or more; the order may be closed, its goods gone."""
        is_late = not self.order.is_pending and kind_of(self.order).has_goods
        if is_late and remedies.late is Remedy.ASK:
            return Outcome.LATE, await self._keep(Outcome.LATE)
        if not await self._fulfil():
            return Outcome.LATE, await self._sold_out(remedies)
        remedy = await self._earn(remedies)
        if is_late:
            await self._tell(Outcome.LATE, Remedy.DELIVER, self.event.amount)
            return Outcome.LATE, Remedy.DELIVER
        return outcome, remedy

    async def _fulfil(self) -> bool:
        """Whether the goods are the order's now; its price may need the balance once more."""
        return await self._has_balance() and await fulfilment.fulfil(
            self.uow, self.order, self.now
        )

    async def _has_balance(self) -> bool:
        drawn = self.attempt.from_balance - self.order.from_balance
        if drawn <= 0:
            return True
        amount = Money(drawn, self.order.total.currency)
        try:
            await wallet.put_aside(self.uow, self.order, amount, self.now)
        except (BalanceTooLow, Banned):
            return False
        return True

    async def _sold_out(self, remedies: Remedies) -> Remedy:
        """There are no goods, or no balance for the rest of the price."""
        remedy, priced = remedies.sold_out, await self._has_balance()
        if remedy is Remedy.WAIT and priced:
            await fulfilment.wait_for_goods(self.uow, self.order, self.now)
            await self._earn(remedies)
            await self._tell(Outcome.LATE, remedy, self.event.amount)
            return remedy
        await fulfilment.give_back_balance(self.uow, self.order, self.now)
        if remedy in {Remedy.WAIT, Remedy.ASK}:
            return await self._keep(Outcome.LATE)
        return await self._apart(Outcome.LATE, remedy)

    async def _earn(self, remedies: Remedies) -> Remedy | None:
        """The order's price is earned; what is more than that follows its rule."""
        order, attempt = self.order, self.attempt
        price, in_parts = Money(attempt.missing, self.event.amount.currency), attempt.received
        if in_parts or order.from_balance:
            await fulfilment.earn_held(self.uow, order, attempt, attempt.from_balance, self.now)
        kind, currency = kind_of(order), price.currency
        await self._post(ledger.transfer(self._source, kind.earner(order, currency), price))
        await self._post(kind.completion(order, currency))
        attempt.received += price.amount
        attempt.status = AttemptStatus.PAID
        if order.exception is OrderException.UNDER and not await fulfilment.is_held(
            self.uow, order
        ):
            order.exception = None  # the rest has come
        excess = self.event.amount - price
        return await self._apart(Outcome.OVER, remedies.over, excess) if excess else None

    async def _keep(self, why: Outcome) -> Remedy:
        """Held for the order, until a person decides or the rest comes."""
        self.attempt.received += self.event.amount.amount
        return await self._apart(why, Remedy.ASK)

    async def _apart(self, why: Outcome, remedy: Remedy, amount: Money | None = None) -> Remedy:
        """Money that is not the order's price: held, credited or sent back."""
        amount = amount or self.event.amount
        if remedy is Remedy.CREDIT:
            worth = crediting.worth(self.order, self.attempt, amount)
            await self._post(crediting.credit(self._source, self.order, amount, worth))
        else:
            await self._post(ledger.transfer(self._source, HELD, amount))
        if remedy is Remedy.REFUND:
            await refunds.by_rule(
                self.uow, self.order, self.event, self.payment_id, amount, why, self.now
            )
        if remedy is Remedy.ASK and self.order.exception is not OrderException.SHORT:
            self.order.exception = _EXCEPTIONS[why]  # who waits for goods keeps their place
        await self._tell(why, remedy, amount)
        return remedy

    @property
    def _source(self) -> str:
        return ledger.source_of(self.event.provider, self.order.buyer_id)

    async def _post(self, postings: list[Posting]) -> None:
        await self.uow.payments.post(
            postings, order_id=self.order.id, payment_id=self.payment_id, now=self.now
        )

    async def _tell(self, why: Outcome, remedy: Remedy, amount: Money) -> None:
        """A person is asked, or both sides hear what the rule has done."""
        facts: dict[str, str | int] = {
            "why": _EXCEPTIONS[why],
            "remedy": remedy,
            "provider": self.event.provider,
            "amount": str(amount),
        }
        topic = Topic.REVIEW if remedy is Remedy.ASK else Topic.SETTLED
        await self.uow.outbox.add(Note(topic, None, self.order.id, facts), self.now)
        if remedy is not Remedy.ASK:
            buyer = Note(Topic.BALANCE, self.order.buyer_id, self.order.id, facts)
            await self.uow.outbox.add(buyer, self.now)
        elif self.order.message_id is not None:
            buyer = Note(Topic.ORDER, self.order.buyer_id, self.order.id)
            await self.uow.outbox.add(buyer, self.now)


async def _let_go(uow: UnitOfWork, event: PaymentEvent, payment_id: int, now: datetime) -> Money:
    """What is still held of a payment that had no order, to be booked for the one it is for."""
    held = await uow.payments.held_of(payment_id)
    postings = ledger.transfer(HELD, ledger.provider_account(event.provider), held)
    await uow.payments.post(postings, order_id=None, payment_id=payment_id, now=now)
    return held


async def _went_back(
    uow: UnitOfWork,
    order: Order,
    event: PaymentEvent,
    payment_id: int,
    gone: Money,
    now: datetime,
) -> None:
    """A part of the payment, or all of it, that the shop never had: a refund for the record."""
    payment = Payment.of(event, payment_id, order.id, now)
    nth = len(await uow.refunds.of_order(order.id)) + 1
    known = refunds.new(order, payment, gone, nth, "", now)
    known.origin, known.status, known.due_at = RefundOrigin.DESK, RefundStatus.DONE, None
    await uow.refunds.add(known, now)


async def _unknown(
    uow: UnitOfWork,
    event: PaymentEvent,
    payment_id: int,
    gone: Money,
    remedies: Remedies,
    now: datetime,
) -> None:
    here = event.amount - gone
    held = ledger.transfer(ledger.provider_account(event.provider), HELD, here)
    await uow.payments.post(held, order_id=None, payment_id=payment_id, now=now)
    if remedies.unknown is Remedy.WAIT:
        return
    facts: dict[str, str | int] = {
        "provider": event.provider,
        "number": event.attempt_number,
        "transaction": event.external_id,
        "amount": str(event.amount),
    }
    await uow.outbox.add(Note(Topic.PAYMENT, facts=facts), now)
