"""A scene for each test, in which the shop gets into trouble."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.scene import Scene, open_scene


@pytest.fixture
async def scene(tmp_path: Path, database_url: str) -> AsyncIterator[Scene]:
    """On SQLite and PostgreSQL."""
    async with open_scene(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def sqlite_scene(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path, sqlite_url) as opened:
        yield opened


@pytest.fixture
async def postgresql_scene(tmp_path: Path, postgresql_url: str) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path, postgresql_url) as opened:
        yield opened
