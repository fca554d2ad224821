"""Who may do what, and what was done."""

import re
from datetime import datetime
from typing import Final

from domain.catalog import Page
from domain.customers import Customer, Role
from domain.errors import BadUserId, NotPermitted
from domain.ports import AuditEntry, UnitOfWork
from domain.transactions import retried

PAGE_SIZE: Final = 15
_USER_ID: Final = re.compile(r"[1-9]\d{0,15}", re.ASCII)
MAX_USER_ID: Final = 2**52  # Telegram's ids have at most 52 significant bits


def read_user_id(text: str) -> int:
    """A numeric Telegram user id. Raises `BadUserId`: names change hands, ids do not."""
    if not (_USER_ID.fullmatch(text) and int(text) <= MAX_USER_ID):
        raise BadUserId(text)
    return int(text)


@retried
async def admins(uow: UnitOfWork) -> list[Customer]:
    async with uow:
        return await uow.customers.admins()


@retried
async def appoint(
    uow: UnitOfWork, user_id: int, role: Role | None, *, actor: Customer, now: datetime
) -> Customer | None:
    """Give somebody a role, or take it (None).

    Raises `NotPermitted` for one's own role and for an owner by the settings: nobody is to lock
    the shop out.
    """
    async with uow:
        if user_id == actor.id or uow.customers.is_fixed(user_id):
            raise NotPermitted
        known = await uow.customers.get(user_id)
        before = known.role if known else None
        await uow.customers.set_role(user_id, role)
        entry = AuditEntry(
            now, actor.id, "appoint", str(user_id), {"role": before}, {"role": role}
        )
        await uow.audit.add(entry)
        await uow.commit()
        return await uow.customers.get(user_id)


@retried
async def ban(
    uow: UnitOfWork, user_id: int, *, banned: bool, actor_id: int, now: datetime
) -> Customer | None:
    """Let somebody buy no more, or again; None for somebody who was never here."""
    async with uow:
        customer = await uow.customers.get(user_id)
        if customer is None:
            return None
        before = {"banned": int(customer.banned)}
        customer.banned = banned
        await uow.customers.save(customer)
        after = {"banned": int(banned)}
        action = "ban" if banned else "unban"
        await uow.audit.add(AuditEntry(now, actor_id, action, str(user_id), before, after))
        await uow.commit()
    return customer


@retried
async def audit(uow: UnitOfWork, *, page: int = 0) -> Page[AuditEntry]:
    """Newest first."""
    async with uow:
        return await uow.audit.newest(page=max(page, 0), size=PAGE_SIZE)
