"""Buyers and admins."""

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.customers import Customer, Role
from storage.rows import Row
from storage.tables import admins, customers

_SELECT: Final = sa.select(*customers.c, admins.c.role, admins.c.user_id).select_from(
    customers.outerjoin(admins, admins.c.user_id == customers.c.id)
)
_GET: Final = _SELECT.where(customers.c.id == sa.bindparam("customer_id"))
_LOCK: Final = _GET.with_for_update(of=customers)

_INSERT: Final = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class SqlCustomers:
    def __init__(self, connection: AsyncConnection, owner_ids: frozenset[int]) -> None:
        self._connection = connection
        self._owner_ids = owner_ids
        self._insert: Any = _INSERT[connection.dialect.name]  # the dialects share no base

    async def get(self, customer_id: int) -> Customer | None:
        return await self._one(_GET, customer_id)

    async def save(self, customer: Customer) -> None:
        values = {
            "name": customer.name,
            "username": customer.username,
            "language": customer.language,
            "telegram_language": customer.telegram_language,
            "blocked": customer.blocked,
            "banned": customer.banned,
        }
        insert = self._insert(customers).values(
            id=customer.id, created_at=datetime.now(UTC), **values
        )
        await self._connection.execute(
            insert.on_conflict_do_update(index_elements=["id"], set_=values)
        )

    async def lock(self, customer_id: int) -> Customer | None:
        return await self._one(_LOCK, customer_id)

    async def admins(self) -> list[Customer]:
        """Whoever has a role, the owners named in the settings first."""
        statement = sa.select(
            admins.c.user_id, admins.c.role, *(c for c in customers.c if c.name != "created_at")
        ).select_from(admins.outerjoin(customers, admins.c.user_id == customers.c.id))
        appointed = [self._read(row) for row in await self._connection.execute(statement)]
        owners = [await self.get(user_id) for user_id in sorted(self._owner_ids)]
        known = [
            owner or Customer(user_id, "", role=Role.OWNER)
            for user_id, owner in zip(sorted(self._owner_ids), owners, strict=True)
        ]
        return known + [admin for admin in appointed if admin.id not in self._owner_ids]

    def is_fixed(self, customer_id: int) -> bool:
        return customer_id in self._owner_ids

    async def set_role(self, customer_id: int, role: Role | None) -> None:
        await self._connection.execute(sa.delete(admins).where(admins.c.user_id == customer_id))
        if role is not None:
            await self._connection.execute(
                sa.insert(admins).values(user_id=customer_id, role=role)
            )

    async def _one(self, statement: sa.Select[Any], customer_id: int) -> Customer | None:
        row = (await self._connection.execute(statement, {"customer_id": customer_id})).first()
        return self._read(row) if row is not None else None

    def _read(self, row: Row) -> Customer:
        customer_id = row.id if row.id is not None else row.user_id
        role = Role(row.role) if row.role else None
        return Customer(
            id=customer_id,
            name=row.name or "",
            username=row.username,
            language=row.language,
            telegram_language=row.telegram_language,
            blocked=bool(row.blocked),
            banned=bool(row.banned),
            role=Role.OWNER if customer_id in self._owner_ids else role,
        )
