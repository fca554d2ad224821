"""The demo on a free port, and Chromium to look at it with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, async_playwright, expect

from bot.demo import demo_shop
from tests.chat.shop_chat import free_port

_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE: Final = 20_000.0  # milliseconds; more than any step takes on a busy machine


@asynccontextmanager
async def chromium_running(path: str) -> AsyncIterator[Browser]:
    """The installed Chromium, without a window."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield launched
        finally:
            await launched.close()


@asynccontextmanager
async def demo_running(folder: Path) -> AsyncIterator[str]:
    """The demo's address."""
    port = free_port()
    async with demo_shop(folder, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}/"


@asynccontextmanager
async def window(browser: Browser, **appearance: Any) -> AsyncIterator[BrowserContext]:
    """A window of its own; `appearance` is Playwright's. Raises AssertionError on leaving, if a
    page in it has complained on its console.
    """
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    context = await browser.new_context(reduced_motion="reduce", locale="en-GB", **appearance)
    context.on("console", listen)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        yield context
    finally:
        await context.close()
    assert complaints == []
