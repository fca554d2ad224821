"""From an empty shelf to a key in the buyer's clipboard, by mouse and keyboard."""

from playwright.async_api import expect

from tests import logscan
from tests.browser import in_one_browser
from tests.browser.chat_page import ANN, OWNER, ChatPage

pytestmark = in_one_browser

KEYS = ("DROPPED-KEY-1111", "DROPPED-KEY-2222", "DROPPED-KEY-3333")
FILE = "\n".join(KEYS).encode()


async def puts_on_sale(chat: ChatPage) -> None:
    for key in KEYS:
        logscan.plant(key)
    await chat.becomes(OWNER)
    await chat.says("/newproduct MINE 4.99 My first product")
    await chat.reads("Added: My first product")
    await chat.drops("keys.txt", FILE, "/import MINE")
    await chat.reads("Imported: 3")


async def orders(chat: ChatPage, sku: str, method: str) -> None:
    """As Ann, by a link to the product."""
    await chat.becomes(ANN)
    await chat.says(f"/start p_{sku}")
    await chat.reads("In stock")
    await chat.presses("Buy")
    await chat.presses(method)


async def test_dropped_keys_are_sold_and_read_in_the_chat(chat: ChatPage) -> None:
    await puts_on_sale(chat)
    await chat.becomes(ANN)
    await chat.page.get_by_test_id("start").click()
    await chat.presses("🛍 Catalog")
    await chat.presses("All products")
    await chat.presses("My first product")
    await chat.presses("+")
    await chat.reads("2 together: $9.98")
    await chat.presses("Buy")
    await chat.presses("Test payment")
    order = await chat.reads("Held for you until")
    await chat.pays_at_the_page()
    await expect(chat.keys).to_have_text(KEYS[:2])
    await expect(order).to_have_count(0)  # the same message says now what has become of it
    await chat.reads("Paid and delivered")


async def test_a_key_bought_by_stars_is_copied_by_a_press(chat: ChatPage) -> None:
    await orders(chat, "GAME-2", "Telegram Stars")
    stars = chat.page.get_by_test_id(f"stars-{ANN}")
    before = int((await stars.inner_text()).replace(",", ""))
    await chat.pays_by_stars()
    await expect(chat.keys).to_have_count(1)
    await chat.reads("Paid and delivered")
    await expect(stars).to_have_text(str(before - 250))
    await chat.keys.click()
    await expect(chat.page.get_by_test_id("toast").filter(has_text="Copied")).to_be_visible()
    copied = await chat.page.evaluate("navigator.clipboard.readText()")
    assert copied == await chat.keys.inner_text()


async def test_keys_arrive_although_telegram_wants_a_pause(chat: ChatPage) -> None:
    await orders(chat, "GAME-1", "Test payment")
    await chat.reads("Held for you until")
    # The demo's only other message of its own: else the fault might strike it.
    owner = chat.page.get_by_role("button", name="Olga")
    await expect(owner).to_contain_text("Low stock")
    await chat.page.get_by_test_id("fault-429").click()
    await expect(chat.page.get_by_test_id("faults-armed")).to_contain_text(
        "429 × 1 on sendMessage"
    )
    await chat.pays_at_the_page()
    failed = chat.page.get_by_test_id("call").filter(has_text="429")
    await expect(failed).to_have_attribute("data-method", "sendMessage")
    await expect(chat.keys).to_have_count(1)
    await expect(chat.page.get_by_test_id("faults-armed")).to_be_hidden()


async def test_the_same_file_again_is_all_duplicates(chat: ChatPage) -> None:
    await puts_on_sale(chat)
    await chat.attaches("again.txt", FILE, "/import MINE")
    report = await chat.reads("Duplicates: 3")
    await expect(report).to_contain_text("Imported: 0")
