"""Products in their owner's hands: in one line, step by step, and by buttons."""

from pathlib import Path

import pytest
from aiogram.filters.callback_data import CallbackData

from domain.customers import Role
from handlers.views import admin_buttons as buttons
from tests.chat.buying import put_on_sale
from tests.chat.counter import PNG, UNKNOWN, admin, asks, forges, known
from tests.chat.shop_chat import BEN, ShopChat, open_shop
from tests.people import Chat

COMMANDS = [
    *("/admin", "/newproduct A 1 A", "/newvariant A B 1 B", "/setproduct A name B", "/stock"),
    *("/import A", "/withdraw A", "/sales", "/resend 7K3MQ2ZX9A4B", "/refund 7K3MQ2ZX9A4B"),
    *("/confirm 7K3MQ2ZX9A4B tx r", "/export keys", "/admins", "/audit"),
]


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


@pytest.mark.parametrize("command", COMMANDS)
async def test_somebody_who_is_no_admin_gets_what_an_unknown_command_gets(
    shop: ShopChat, command: str
) -> None:
    answer = await asks(shop.ben, command, UNKNOWN)
    unknown = await asks(shop.ben, "/nonsense", UNKNOWN)
    assert answer["text"] == unknown["text"]


@pytest.mark.parametrize(
    "data",
    [
        buttons.Menu(),
        buttons.NewProduct(),
        buttons.Edit(sku="GAME-1"),
        buttons.Undo(batch=1),
        buttons.Sales(),
        buttons.Refund(number="7K3MQ2ZX9A4B"),
        buttons.Export(what="keys"),
        buttons.Appoint(user_id=BEN, role=Role.OWNER),
        buttons.Audit(),
    ],
)
async def test_a_forged_admin_button_has_expired(shop: ShopChat, data: CallbackData) -> None:
    message = await asks(shop.ben, "/start", "elcome")
    assert "expired" in await forges(shop.ben, data, message)


async def test_a_product_in_one_line_says_what_is_next(owner: Chat) -> None:
    said = await asks(owner, "/newproduct GAME-1 30 CNY <b>Space</b> & Game", "Added")
    assert "<b>Space</b> & Game (GAME-1), CN¥30.00" in said["text"]
    assert "/import GAME-1" in said["text"]
    assert "cannot be paid" not in said["text"]


async def test_a_product_that_no_method_takes_says_so(tmp_path: Path, sqlite_url: str) -> None:
    """Here, Stars have no rate, and the test provider is away."""
    async with open_shop(tmp_path, sqlite_url) as shop:
        del shop.providers["test"]
        owner = shop.owner
        said = await asks(owner, "/newproduct GAME-1 4.99 Game", "Added")
        assert "/setproduct GAME-1 stars 250" in said["text"]
        said = await asks(owner, "/setproduct GAME-1 stars 250", "Changed")
        assert "Price in Stars: 250" in said["text"]


async def test_a_product_is_asked_for_step_by_step(owner: Chat) -> None:
    await asks(owner, "/admin", "Admin")
    await owner.presses("New product")
    await owner.reads("Which SKU")
    await asks(owner, "GAME/1", "A SKU has")
    await asks(owner, "GAME-1", "What does it cost")
    await asks(owner, "much", "no price")
    await asks(owner, "4.99", "What is it called")
    await asks(owner, "x" * 65, "64")
    said = await asks(owner, "Space Game", "Added")
    assert "$4.99" in said["text"]


async def test_several_answers_at_once_are_understood(owner: Chat) -> None:
    await asks(owner, "/newproduct GAME-1", "What does it cost")
    assert "Gold" in (await asks(owner, "9 EUR Gold", "Added"))["text"]


async def test_a_taken_sku_is_refused_before_more_is_asked(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop)
    await asks(owner, "/newproduct", "Which SKU")
    await asks(owner, "game-1", "exists already")
    await asks(owner, "GAME-2", "What does it cost")


async def test_cancel_leaves_the_questions(owner: Chat) -> None:
    await asks(owner, "/newproduct GAME-1 4.99", "What is it called")
    await owner.says("/cancel")
    await owner.says("Space Game")
    await asks(owner, "/stock", "no products yet")


async def test_a_demoted_admin_cannot_go_on_with_a_dialog(shop: ShopChat, owner: Chat) -> None:
    ben = await admin(shop, BEN, Role.MANAGER)
    await asks(ben, "/newproduct GAME-1 4.99", "What is it called")
    await admin(shop, BEN, None)
    await ben.says("Space Game")
    await asks(ben, "/admin", UNKNOWN)
    await asks(owner, "/stock", "no products yet")


async def test_a_variant_is_added_by_button_and_in_one_line(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop)
    await asks(owner, "/newvariant", "one more variant")
    await owner.presses("GAME-1")
    await owner.reads("Which SKU")
    said = await asks(owner, "GAME-1-GOLD 9.99 Gold", "Added")
    assert "Space Game · Gold" in said["text"]
    said = await asks(owner, "/newvariant GAME-1 GAME-1-TIN 0.99 Tin", "Added")
    assert "Space Game · Tin" in said["text"]
    await asks(owner, "/newvariant GAME-1", "Which SKU")
    await asks(owner, "/newvariant NONE A 1 A", "no such product")


async def test_a_field_is_chosen_by_buttons(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop)
    await asks(owner, "/setproduct", "Which product")
    await owner.presses("GAME-1")
    await owner.reads("Per order")
    await owner.presses("max")
    await owner.reads("most pieces")
    await asks(owner, "0", "1 to 1000")
    said = await asks(owner, "7", "Changed: max")
    assert "Per order: 1 to 7" in said["text"]
    await owner.presses("active")
    await owner.presses("Not for sale")
    assert "For sale: no" in (await owner.reads("Changed: active"))["text"]


async def test_each_field_is_set_in_one_line(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop)
    for line, shown in [
        ("name Moon Game", "Moon Game"),
        ("PRICE 9.99 EUR", "€9.99"),
        ("description Line 1\nLine 2", "Line 1\nLine 2"),
        ("category Games", "Category: Games"),
        ("category -", "Category: -"),
        ("low_stock 9", "Low stock: 9"),
        ("kind keys", "Kind: keys"),
    ]:
        said = await asks(owner, f"/setproduct GAME-1 {line}", "Changed")
        assert shown in said["text"]
    await asks(owner, "/setproduct GAME-1 colour red", "no field")
    await asks(owner, "/setproduct GAME-1 kind pears", "kind")
    await asks(owner, "/setproduct GAME-1", "Per order")
    await asks(owner, "/setproduct NONE name X", "no such product")


async def test_a_photo_comes_as_a_caption_as_a_reply_or_when_asked(
    shop: ShopChat, owner: Chat
) -> None:
    await put_on_sale(shop)
    await owner.uploads("p.png", PNG, caption="/setproduct GAME-1 photo", as_photo=True)
    await owner.reads("Photo: yes")
    assert "Photo: no" in (await asks(owner, "/setproduct GAME-1 photo -", "Photo"))["text"]
    photo = await owner.uploads("p.png", PNG, as_photo=True)
    await owner.says("/setproduct GAME-1 photo", reply_to=photo["message_id"])
    await owner.reads("Photo: yes")
    await asks(owner, "/setproduct GAME-1 photo", "Send the photo")
    await owner.uploads("p.png", PNG)
    await owner.reads("no photo")
    await owner.uploads("p.png", PNG, as_photo=True)
    await owner.reads("Changed: photo")


async def test_the_skus_are_turned_by_page(shop: ShopChat, owner: Chat) -> None:
    for nth in range(13):
        await put_on_sale(shop, f"GAME-{nth:02}")
    await asks(owner, "/setproduct", "Which product")
    await owner.presses("Next")
    await owner.presses("GAME-12")
    await owner.reads("Per order")


async def test_stock_shows_each_state(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop, keys=["STOCKED-KEY-1", "STOCKED-KEY-2"])
    said = await asks(owner, "/stock", "GAME-1")
    assert "available: 2 · reserved: 0 · sold: 0 · withdrawn: 0" in said["text"]
    await asks(owner, "/stock game-1", "available: 2")
    await asks(owner, "/stock NONE", "no such product")
    await owner.presses("All stock")
    await owner.presses("Menu")
    await owner.reads("Admin")
