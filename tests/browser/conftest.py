"""The running demo in a browser's tab."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chat_page import ChatPage
from tests.browser.demo_page import chromium_running, demo_running, window
from tests.left_out import chromium_path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium_path()
    assert path is not None
    async with chromium_running(path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A demo of this test's own."""
    async with demo_running(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def chat(browser: Browser, address: str) -> AsyncIterator[ChatPage]:
    """On a computer's screen; it may copy."""
    permissions = ["clipboard-read", "clipboard-write"]
    async with window(browser, permissions=permissions) as context:
        page = await context.new_page()
        await page.goto(address)
        yield ChatPage(page)


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser, address: str) -> AsyncIterator[ChatPage]:
    """On a small phone."""
    small = {"width": 360, "height": 640}
    async with window(browser, viewport=small, is_mobile=True, has_touch=True) as context:
        page = await context.new_page()
        await page.goto(address)
        yield ChatPage(page)
