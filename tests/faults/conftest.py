"""The shop running in the test's own process; whatever happened, the invariants hold."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chat.conftest import shop, shop_on_both
from tests.chat.shop_chat import ASKING
from tests.faults.world import Stall, open_stall

__all__ = ["shop", "shop_on_both"]

_SERVICES = ["test", "epay"]


@pytest.fixture(params=_SERVICES)
async def stall(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str
) -> AsyncIterator[Stall]:
    """On SQLite, paid by either service: for what never gets as far as the database."""
    async with open_stall(tmp_path, sqlite_url, request.param) as opened:
        yield opened
        await opened.check()


@pytest.fixture(params=_SERVICES)
async def stall_on_both(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str
) -> AsyncIterator[Stall]:
    """On SQLite and PostgreSQL, paid by either service."""
    async with open_stall(tmp_path, database_url, request.param) as opened:
        yield opened
        await opened.check()


@pytest.fixture
async def plain_stall(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Stall]:
    """On SQLite, paid by the test provider."""
    async with open_stall(tmp_path, sqlite_url) as opened:
        yield opened
        await opened.check()


@pytest.fixture
async def plain_stall_on_both(tmp_path: Path, database_url: str) -> AsyncIterator[Stall]:
    """On SQLite and PostgreSQL, paid by the test provider."""
    async with open_stall(tmp_path, database_url) as opened:
        yield opened
        await opened.check()


@pytest.fixture(params=_SERVICES)
async def asking_stall_on_both(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str
) -> AsyncIterator[Stall]:
    """As `stall_on_both`; its owner would rather be asked than have rules."""
    async with open_stall(tmp_path, database_url, request.param, **ASKING) as opened:
        yield opened
        await opened.check()


@pytest.fixture
async def plain_asking_stall_on_both(tmp_path: Path, database_url: str) -> AsyncIterator[Stall]:
    """As `plain_stall_on_both`; its owner would rather be asked than have rules."""
    async with open_stall(tmp_path, database_url, **ASKING) as opened:
        yield opened
        await opened.check()


@pytest.fixture
async def unchecked_stall(tmp_path: Path, postgresql_url: str) -> AsyncIterator[Stall]:
    """For the negative controls, on the database whose transactions run side by side."""
    async with open_stall(tmp_path, postgresql_url) as opened:
        yield opened
