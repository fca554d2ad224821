"""Money that a provider tells us it gave back, outside the shop's own refunds or after them."""

from datetime import datetime

from domain.money import Money
from domain.payments import RefundEvent
from domain.ports import AuditEntry, UnitOfWork
from domain.transactions import retried


@retried
async def note_return(
    uow: UnitOfWork,
    event: RefundEvent,
    attempt_number: str,
    amount: Money,
    *,
    buyer_id: int,
    now: datetime,
) -> str | None:
    """Write it into the audit log; the order's number, None where it is not this buyer's."""
    async with uow:
        attempt = await uow.attempts.by_number(attempt_number)
        if attempt is None or attempt.buyer_id != buyer_id:
            return None
        after = {
            "provider": event.provider,
            "transaction": event.external_id,
            "amount": str(amount),
        }
        entry = AuditEntry(now, buyer_id, "money returned", attempt.order_number, after=after)
        await uow.audit.add(entry)
        await uow.commit()
    return attempt.order_number
