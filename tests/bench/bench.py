"""Where figures are taken: sizes, a folder, databases of their own."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from storage.schema import migrate
from tests import databases
from tests.shop import Shop, opened


@dataclass(frozen=True)
class Size:
    """How much of everything a figure takes."""

    runs: int = 5
    keys: int = 1_000_000  # imported
    orders: int = 1_000  # placed or settled in a run
    products: int = 1_000
    stock: int = 500_000  # keys in a large table
    little: int = 10_000  # keys in a small one
    sales: int = 20_000  # in a long run
    counted_sales: int = 1_000  # of these, at its beginning and its end
    claims: int = 150  # of the few keys, a tenth is free for all the runs
    updates: int = 2_000
    messages: int = 20


QUICK: Final = Size(
    runs=2,
    keys=20_000,
    orders=100,
    products=50,
    stock=20_000,
    little=2_000,
    sales=300,
    counted_sales=100,
    claims=50,
    updates=200,
    messages=3,
)
LARGE_STOCK: Final = 5_000_000
POSTGRES_LANES: Final = 8
SQLITE_LANES: Final = 32


@dataclass
class Bench:
    """`server` is a PostgreSQL on which databases may be made."""

    folder: Path
    size: Size
    server: str | None
    large: bool
    _files: int = field(default=0, init=False)

    @property
    def stock(self) -> int:
        """Keys in a large table."""
        return LARGE_STOCK if self.large else self.size.stock

    @property
    def orders_in_all(self) -> int:
        """For every run of a value and of its limit, and two to make a script from."""
        return 2 * self.size.runs * self.size.orders + 2

    async def sqlite(self) -> Path:
        """A new file with the shop's schema."""
        file = self._new_file()
        await migrate(url_of(file))
        return file

    def copied(self, file: Path) -> Path:
        """A copy of a database that nobody has open."""
        return Path(shutil.copyfile(file, self._new_file()))

    @asynccontextmanager
    async def on_sqlite(self) -> AsyncIterator[Shop]:
        """A new shop, whose database goes away with it."""
        file = await self.sqlite()
        async with opened(url_of(file)) as shop:
            yield shop
        file.unlink()

    @asynccontextmanager
    async def on_postgres(self) -> AsyncIterator[Shop]:
        """A new shop, whose database goes away with it."""
        assert self.server is not None
        async with databases.new_database(self.server) as url:
            await migrate(url)
            async with opened(url) as shop:
                yield shop

    def _new_file(self) -> Path:
        self._files += 1
        return self.folder / f"{self._files}.db"


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def address_of(shop: Shop) -> str:
    """Its database's URL, password and all."""
    return shop.database.engine.url.render_as_string(hide_password=False)
