"""The main job: keys imported by the owner, bought, paid and delivered in the chat."""

import pytest

from tests.chat.shop_chat import ANN, ShopChat
from tests.people import Chat

KEYS = ("AAAA-1111-FIRST", "BBBB-2222-SECOND", "CCCC-3333-THIRD")


async def opens_the_preview(buyer: Chat, product: str) -> None:
    await buyer.says("/start")
    await buyer.presses("Catalog")
    await buyer.presses(product)
    await buyer.presses("Buy")


async def test_two_keys_are_bought_by_test_payment_and_read_in_the_chat(
    shop_on_both: ShopChat,
) -> None:
    shop = shop_on_both
    await shop.stocks("GAME-1", *KEYS, name="Starfarer")
    ann = shop.ann
    await ann.says("/start p_GAME-1")
    await ann.presses("+")
    await ann.presses("Buy")
    await ann.presses("Test payment")
    order = await ann.reads("Held for you until")
    assert await shop.pays_at_the_page(order) == 200
    await ann.reads("🔑")
    assert await ann.codes() == [*KEYS[:2]]
    await ann.reads("Paid and delivered")


async def test_a_key_is_bought_by_stars(shop: ShopChat) -> None:
    await shop.stocks("GAME-1", *KEYS, name="Starfarer")
    ann = shop.ann
    await opens_the_preview(ann, "Starfarer")
    await ann.presses("Telegram Stars")
    paid = await ann.pays()
    assert paid["ok"], paid
    await ann.reads("🔑")
    assert await ann.codes() == [KEYS[0]]


async def test_a_failed_test_payment_leaves_the_order_open(shop: ShopChat) -> None:
    await shop.stocks("GAME-1", *KEYS)
    ann = shop.ann
    await opens_the_preview(ann, "GAME-1")
    await ann.presses("Test payment")
    order = await ann.reads("Held for you until")
    assert await shop.pays_at_the_page(order, "fail") == 200
    assert await shop.pays_at_the_page(order, "pay") == 200
    await ann.reads("🔑")
    assert await ann.codes() == [KEYS[0]]


@pytest.mark.parametrize("count", [20, 21, 45])
async def test_many_keys_come_as_messages_or_as_a_file(shop: ShopChat, count: int) -> None:
    keys = [f"KEY-{nth:03}-ABCDEFGH" for nth in range(count)]
    await shop.stocks("GAME-1", *keys)
    ann = shop.ann
    await ann.says("/start p_GAME-1")
    await ann.reads("GAME-1")
    await ann.presses("1")
    await ann.says(str(count))
    await ann.reads("GAME-1")
    await ann.presses("Buy")
    await ann.presses("Test payment")
    await shop.pays_at_the_page(await ann.reads("Held for you until"))
    message = await ann.reads("🔑")
    if count <= 20:
        assert await ann.codes() == keys
    else:
        assert (await ann.downloads(message)).decode().splitlines() == keys
        assert await ann.codes() == []


async def test_stars_are_given_back(shop: ShopChat) -> None:
    await shop.stocks("GAME-1", *KEYS)
    ann = shop.ann
    await opens_the_preview(ann, "GAME-1")
    await ann.presses("Telegram Stars")
    await ann.pays()
    delivered = await ann.reads("🔑")
    number = delivered["text"].split("Order ")[1].split(":")[0]
    await shop.owner.says(f"/refund {number} wrong product")
    await shop.owner.reads(number)
    assert shop.telegram.world.chat(ANN).person.stars == 1000
