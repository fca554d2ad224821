"""Refunds as they are written down, before anybody is asked to carry them out."""

from collections.abc import Sequence
from datetime import datetime

from domain import crediting, ledger
from domain.ledger import BALANCE, HELD, Posting, Share
from domain.money import Money
from domain.order_kinds import kind_of
from domain.orders import Order
from domain.payments import Payment, PaymentEvent, Refund, RefundOrigin, RefundStatus
from domain.ports import UnitOfWork


def new(
    order: Order, payment: Payment, amount: Money, nth: int, reason: str, now: datetime
) -> Refund:
    """The order's `nth` refund; its number is the idempotency key. Due at once."""
    return Refund(
        number=f"{order.number}R{nth:02}",
        provider=payment.provider,
        external_id=payment.external_id,
        attempt_number=payment.attempt_number,
        buyer_id=order.buyer_id,
        paid=payment.amount,
        amount=amount,
        reason=reason,
        order_id=order.id,
        payment_id=payment.id,
        status_before=order.status,
        due_at=now,
    )


async def by_rule(
    uow: UnitOfWork,
    order: Order,
    event: PaymentEvent,
    payment_id: int,
    amount: Money,
    reason: str,
    now: datetime,
) -> None:
    """Of a payment that does not fit, so much is to go back by itself."""
    payment = Payment.of(event, payment_id, order.id, now)
    nth = len(await uow.refunds.of_order(order.id)) + 1
    await uow.refunds.add(new(order, payment, amount, nth, reason, now), now)


def returnable(
    shares: Sequence[Share], order: Order, refunds: Sequence[Refund]
) -> dict[int, Money]:
    """What of each payment is still the order's or held, and not on its way back."""
    left: dict[int, Money] = {}
    for share in shares:
        if share.account == HELD or is_earned(share, order):
            known = left.get(share.payment_id, Money(0, share.amount.currency))
            left[share.payment_id] = known + share.amount
    for refund in refunds:
        if refund.status is RefundStatus.REQUESTED and refund.payment_id in left:
            left[refund.payment_id] -= refund.amount
    return {payment_id: amount for payment_id, amount in left.items() if amount.amount > 0}


def is_earned(share: Share, order: Order) -> bool:
    """Whether it is a part of the order's price, in the money that it came in."""
    currency = share.amount.currency
    return (
        currency == share.paid_in
        and share.amount.amount > 0
        and share.account == kind_of(order).earner(order, currency)
    )


def from_balance(shares: Sequence[Share], order: Order, refund: Refund, *, first: bool) -> Money:
    """What of a refund has to be taken from the buyer's balance: what was credited there before
    the order's own money where it is to come `first`, else only what that does not cover.
    """
    credited = crediting.credited(shares, order, refund.payment_id)
    covered = sum(
        share.amount.amount
        for share in shares
        if share.payment_id == refund.payment_id
        and (share.account == HELD or (kind_of(order).has_goods and is_earned(share, order)))
    )
    wanted = refund.amount.amount if first else max(0, refund.amount.amount - covered)
    return Money(min(wanted, credited), refund.amount.currency)


def taken_from(shares: Sequence[Share], order: Order, refund: Refund) -> list[tuple[str, Money]]:
    """Where a refund comes from: what is held of its payment, then what was earned.

    What the shop no longer has of money that went back all the same, the buyer owes.
    """
    missing, taken = refund.amount, list[tuple[str, Money]]()
    for share in sorted(shares, key=lambda share: share.account != HELD):
        mine = share.account == HELD or is_earned(share, order)
        if share.payment_id == refund.payment_id and mine:
            part = Money(min(share.amount.amount, missing.amount), missing.currency)
            taken.append((share.account, part))
            missing -= part
    return [*taken, (ledger.customer_account(order.buyer_id), missing)]


def postings(
    taken: Sequence[tuple[str, Money]], order: Order, refund: Refund, worth: Money
) -> list[Posting]:
    """To the provider, or to the buyer's balance, on which it is `worth` so much."""
    if refund.origin is RefundOrigin.BALANCE or refund.provider == BALANCE:
        joined = [p for account, part in taken for p in ledger.transfer(account, HELD, part)]
        return joined + crediting.credit(HELD, order, refund.amount, worth)
    target = ledger.provider_account(refund.provider)
    return [p for account, part in taken for p in ledger.transfer(account, target, part)]
