"""A shop for each provider, open while the tests of a module use it."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests import databases
from tests.payments.open_till import OpenTill, open_till
from tests.payments.till import Till, at


@dataclass(frozen=True)
class Spot:
    """A provider's name, and an empty database for its shop."""

    name: str
    folder: Path
    url: str


@pytest.fixture(scope="module")
def spot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Spot:
    """`(name, database)`; see `stand_ins.on_sqlite` and `on_both`."""
    name, database = request.param
    folder = tmp_path_factory.mktemp(name)
    if database == "postgresql":
        return Spot(name, folder, request.getfixturevalue("postgresql_database"))
    template: Path = request.getfixturevalue("sqlite_template")
    shutil.copyfile(template, folder / "shop.db")
    return Spot(name, folder, f"sqlite+aiosqlite:///{folder}/shop.db")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_for_many(spot: Spot) -> AsyncIterator[OpenTill]:
    if spot.url.startswith("postgresql"):
        await databases.empty(spot.url)
    async with open_till(spot.folder, spot.url, spot.name) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def till(open_for_many: OpenTill) -> AsyncIterator[Till]:
    async with at(open_for_many) as one:
        yield one
