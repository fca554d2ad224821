"""Imports whose file gives out on the way."""

from collections.abc import Iterator

import pytest

from domain.errors import FileFault, UnreadableFile
from domain.importing import CHUNK, import_keys
from storage import tables
from tests.shop import ADMIN, NOW, Shop


class Torn:
    """A file that cannot be read to its end."""

    def __init__(self, count: int) -> None:
        self._count = count

    def lines(self) -> Iterator[tuple[int, str | None]]:
        for number in range(1, self._count + 1):
            yield number, f"TORN-{number:06}"
        raise UnreadableFile(FileFault.BROKEN)


async def silent(_read: int) -> None:
    """Nobody waits for it."""


@pytest.mark.parametrize(("count", "told"), [(3, 0), (CHUNK, 1)])
async def test_who_imports_hears_of_what_was_stored_before(
    shop: Shop, count: int, told: int
) -> None:
    await shop.stocked(keys=0)
    with pytest.raises(UnreadableFile):
        await import_keys(
            shop.uow(),
            shop.vault,
            Torn(count),
            sku="GAME",
            name="torn.txt",
            actor_id=ADMIN,
            now=NOW,
            progress=silent,
        )
    assert (await shop.stock()).available == count * told
    assert len(await shop.rows(tables.outbox, tables.outbox.c.topic == "import")) == told
    async with shop.uow() as uow:
        assert await uow.stock.unfinished_batches() == []
