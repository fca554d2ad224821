"""The catalogue in its owner's hands."""

import asyncio

import pytest

from domain import managing
from domain.catalog import Product, Variant
from domain.errors import BadAmount, BadField, BadSku, ProductNotFound, SkuTaken
from domain.money import Money
from storage import tables
from tests.shop import ADMIN, NOW, PRICE, Shop
from tests.storage.sessions import until_waiting


async def new_product(shop: Shop, sku: str, name: str = "Game") -> None:
    await managing.new_product(
        shop.uow(), sku=sku, price=PRICE, name=name, actor_id=ADMIN, now=NOW
    )


async def new_variant(shop: Shop, of_sku: str, sku: str) -> None:
    await managing.new_variant(
        shop.uow(), of_sku=of_sku, sku=sku, price=PRICE, name="Year", actor_id=ADMIN, now=NOW
    )


async def found(shop: Shop, sku: str) -> tuple[Product, Variant]:
    async with shop.uow() as uow:
        return await uow.catalog.by_sku(sku)


async def test_a_product_is_found_by_its_sku_in_any_case(shop: Shop) -> None:
    await new_product(shop, "Game-1")
    product, variant = await found(shop, "gAME-1")
    assert (product.name, variant.sku, variant.price) == ("Game", "Game-1", PRICE)


async def test_a_sku_is_given_once(shop: Shop) -> None:
    await new_product(shop, "GAME")
    await new_product(shop, "OTHER")
    with pytest.raises(SkuTaken):
        await new_product(shop, "game")
    with pytest.raises(SkuTaken):
        await new_variant(shop, "OTHER", "Game")
    assert len(await shop.rows(tables.products)) == 2
    assert len(await shop.rows(tables.variants)) == 2


async def test_what_cannot_be_a_product_is_refused(shop: Shop) -> None:
    with pytest.raises(BadSku):
        await new_product(shop, "not a sku")
    with pytest.raises(BadField):
        await new_product(shop, "GAME", name="\u200b")
    with pytest.raises(ProductNotFound):
        await new_variant(shop, "NONE", "YEAR")
    assert await shop.rows(tables.products) == []


async def test_a_product_has_its_variants(shop: Shop) -> None:
    await new_product(shop, "MONTH")
    await new_variant(shop, "month", "YEAR")
    product, variant = await found(shop, "YEAR")
    assert variant.name == "Year"
    assert [known.sku for known in product.variants] == ["MONTH", "YEAR"]
    async with shop.uow() as uow:
        assert await uow.catalog.skus() == ["MONTH", "YEAR"]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("name", "Chess & <Checkers>", "Chess & <Checkers>"),
        ("price", "12.50 EUR", "12.50 EUR"),
        ("stars", "250", 250),
        ("description", "Line one\nLine two", "Line one\nLine two"),
        ("category", " Board  games ", "Board games"),
        ("photo", "AgACAgIAAxkBAAI", "AgACAgIAAxkBAAI"),
        ("min", "2", 2),
        ("MAX", "10", 10),
        ("kind", "keys", "keys"),
        ("low_stock", "3", 3),
        ("active", "off", "off"),
    ],
)
async def test_a_changed_field_is_kept_and_noted(
    shop: Shop, field: str, value: str, shown: str | int
) -> None:
    await new_product(shop, "GAME")
    await shop.changed("GAME", field, value)
    product, variant = await found(shop, "GAME")
    assert managing.FIELDS[field.lower()](product, variant) == shown
    entry = (await shop.rows(tables.audit_log))[-1]
    assert (entry["actor_id"], entry["subject"]) == (ADMIN, "GAME")
    assert entry["after"] == {field.lower(): shown}


async def test_a_refused_change_changes_nothing(shop: Shop) -> None:
    await new_product(shop, "GAME")
    before = await found(shop, "GAME")
    for field, value in [("price", "free"), ("max", "0"), ("colour", "red")]:
        with pytest.raises((BadAmount, BadField)):
            await shop.changed("GAME", field, value)
    with pytest.raises(ProductNotFound):
        await shop.changed("NONE", "name", "Game")
    assert await found(shop, "GAME") == before


@pytest.mark.parametrize("value", ["1 000", "4.99 each", "12,50 EUR x"])
async def test_a_price_with_something_behind_it_is_refused(shop: Shop, value: str) -> None:
    """`1 000` would sell for 1."""
    await new_product(shop, "GAME")
    with pytest.raises(BadAmount):
        await shop.changed("GAME", "price", value)


async def test_a_photo_longer_than_any_file_id_is_refused(shop: Shop) -> None:
    await new_product(shop, "GAME")
    with pytest.raises(BadField):
        await shop.changed("GAME", "photo", "x" * 4000)


async def test_a_product_without_a_price_is_not_mistaken_for_a_taken_sku(shop: Shop) -> None:
    with pytest.raises(BadAmount):
        await managing.new_product(
            shop.uow(), sku="FREE", price=Money(0, "USD"), name="Free", actor_id=ADMIN, now=NOW
        )


async def test_two_admins_changing_one_product_do_not_undo_each_other(
    postgresql_shop: Shop,
) -> None:
    """The second has read the product before the first wrote it."""
    shop = postgresql_shop
    await new_product(shop, "GAME")
    async with shop.uow() as first:
        product, _ = await first.catalog.by_sku("GAME")
        product.name = "Renamed"
        await first.catalog.save(product)
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.changed("GAME", "description", "Described"))
            await until_waiting(shop)
            await first.commit()
    product, _ = await found(shop, "GAME")
    assert (product.name, product.description) == ("Renamed", "Described")


async def test_stock_is_counted_by_state(shop: Shop) -> None:
    variant = await shop.stocked(keys=3)
    await shop.sold(variant)
    await shop.places(await shop.buyer(), variant)
    await shop.stocked("OTHER", keys=0)
    game, other = await managing.stock(shop.uow())
    assert (game.sku, game.available, game.reserved, game.sold) == ("GAME", 1, 1, 1)
    assert (other.sku, other.available) == ("OTHER", 0)
    with pytest.raises(ProductNotFound):
        await managing.stock(shop.uow(), "NONE")


async def test_the_limits_of_a_price_fit_into_an_order(shop: Shop) -> None:
    variant = await shop.stocked("GOLD", Money(10**14, "USD"), keys=2)
    placed = await shop.sold(variant, 2)
    assert placed.order.total == Money(2 * 10**14, "USD")
