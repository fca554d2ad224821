"""`python -m tests.browser.pictures`: the README's pictures of the demo, into docs/pictures/."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, ViewportSize, expect

from bot.logs import set_up
from tests.browser.chat_page import ANN, OWNER, WANG, ChatPage
from tests.browser.demo_page import chromium_running, demo_running, window
from tests.left_out import chromium_path

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_DESK: Final = ViewportSize(width=1136, height=840)
_PHONE: Final = ViewportSize(width=392, height=840)
_SHARPNESS: Final = 1.125  # device pixels for one of the page's; whole ones for these sizes
# The wall's gradient and drawings would double the files.
_PLAIN_WALL: Final = ".chat { background: #d5e4dc; } .chat::before { display: none; }"

Scene = Callable[[ChatPage], Awaitable[None]]


async def buys(chat: ChatPage) -> None:
    """A buyer pays and gets the key."""
    await chat.becomes(ANN)
    await chat.says("/start p_GAME-2")
    await chat.reads("In stock")
    await chat.presses("Buy")
    await chat.presses("Telegram Stars")
    await chat.pays_by_stars()
    await expect(chat.keys).to_have_count(1)
    await chat.reads("Paid and delivered")


async def imports(chat: ChatPage) -> None:
    """The owner imports keys."""
    await chat.becomes(OWNER)
    await chat.says("/newproduct STAR-1 12.90 Starlight Sonata")
    await chat.reads("Added: Starlight Sonata")
    keys = [f"STAR-{7919 * nth % 10000:04}-{104729 * nth % 1000000:06}" for nth in range(1, 49)]
    keys += [keys[3], keys[17]]
    await chat.drops("starlight-keys.txt", "\n".join(keys).encode(), "/import STAR-1")
    await chat.reads("Imported: 48")


async def reads_chinese(chat: ChatPage) -> None:
    """A buyer's phone, in the buyer's language."""
    await chat.becomes(WANG)
    await chat.page.get_by_test_id("start").click()
    await chat.reads("欢迎光临")
    await chat.says("/start p_GAME-1")
    await chat.reads("库存")
    await chat.presses("+")
    await chat.presses("购买")
    await chat.presses("测试支付")
    await chat.pays_at_the_page("去付款")
    await expect(chat.keys).to_have_count(2)
    await chat.reads("谢谢")


async def _take(
    browser: Browser, name: str, scene: Scene, size: ViewportSize, *, is_mobile: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            demo_running(Path(folder)) as address,
            window(
                browser,
                viewport=size,
                is_mobile=is_mobile,
                has_touch=is_mobile,
                device_scale_factor=_SHARPNESS,
                color_scheme="light",
            ) as context,
        ):
            page = await context.new_page()
            await page.goto(address)
            await page.add_style_tag(content=_PLAIN_WALL)
            await scene(ChatPage(page))
            await page.mouse.move(0, 0)
            await page.get_by_test_id("composer").blur()
            await expect(page.get_by_test_id("toast")).to_have_count(0)
            await page.screenshot(path=_FOLDER / name)


async def main() -> None:
    path = chromium_path()
    if path is None:
        sys.exit("There is no Chromium to take the pictures with.")
    set_up("ERROR", ())
    _FOLDER.mkdir(exist_ok=True)
    async with chromium_running(path) as browser:
        await _take(browser, "buyer.png", buys, _DESK, is_mobile=False)
        await _take(browser, "owner.png", imports, _DESK, is_mobile=False)
        await _take(browser, "phone.png", reads_chinese, _PHONE, is_mobile=True)


if __name__ == "__main__":
    asyncio.run(main())
