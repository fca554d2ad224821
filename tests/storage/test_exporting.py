"""Orders and keys as tables."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from domain import exporting, importing
from domain.errors import ProductNotFound
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, Shop


class Table:
    """A sheet in memory."""

    def __init__(self) -> None:
        self.rows: list[Sequence[str | int]] = []

    def row(self, cells: Sequence[str | int]) -> None:
        self.rows.append(cells)


async def export_keys(shop: Shop, sheet: Table, sku: str | None = None) -> int:
    return await exporting.export_keys(
        shop.uow(), shop.vault, sheet, sku=sku, actor_id=ADMIN, now=NOW
    )


async def test_orders_are_exported_with_their_prices_and_times(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(), 2)
    sheet = Table()
    assert await exporting.export_orders(shop.uow(), sheet) == 1
    header, row = sheet.rows
    assert dict(zip(header, row, strict=True)) == {
        "order": placed.order.number,
        "status": "paid",
        "exception": "",
        "buyer": BUYER,
        "sku": "GAME",
        "title": "GAME",
        "quantity": 2,
        "price": "4.99",
        "currency": "USD",
        "created_at": NOW.isoformat(),
        "paid_at": NOW.isoformat(),
    }


async def test_an_unpaid_order_has_no_time_of_payment(shop: Shop) -> None:
    await shop.places(await shop.buyer(), await shop.stocked())
    sheet = Table()
    await exporting.export_orders(shop.uow(), sheet)
    assert sheet.rows[1][-1] == ""


@pytest.mark.parametrize(
    ("since", "until", "sku", "count"),
    [
        (None, None, None, 3),
        (1, None, None, 2),
        (None, 1, None, 1),
        (1, 2, None, 1),
        (None, None, "game", 2),
        (1, None, "OTHER", 1),
        (None, None, "NONE", 0),
    ],
)
async def test_orders_are_chosen_by_day_and_product(
    shop: Shop, since: int | None, until: int | None, sku: str | None, count: int
) -> None:
    game, other = await shop.stocked(), await shop.stocked("OTHER")
    for day, variant in enumerate([game, other, game]):
        await shop.places(await shop.buyer(), variant, now=NOW + timedelta(days=day))
    exported = await exporting.export_orders(
        shop.uow(),
        Table(),
        since=NOW + timedelta(days=since) if since else None,
        until=NOW + timedelta(days=until) if until else None,
        sku=sku,
    )
    assert exported == count


async def test_orders_beyond_one_page_are_all_exported(shop: Shop) -> None:
    """Copied in the database: two thousand checkouts would take a minute."""
    placed = await shop.sold(await shop.stocked())
    (order,) = await shop.rows(tables.orders)
    (line,) = await shop.rows(tables.order_lines)
    copies = range(2, exporting.PAGE + 2)
    unpaid = {"status": "expired", "paid_at": None}
    async with shop.database.engine.begin() as connection:
        await connection.execute(
            tables.orders.insert(),
            [order | unpaid | {"id": n, "number": f"N{n}", "request_id": f"R{n}"} for n in copies],
        )
        lines = [line | {"order_id": n, "quantity": 1} for n in copies]
        await connection.execute(tables.order_lines.insert(), lines)
    sheet = Table()
    assert await exporting.export_orders(shop.uow(), sheet) == exporting.PAGE + 1
    assert len({row[0] for row in sheet.rows[1:]}) == exporting.PAGE + 1
    assert sheet.rows[1][0] == placed.order.number


async def test_keys_are_exported_in_the_clear_with_their_orders(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(keys=2))
    await shop.stocked("OTHER", keys=1)
    sheet = Table()
    assert await export_keys(shop, sheet, "game") == 2
    assert sheet.rows[1:] == [
        ["GAME", "GAME-KEY-0001", "sold", placed.order.number],
        ["GAME", "GAME-KEY-0002", "available", ""],
    ]
    assert await export_keys(shop, Table()) == 3


async def test_an_export_of_keys_is_written_down_first(shop: Shop) -> None:
    await shop.stocked()
    await export_keys(shop, Table())
    entry = (await shop.rows(tables.audit_log))[-1]
    assert (entry["action"], entry["subject"], entry["actor_id"]) == ("export keys", "all", ADMIN)
    with pytest.raises(ProductNotFound):
        await export_keys(shop, Table(), "NONE")


async def test_keys_beyond_one_page_are_all_exported(shop: Shop) -> None:
    await shop.stocked(keys=0)
    typed = "\n".join(f"N-{n:08}" for n in range(exporting.PAGE + 1))

    async def silent(_: int) -> None: ...

    await importing.import_keys(
        shop.uow(),
        shop.vault,
        importing.TypedKeys(typed),
        sku="GAME",
        name="typed",
        actor_id=ADMIN,
        now=NOW,
        progress=silent,
    )
    sheet = Table()
    assert await export_keys(shop, sheet) == exporting.PAGE + 1
    assert len({row[1] for row in sheet.rows[1:]}) == exporting.PAGE + 1
