"""Looking at what is for sale."""

import pytest

from domain import browsing, managing
from domain.catalog import Offer, Page
from domain.errors import BadQuantity, OutOfStock, ProductNotFound
from domain.money import Money
from tests.shop import ADMIN, BUYER, NOW, PRICE, RULES, Shop, Till


def names(page: Page[Offer]) -> list[str]:
    return [offer.product.name for offer in page.items]


async def test_an_empty_shop_has_an_empty_shelf(shop: Shop) -> None:
    shelf = await browsing.browse(shop.uow())
    assert (shelf.categories, shelf.offers.items, shelf.offers.more) == ([], [], False)


async def test_a_shelf_shows_what_is_left_and_what_is_sold_out(shop: Shop) -> None:
    await shop.stocked("BETA", keys=0)
    await shop.stocked("ALPHA", keys=2)
    offers = (await browsing.browse(shop.uow())).offers
    assert [(o.title, o.left_count) for o in offers.items] == [("ALPHA", 2), ("BETA", 0)]


async def test_a_long_shelf_has_pages(shop: Shop) -> None:
    for nth in range(browsing.PAGE_SIZE + 1):
        await shop.stocked(f"GAME-{nth}", keys=0)
    first = (await browsing.browse(shop.uow())).offers
    second = (await browsing.browse(shop.uow(), page=1)).offers
    assert (len(first.items), first.more) == (browsing.PAGE_SIZE, True)
    assert (names(second), second.more) == ([f"GAME-{browsing.PAGE_SIZE}"], False)


async def test_a_forged_page_number_is_the_first_page(shop: Shop) -> None:
    await shop.stocked()
    assert names((await browsing.browse(shop.uow(), page=-3)).offers) == ["GAME"]
    assert names(await browsing.search(shop.uow(), "game", page=-1)) == ["GAME"]


async def test_categories_are_chosen_from_first(shop: Shop) -> None:
    for sku, category in [("CHESS", "Games"), ("OFFICE", "Work")]:
        await shop.stocked(sku)
        await shop.changed(sku, "category", category)
    shelf = await browsing.browse(shop.uow())
    assert [category.name for category in shelf.categories] == ["Games", "Work"]
    games = await browsing.browse(shop.uow(), category_id=shelf.categories[0].id)
    assert names(games.offers) == ["CHESS"]
    assert games.category_id == shelf.categories[0].id


async def test_a_product_without_a_category_can_be_found_beside_categories(shop: Shop) -> None:
    await shop.stocked("PLAIN")
    for sku, category in [("CHESS", "Games"), ("OFFICE", "Work")]:
        await shop.stocked(sku)
        await shop.changed(sku, "category", category)
    root = await browsing.browse(shop.uow())
    shelves = [await browsing.browse(shop.uow(), category_id=c.id) for c in root.categories]
    seen = {name for shelf in [root, *shelves] for name in names(shelf.offers)}
    assert seen == {"PLAIN", "CHESS", "OFFICE"}


@pytest.mark.parametrize("name", ["Games", "Игры", "ΠΑΙΧΝΙΔΙΑ", "游戏"])
async def test_two_products_share_a_category_in_any_script(shop: Shop, name: str) -> None:
    for sku in ("CHESS", "GO"):
        await shop.stocked(sku)
        await shop.changed(sku, "category", name)
    (shelf,) = [await browsing.browse(shop.uow())]
    assert names(shelf.offers) == ["CHESS", "GO"]


async def test_a_category_goes_when_its_last_product_does(shop: Shop) -> None:
    await shop.stocked("CHESS")
    await shop.changed("CHESS", "category", "Games")
    await shop.changed("CHESS", "category", "-")
    async with shop.uow() as uow:
        assert await uow.catalog.categories() == []


@pytest.mark.parametrize("text", ["chess", " CHESS ", "шахм", "ШАХМАТЫ", "two kings"])
async def test_a_search_finds_sku_name_and_description_in_any_case(shop: Shop, text: str) -> None:
    await shop.stocked("CHESS")
    await shop.stocked("GO")
    await shop.changed("CHESS", "name", "Шахматы")
    await shop.changed("CHESS", "description", "Two Kings\non a board")
    assert names(await browsing.search(shop.uow(), text)) == ["Шахматы"]


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%b", "'; DROP TABLE orders; --", "x" * 4096])
async def test_a_search_takes_signs_as_they_are(shop: Shop, text: str) -> None:
    await shop.stocked()
    assert names(await browsing.search(shop.uow(), text)) == []


async def test_a_search_for_what_no_text_holds_finds_nothing(shop: Shop) -> None:
    await shop.stocked()
    assert names(await browsing.search(shop.uow(), "GA\0ME")) == []


async def test_a_product_off_sale_is_not_there(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.changed("GAME", "active", "off")
    assert names((await browsing.browse(shop.uow())).offers) == []
    assert names(await browsing.search(shop.uow(), "GAME")) == []
    with pytest.raises(ProductNotFound):
        await browsing.look_at(shop.uow(), variant.id)


@pytest.mark.parametrize("variant_id", [0, -1, 999, 10**30])
async def test_a_forged_id_finds_nothing(shop: Shop, variant_id: int) -> None:
    with pytest.raises(ProductNotFound):
        await browsing.look_at(shop.uow(), variant_id)


async def test_a_product_shows_the_variant_that_was_asked_for_first(shop: Shop) -> None:
    month = await shop.stocked("MONTH", keys=1)
    _, year = await managing.new_variant(
        shop.uow(),
        of_sku="month",
        sku="YEAR",
        price=Money(4999, "USD"),
        name="1 year",
        actor_id=ADMIN,
        now=NOW,
    )
    offers = await browsing.look_at(shop.uow(), year.id)
    assert [o.title for o in offers] == ["MONTH · 1 year", "MONTH"]
    assert [o.left_count for o in await browsing.look_at(shop.uow(), month.id)] == [1, 0]
    assert names((await browsing.browse(shop.uow())).offers) == ["MONTH"]
    assert names(await browsing.search(shop.uow(), "year")) == ["MONTH"]


async def test_a_preview_shows_the_total_and_the_methods_that_take_it(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    closed = Till(code="closed", takes_orders=False)
    preview = await browsing.preview(
        shop.uow(),
        [shop.till, closed],
        RULES.rates,
        buyer_id=BUYER,
        variant_id=variant.id,
        quantity=2,
    )
    assert preview.bill.total == PRICE * 2
    assert [(q.provider.code, q.amount) for q in preview.quotes] == [("till", PRICE * 2)]
    assert preview.offer.left_count == 3


async def test_a_preview_is_refused_beyond_stock_and_bounds(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    with pytest.raises(OutOfStock) as refusal:
        await browsing.preview(
            shop.uow(), [], RULES.rates, buyer_id=BUYER, variant_id=variant.id, quantity=4
        )
    assert refusal.value.left_count == 3
    for forged in (-5, 0, 101):
        with pytest.raises(BadQuantity):
            await browsing.preview(
                shop.uow(), [], RULES.rates, buyer_id=BUYER, variant_id=variant.id, quantity=forged
            )
