"""Keys into the shop, and out of it again."""

from collections.abc import Iterator

import pytest

from domain import importing
from domain.errors import BatchNotFound, BatchUndone, ProductNotFound
from domain.importing import Report, TypedKeys
from domain.messages import Topic
from domain.stock import MAX_LINES
from storage import tables
from tests.shop import ADMIN, BUYER, NOW, Shop


def result(report: Report) -> tuple[int, int, int]:
    batch = report.batch
    return batch.imported, batch.duplicates, batch.invalid


async def undo(shop: Shop, report: Report) -> int:
    _, count = await importing.undo(shop.uow(), report.batch.id, actor_id=ADMIN, now=NOW)
    return count


async def withdraw(shop: Shop, sku: str, *keys: str) -> int:
    return await importing.withdraw(shop.uow(), shop.vault, keys, sku=sku, actor_id=ADMIN, now=NOW)


async def test_a_file_is_reported_line_by_line(shop: Shop) -> None:
    await shop.stocked(keys=0)
    report = await shop.imported("game", "AAAA-0001", "AAAA-0002\0", "AAAA-0001", "AAAA-0003")
    assert result(report) == (2, 1, 1)
    assert report.invalid_lines == [2]
    assert report.read == 4
    (batch,) = [row for row in await shop.rows(tables.key_batches) if row["imported"]]
    assert (batch["duplicates"], batch["invalid"], batch["finished_at"]) == (1, 1, NOW)


async def test_only_the_first_invalid_lines_are_shown(shop: Shop) -> None:
    await shop.stocked(keys=0)
    report = await shop.imported("GAME", *(f"BAD-KEY-\0{n:04}" for n in range(15)))
    assert result(report) == (0, 0, 15)
    assert report.invalid_lines == list(range(1, importing.INVALID_SHOWN + 1))


async def test_keys_go_nowhere_without_their_product(shop: Shop) -> None:
    with pytest.raises(ProductNotFound):
        await shop.imported("NONE", "AAAA-0001")
    assert await shop.rows(tables.key_batches) == []


async def test_a_key_is_sold_once_whatever_is_imported_later(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(keys=1))
    await shop.stocked("OTHER", keys=0)
    (key,) = await shop.bought(placed)
    for sku in ("GAME", "OTHER"):
        assert result(await shop.imported(sku, key)) == (0, 1, 0)
    assert (await shop.stock()).available == 0


async def test_a_key_is_known_across_products(shop: Shop) -> None:
    await shop.stocked(keys=1)
    await shop.stocked("OTHER", keys=0)
    assert result(await shop.imported("OTHER", "GAME-KEY-0001")) == (0, 1, 0)
    assert (await shop.stock()).available == 1


@pytest.mark.parametrize(
    "key", ["a;b,c|d=e", "<b>&amp;</b>", "ключ-密钥-🔑", "'; DROP TABLE x;", "%s"]
)
async def test_a_key_is_sold_as_it_was_typed(shop: Shop, key: str) -> None:
    variant = await shop.stocked(keys=0)
    await shop.imported("GAME", key.ljust(8, "."))
    assert await shop.bought(await shop.sold(variant)) == [key.ljust(8, ".")]


class Numbered:
    """A file of so many keys, too many to plant."""

    def __init__(self, count: int) -> None:
        self.count = count

    def lines(self) -> Iterator[tuple[int, str | None]]:
        for line in range(1, self.count + 1):
            yield line, f"N-{line:08}"


async def test_a_long_file_is_imported_in_steps(shop: Shop) -> None:
    await shop.stocked(keys=0)
    heard: list[int] = []

    async def hear(read: int) -> None:
        heard.append(read)

    size = importing.CHUNK + 1
    for imported, duplicates in [(size, 0), (0, size)]:
        report = await importing.import_keys(
            shop.uow(),
            shop.vault,
            Numbered(size),
            sku="GAME",
            name="long.txt",
            actor_id=ADMIN,
            now=NOW,
            progress=hear,
        )
        assert result(report) == (imported, duplicates, 0)
    assert heard == [importing.CHUNK, size] * 2
    assert (await shop.stock()).available == size


async def test_a_line_beyond_what_a_batch_can_number_is_invalid(shop: Shop) -> None:
    await shop.stocked(keys=0)
    report = await importing.import_keys(
        shop.uow(),
        shop.vault,
        TypedKeys("AAAA-LAST\nAAAA-OVER", first_line=MAX_LINES),
        sku="GAME",
        name="typed",
        actor_id=ADMIN,
        now=NOW,
        progress=no_progress,
    )
    assert result(report) == (1, 0, 1)


async def no_progress(_: int) -> None: ...


async def test_an_undone_import_leaves_only_what_was_sold(shop: Shop) -> None:
    variant = await shop.stocked(keys=0)
    report = await shop.imported("GAME", *(f"UNDO-KEY-{n}" for n in range(4)))
    placed = await shop.sold(variant)
    waiting = await shop.places(await shop.buyer(BUYER + 1), variant)
    assert await undo(shop, report) == 2
    stock = await shop.stock()
    assert (stock.available, stock.reserved, stock.sold, stock.withdrawn) == (0, 1, 1, 2)
    await shop.pays(waiting)
    assert len(await shop.bought(placed)) == 1


async def test_an_import_is_undone_once(shop: Shop) -> None:
    await shop.stocked(keys=0)
    report = await shop.imported("GAME", "UNDO-KEY-1")
    await undo(shop, report)
    with pytest.raises(BatchUndone):
        await undo(shop, report)
    for unknown in (0, 999):
        with pytest.raises(BatchNotFound):
            await importing.undo(shop.uow(), unknown, actor_id=ADMIN, now=NOW)


async def test_an_undone_import_touches_no_other(shop: Shop) -> None:
    await shop.stocked(keys=2)
    report = await shop.imported("GAME", "UNDO-KEY-1")
    await undo(shop, report)
    assert (await shop.stock()).available == 2


async def test_withdrawn_keys_may_come_back_even_elsewhere(shop: Shop) -> None:
    await shop.stocked(keys=1)
    other = await shop.stocked("OTHER", keys=0)
    assert await withdraw(shop, "GAME", "GAME-KEY-0001") == 1
    assert result(await shop.imported("OTHER", "GAME-KEY-0001")) == (1, 0, 0)
    assert await shop.bought(await shop.sold(other)) == ["GAME-KEY-0001"]


async def test_a_revived_key_belongs_to_its_new_import(shop: Shop) -> None:
    await shop.stocked(keys=0)
    first = await shop.imported("GAME", "UNDO-KEY-1", "UNDO-KEY-2")
    await undo(shop, first)
    second = await shop.imported("GAME", "UNDO-KEY-1")
    assert await undo(shop, second) == 1
    assert (await shop.stock()).withdrawn == 2


async def test_only_unsold_keys_of_the_product_are_withdrawn(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    await shop.stocked("OTHER", keys=0)
    await shop.sold(variant)
    assert await withdraw(shop, "OTHER", "GAME-KEY-0002") == 0
    assert await withdraw(shop, "GAME", "GAME-KEY-0001", "GAME-KEY-0002", "UNHEARD-OF") == 1
    assert await withdraw(shop, "GAME", "GAME-KEY-0002") == 0
    with pytest.raises(ProductNotFound):
        await withdraw(shop, "NONE", "GAME-KEY-0003")
    assert (await shop.stock()).available == 1


async def test_an_import_that_was_cut_off_is_told_of_and_can_be_undone(shop: Shop) -> None:
    await shop.stocked(keys=0)

    async def die(_: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await importing.import_keys(
            shop.uow(),
            shop.vault,
            TypedKeys("AAAA-0001\nAAAA-0002"),
            sku="GAME",
            name="cut.txt",
            actor_id=ADMIN,
            now=NOW,
            progress=die,
        )
    assert await importing.report_cut_off(shop.uow(), now=NOW) == 1
    assert await importing.report_cut_off(shop.uow(), now=NOW) == 0
    (note,) = await shop.rows(tables.outbox)
    assert (note["topic"], note["chat_id"], note["facts"]["file"]) == (
        Topic.IMPORT,
        ADMIN,
        "cut.txt",
    )
    _, count = await importing.undo(shop.uow(), note["facts"]["batch"], actor_id=ADMIN, now=NOW)
    assert count == 2


async def test_an_import_undone_while_it_runs_stays_undone(shop: Shop) -> None:
    await shop.stocked(keys=0)

    async def undo_now(_: int) -> None:
        batch = (await shop.rows(tables.key_batches))[-1]
        await importing.undo(shop.uow(), batch["id"], actor_id=ADMIN, now=NOW)

    await importing.import_keys(
        shop.uow(),
        shop.vault,
        TypedKeys("AAAA-0001"),
        sku="GAME",
        name="typed",
        actor_id=ADMIN,
        now=NOW,
        progress=undo_now,
    )
    assert (await shop.rows(tables.key_batches))[-1]["undone_at"] == NOW


async def test_an_import_stops_where_it_was_undone(shop: Shop) -> None:
    await shop.stocked(keys=0)

    async def undo_now(_: int) -> None:
        batch = (await shop.rows(tables.key_batches))[-1]
        await importing.undo(shop.uow(), batch["id"], actor_id=ADMIN, now=NOW)

    report = await importing.import_keys(
        shop.uow(),
        shop.vault,
        Numbered(importing.CHUNK + 1),
        sku="GAME",
        name="long.txt",
        actor_id=ADMIN,
        now=NOW,
        progress=undo_now,
    )
    assert report.read == importing.CHUNK
    assert (await shop.stock()).available == 0


async def watched(shop: Shop) -> list[tuple[str, int]]:
    """What the admins are told of the stock by now."""
    await importing.watch_stock(shop.uow(), 1, now=NOW)
    rows = await shop.rows(tables.outbox, tables.outbox.c.topic == Topic.STOCK)
    return [(row["facts"]["level"], row["facts"]["left"]) for row in rows]


async def test_each_crossing_of_the_stocks_threshold_is_told_once(shop: Shop) -> None:
    variant = await shop.stocked(keys=2)
    assert await watched(shop) == []
    await shop.sold(variant)
    assert await watched(shop) == [("low", 1)]
    assert await watched(shop) == [("low", 1)]
    await shop.sold(variant)
    assert await watched(shop) == [("low", 1), ("out", 0)]
    await shop.imported("GAME", "MORE-KEY-1", "MORE-KEY-2")
    assert await watched(shop) == [("low", 1), ("out", 0)]
    await shop.changed("GAME", "low_stock", "2")
    assert await watched(shop) == [("low", 1), ("out", 0), ("low", 2)]


async def test_stock_off_sale_is_not_watched(shop: Shop) -> None:
    await shop.stocked(keys=0)
    await shop.changed("GAME", "active", "off")
    assert await watched(shop) == []
