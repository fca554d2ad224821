"""What the page looks like: on a phone, and in Chinese."""

from playwright.async_api import expect

from tests.browser import in_one_browser
from tests.browser.chat_page import ANN, WANG, ChatPage

pytestmark = in_one_browser


async def test_the_chat_opens_as_a_buyer_who_can_begin(chat: ChatPage) -> None:
    ann = chat.page.get_by_test_id(f"person-{ANN}")
    await expect(ann).to_have_attribute("aria-pressed", "true")
    await expect(chat.page.get_by_test_id("start")).to_be_visible()


async def test_nothing_sticks_out_on_a_phone(phone: ChatPage) -> None:
    await phone.becomes(ANN)
    assert await phone.overhang() == []
    await phone.says("/start p_GAME-2")
    await phone.reads("In stock: 40")
    assert await phone.overhang() == []
    await phone.presses("Buy")
    await phone.presses("Telegram Stars")
    await phone.reads("Held for you until")
    assert await phone.overhang() == []
    await phone.pays_by_stars()
    await expect(phone.keys).to_have_count(1)
    assert await phone.overhang() == []


async def test_the_drawers_of_a_phone_fit(phone: ChatPage) -> None:
    for opener, content in (("open-people", f"person-{ANN}"), ("open-log", "fault-429")):
        await phone.page.get_by_test_id(opener).click()
        await expect(phone.page.get_by_test_id(content)).to_be_in_viewport(ratio=1)
        assert await phone.overhang() == []
        await phone.page.keyboard.press("Escape")
        await expect(phone.page.get_by_test_id(content)).not_to_be_in_viewport()


async def test_a_chinese_buyer_reads_chinese(chat: ChatPage) -> None:
    await chat.becomes(WANG)
    await chat.page.get_by_test_id("start").click()
    await chat.reads("欢迎光临")
    await chat.presses("🛍 商品目录")
    await chat.presses("全部商品")
    await chat.presses("Garden Tales")
    await chat.reads("库存：40 件")
    await chat.presses("购买")
    await chat.presses("测试支付")
    await expect(chat.button("去付款")).to_be_visible()
