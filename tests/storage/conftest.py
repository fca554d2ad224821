"""A shop for each test; whatever a test does to it, the invariants hold afterwards."""

from collections.abc import AsyncIterator

import pytest

from tests.invariants import check
from tests.shop import Shop, opened


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    async with opened(database_url) as shop:
        yield shop
        await check(shop.database, shop.vault)


@pytest.fixture
async def sqlite_shop(sqlite_url: str) -> AsyncIterator[Shop]:
    async with opened(sqlite_url) as shop:
        yield shop
        await check(shop.database, shop.vault)


@pytest.fixture
async def postgresql_shop(postgresql_url: str) -> AsyncIterator[Shop]:
    async with opened(postgresql_url) as shop:
        yield shop
        await check(shop.database, shop.vault)
