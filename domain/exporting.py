"""Orders and keys as tables, page by page, so that a large shop goes on selling meanwhile."""

from datetime import datetime
from typing import Final

from domain.ports import AuditEntry, Sheet, UnitOfWork, Vault

PAGE: Final = 2_000


async def export_orders(
    uow: UnitOfWork,
    sheet: Sheet,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    sku: str | None = None,
) -> int:
    """One row a line of an order; how many rows."""
    sheet.row(
        [
            "order",
            "status",
            "exception",
            "buyer",
            "sku",
            "title",
            "quantity",
            "price",
            "currency",
            "created_at",
            "paid_at",
        ]
    )
    count = last_id = 0
    while True:
        async with uow:
            orders = await uow.orders.after(last_id, size=PAGE)
        for order in orders:
            if (since and order.created_at < since) or (until and order.created_at >= until):
                continue
            for line in order.lines:
                if sku is not None and line.sku.lower() != sku.lower():
                    continue
                count += 1
                sheet.row(
                    [
                        order.number,
                        order.status,
                        order.exception or "",
                        order.buyer_id,
                        line.sku,
                        line.title,
                        line.quantity,
                        f"{line.unit_price.decimal:f}",
                        line.unit_price.currency,
                        order.created_at.isoformat(),
                        order.paid_at.isoformat() if order.paid_at else "",
                    ]
                )
        if len(orders) < PAGE:
            return count
        last_id = orders[-1].id


async def export_keys(
    uow: UnitOfWork, vault: Vault, sheet: Sheet, *, sku: str | None, actor_id: int, now: datetime
) -> int:
    """Every key in the clear, with where it stands; noted in the audit log. How many rows.

    Raises `ProductNotFound`.
    """
    async with uow:
        variant_id = (await uow.catalog.by_sku(sku))[1].id if sku is not None else None
        await uow.audit.add(AuditEntry(now, actor_id, "export keys", sku or "all"))
        await uow.commit()
    sheet.row(["sku", "key", "status", "order"])
    count = last_id = 0
    while True:
        async with uow:
            rows = await uow.stock.keys_after(last_id, variant_id=variant_id, size=PAGE)
        for key, key_sku, status, order in rows:
            sheet.row([key_sku, vault.open(key).reveal(), status, order or ""])
        count += len(rows)
        if len(rows) < PAGE:
            return count
        last_id = rows[-1][0].id
