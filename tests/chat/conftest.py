"""The shop as the chat tests meet it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chat.shop_chat import ASKING, ShopChat, open_shop


@pytest.fixture
async def shop(tmp_path: Path, sqlite_url: str) -> AsyncIterator[ShopChat]:
    """On SQLite; what the chat does is the same on both databases."""
    async with open_shop(tmp_path, sqlite_url, stars_rate=50) as opened:
        yield opened


@pytest.fixture
async def asking_shop(tmp_path: Path, sqlite_url: str) -> AsyncIterator[ShopChat]:
    """Whose owner wants to decide about all money that does not fit."""
    async with open_shop(tmp_path, sqlite_url, stars_rate=50, **ASKING) as opened:
        yield opened


@pytest.fixture
async def shop_on_both(tmp_path: Path, database_url: str) -> AsyncIterator[ShopChat]:
    """On SQLite and PostgreSQL, for what a database could do differently."""
    async with open_shop(tmp_path, database_url, stars_rate=50) as opened:
        yield opened
