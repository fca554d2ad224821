"""Looking around: first screen, catalogue, cards, searches, links, forged presses."""

import pytest

from tests.chat.buying import data_of, keys, labels, orders_of, preview, put_on_sale, texts_of
from tests.chat.shop_chat import ANN, BEN, ShopChat


async def test_start_shows_catalog_and_my_orders(shop: ShopChat) -> None:
    await shop.ann.says("/start")
    message = await shop.ann.reads("Welcome")
    assert any("Catalog" in label for label in labels(message))
    assert any("My orders" in label for label in labels(message))


async def test_a_referral_link_opens_the_shop(shop: ShopChat) -> None:
    await shop.ann.says("/start ref_abc123")
    await shop.ann.reads("Welcome")


async def test_a_product_link_opens_its_card_in_any_case(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3))
    await shop.ann.says("/start p_game-1")
    card = await shop.ann.reads("In stock: 3")
    assert labels(card) == ["−", "1", "+", "Buy", "Back"]


@pytest.mark.parametrize("link", ["p_NOTHING", "p_", "p_🎮", "p_" + "x" * 62])
async def test_a_link_to_nothing_says_so(shop: ShopChat, link: str) -> None:
    await shop.ann.says(f"/start {link}")
    await shop.ann.reads("There is no such product")


async def test_an_empty_shop_says_so(shop: ShopChat) -> None:
    await shop.ann.says("/catalog")
    await shop.ann.reads("Nothing is for sale")


async def test_the_catalogue_turns_its_pages(shop: ShopChat) -> None:
    for nth in range(9):
        await put_on_sale(shop, f"GAME-{nth}", name=f"Game {nth}")
    ann = shop.ann
    await ann.says("/catalog")
    first = await ann.reads("Choose a product")
    assert labels(first)[0] == "Game 0 — $4.99 · sold out"
    await ann.presses("Next")
    second = await ann.reads("Choose a product")
    assert labels(second) == ["Game 8 — $4.99 · sold out", "Back"]
    await ann.presses("Back")
    assert labels(await ann.reads("Choose a product")) == labels(first)


async def test_several_categories_are_chosen_from(shop: ShopChat) -> None:
    await put_on_sale(shop, "A-1", name="Alpha", category="Games")
    await put_on_sale(shop, "B-1", name="Beta", category="Music")
    await put_on_sale(shop, "C-1", name="Gamma")
    ann = shop.ann
    await ann.says("/catalog")
    first = await ann.reads("Choose a category")
    gamma = "Gamma — $4.99 · sold out"  # in no category
    assert labels(first) == ["Games", "Music", gamma, "All products", "Back"]
    await ann.presses("Music")
    assert "Beta" in labels(await ann.reads("Choose a product"))[0]
    await ann.presses("Back")
    await ann.presses("All products")
    assert len(labels(await ann.reads("Choose a product"))) == 4


async def test_typing_searches(shop: ShopChat) -> None:
    await put_on_sale(shop, "A-1", name="Космос: игра")
    await put_on_sale(shop, "B-1", name="Music")
    await shop.ann.says("  КОСМОС:  игра\x00 ")
    found = await shop.ann.reads("Results for")
    assert labels(found)[0].startswith("Космос: игра")
    assert len(labels(found)) == 2


async def test_a_search_without_results_says_so(shop: ShopChat) -> None:
    await shop.ann.says("<b>nothing & such</b>%_")
    await shop.ann.reads("Nothing found for “<b>nothing & such</b>%_”")


async def test_what_is_no_text_gets_a_sentence(shop: ShopChat) -> None:
    await shop.ann.says("/help")
    await shop.ann.uploads("photo.png", b"\x89PNG\r\n\x1a\n", caption=None)
    await shop.ann.reads("I can only read text")


async def test_a_sold_out_card_cannot_be_bought(shop: ShopChat) -> None:
    await put_on_sale(shop)
    await shop.ann.says("/start p_GAME-1")
    card = await shop.ann.reads("Sold out")
    assert labels(card) == ["Back"]
    answer = await shop.ann.clicks("b:1:1", message_id=card["message_id"])
    assert "Sold out" in answer["text"]


async def test_a_photo_that_telegram_refuses_does_not_hide_the_product(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1), photo="AgAC-of-another-bot")
    await shop.ann.says("/start p_GAME-1")
    assert "Buy" in labels(await shop.ann.reads("In stock: 1"))


async def test_quantities_stop_at_their_bounds_with_a_sentence(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3), max="2")
    ann = shop.ann
    await ann.says("/start p_GAME-1")
    await ann.reads("In stock: 3")
    assert "from 1 to 2" in (await ann.presses("−"))["text"]
    await ann.presses("+")
    await ann.reads("2 together: $9.98")
    assert "from 1 to 2" in (await ann.presses("+"))["text"]


async def test_a_quantity_can_be_typed(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3))
    ann = shop.ann
    await ann.says("/start p_GAME-1")
    card = await ann.reads("In stock: 3")
    await ann.clicks(data_of(card, "1"), message_id=card["message_id"])
    await ann.reads("from 1 to 3")
    await ann.says("a few")
    await ann.reads("That is no number")
    await ann.says("4")
    await ann.reads("Only 3 are left")
    await ann.says("３")
    assert "3" in labels(await ann.reads("3 together"))
    await ann.says("3")
    await ann.reads("Nothing found for “3”")


async def test_cancel_leaves_the_question_for_a_quantity(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3))
    ann = shop.ann
    await ann.says("/start p_GAME-1")
    card = await ann.reads("In stock: 3")
    await ann.clicks(data_of(card, "1"), message_id=card["message_id"])
    await ann.says("/cancel")
    await ann.reads("never mind")
    await ann.says("/cancel")
    await ann.reads("Nothing was being asked")


FORGED = [
    "q:1:-5",
    "q:1:0",
    "q:1:99999999999999999999",
    "q:9223372036854775807:1",
    "q:9223372036854775808:1",
    "b:1:-5",
    "b:1:1000000",
    "b:999:1",
    "p:999",
    "p:" + "9" * 40,
    "n:999",
    "c:999:0",
    "c::9999",
    "c::99999999999999999999",
    "f:9999:x",
    "f:0:\x00",
    "l:9999",
    "l:-1",
    "o:NOSUCHORDER1",
    "o:",
    "o:\x00",
    "k:NOSUCHORDER1",
    "v:NOSUCHORDER1",
    "w:NOSUCHORDER1",
    "y:NOSUCHORDER1:stars",
    "y:NOSUCHORDER1:nothing",
    "z:NOSUCHORDER1",
    "x:1:-5:stars:dv:USD:AbC-_123",
    "x:1:1:nothing:dv:USD:AbC-_123",
    "x:1:1:stars:1:USD:AbC-_123",
    "x:1:1:stars:dv:EUR:AbC-_123",
    "x:zzzz:1:stars:dv:USD:AbC-_123",
    "g:xx",
    "nonsense",
    ":::",
]


async def test_every_forged_press_is_answered_and_changes_nothing(
    shop_on_both: ShopChat,
) -> None:
    shop = shop_on_both
    await put_on_sale(shop, keys=keys(2))
    half = len(FORGED) // 2  # one person alone would be told to slow down
    for person_id, forgeries in ((ANN, FORGED[:half]), (BEN, FORGED[half:])):
        person = shop.person(person_id)
        await person.says("/start")
        message = await person.reads("Welcome")
        for forged in forgeries:
            answer = await person.clicks(forged, message_id=message["message_id"])
            assert answer["answered"], forged
            said = answer["text"] or ""
            assert "went wrong" not in said, forged
            assert "too fast" not in said, forged
        assert await orders_of(shop, person_id) == []


async def test_a_button_on_an_inaccessible_message_still_works(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(2))
    ann = shop.ann
    shown = await preview(ann)
    data = data_of(shown, "Back")
    answer = await ann.clicks(data, message_id=shown["message_id"], inaccessible=True)
    assert answer["answered"]
    await ann.reads("In stock: 2")


async def test_pages_about_the_shop_answer(shop: ShopChat) -> None:
    ann = shop.ann
    await ann.says("/terms")
    await ann.reads("Terms of")
    await ann.says("/support")
    await ann.reads("@help_of_the_tests")
    await ann.says("/paysupport")
    await ann.reads("the order's number")
    await ann.says("/help")
    assert "/admin" not in (await ann.reads("/catalog"))["text"]
    await shop.owner.says("/help")
    await shop.owner.reads("/admin")


async def test_a_chosen_language_stays(shop: ShopChat) -> None:
    ann = shop.ann
    await ann.says("/language")
    await ann.presses("简体中文")
    await ann.reads("欢迎光临")
    await ann.says("/orders")
    await ann.reads("您还没有下过订单")


async def test_telegrams_language_is_spoken_until_another_is_chosen(shop: ShopChat) -> None:
    await shop.wang.says("/start")
    await shop.wang.reads("欢迎光临")
    await shop.wang.says("/language")
    await shop.wang.presses("English")
    await shop.wang.reads("Welcome")


async def test_no_admins_command_exists_for_a_buyer(shop: ShopChat) -> None:
    await shop.ann.says("/stock")
    await shop.ann.reads("I do not know this command")
    assert len(texts_of(await shop.ann.messages())) == 1
