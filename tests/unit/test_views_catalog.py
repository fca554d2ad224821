"""The catalogue, a product's card, the preview and the pages about the shop."""

import pytest

from domain.browsing import Preview, Shelf
from domain.catalog import DESCRIPTION_LENGTH, Category, Page
from domain.money import MAX_MINOR, Money
from domain.orders import Bill, OrderLine
from handlers.commands import commands
from handlers.shop import ShopInfo
from handlers.texts import LANGUAGES, Texts, texts
from handlers.views import card as cards
from handlers.views import checkout, info
from handlers.views import shelf as shelves
from handlers.views.buttons import MAX_ID
from handlers.views.length import CAPTION, TEXT
from handlers.views.view import View
from tests.unit.views import (
    Method,
    data,
    in_category,
    labels,
    offer,
    product,
    shown,
    variant,
    ways,
)

ENGLISH, CHINESE = texts("en"), texts("zh")
SHOP = ShopInfo("Keys & <Co>", "@help", "USD")
STARS = Method("stars", "Telegram Stars", "XTR")
PAYPAL = Method("paypal", "PayPal", "USD")


def test_a_product_shows_its_name_and_price() -> None:
    view = shelves.shelf(Shelf([], Page([offer()], 0, more=True)), ENGLISH)
    assert labels(view) == ["Space Game — $4.99", "Back", "Next"]


def test_a_sold_out_product_stays_and_says_so() -> None:
    view = shelves.shelf(Shelf([], Page([offer(left=0)], 0, more=False)), ENGLISH)
    assert labels(view)[0] == "Space Game — $4.99 · sold out"


def test_several_categories_are_chosen_from_first() -> None:
    categories = [Category(nth, f"Category {nth}") for nth in range(1, 31)]
    first = shelves.shelf(Shelf(categories, Page([], 0, more=False)), ENGLISH)
    assert labels(first)[-3:] == ["All products", "Back", "Next"]
    last = shelves.shelf(Shelf(categories, Page([], 0, more=False)), ENGLISH, page=2)
    assert labels(last)[:6] == [f"Category {nth}" for nth in range(25, 31)]
    assert "Next" not in labels(last)


@pytest.mark.parametrize("page", [0, 9_999])
def test_an_empty_page_says_so_and_leads_back(page: int) -> None:
    view = shelves.shelf(Shelf([], Page([], page, more=False), 4), ENGLISH, page=page)
    assert labels(view) == ["Back"]
    assert view.text


def test_a_search_keeps_its_words_while_paging() -> None:
    view = shelves.found("a:b", Page([offer()], 1, more=True), ENGLISH)
    assert data(view)[-2:] == ["f:0:a\x1fb", "f:2:a\x1fb"]


def test_a_search_without_results_says_what_was_looked_for() -> None:
    view = shelves.found("<b>", Page([], 0, more=False), ENGLISH)
    assert "“<b>”" in shown(view.text).text


def test_a_card_tells_price_stock_and_total() -> None:
    text = shown(cards.card([offer()], 3, ENGLISH).text).text
    assert "$4.99" in text
    assert "In stock: 12" in text
    assert "$14.97" in text


def test_a_card_has_the_quantity_between_minus_and_plus() -> None:
    view = cards.card([offer()], 3, ENGLISH)
    assert labels(view) == ["−", "3", "+", "Buy", "Back"]
    assert data(view) == ["q:7:2", "n:7", "q:7:4", "b:7:3", "c::0"]


def test_a_card_leads_back_to_its_category() -> None:
    assert data(cards.card([offer(in_category())], 1, ENGLISH))[-1] == "c:4:0"


def test_a_sold_out_card_cannot_be_bought() -> None:
    view = cards.card([offer(left=0)], 1, ENGLISH)
    assert labels(view) == ["Back"]
    assert "Sold out" in view.text


def test_less_than_the_smallest_order_is_sold_out() -> None:
    view = cards.card([offer(product(least=5), left=4)], 5, ENGLISH)
    assert "Sold out" in view.text


def test_variants_keep_their_places_and_mark_the_chosen_one() -> None:
    month = variant(id=8, name="1 month")
    year = variant(id=9, name="1 year", price=Money(4999, "USD"))
    offers = [offer(what=year), offer(what=month, left=0)]
    assert labels(cards.card(offers, 1, ENGLISH))[:2] == [
        "1 month — $4.99 · sold out",
        "• 1 year — $49.99 •",
    ]


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("letter", ["x", "𝕏", "&"])
def test_the_longest_card_fits_a_photos_caption(letter: str, language: str) -> None:
    wordy = product(name=letter * 64, description=letter * DESCRIPTION_LENGTH, least=2, most=1000)
    dear = variant(id=MAX_ID, name=letter * 64, price=Money(MAX_MINOR, "USD"))
    view = cards.card([offer(wordy, dear, 1000)], 1000, texts(language))
    assert shown(view.text).units <= CAPTION
    assert all(len(packed.encode()) <= 64 for packed in data(view))


def preview(*methods: Method, balance: int = 0, t: Texts = ENGLISH) -> View:
    """Two games, $9.98, as a buyer with so many cents on their balance sees them."""
    line = OrderLine.of(variant(), "Space Game", 2)
    offered = ways(*methods)
    quotes = offered.quotes(Bill([line], line.total))
    seen = Preview(offer(), line, quotes, Money(balance, "USD"))
    return checkout.preview(seen, "AbC-_123", offered, t)


def test_a_preview_has_a_button_for_each_method_with_its_amount() -> None:
    view = preview(STARS, PAYPAL)
    assert labels(view) == ["Telegram Stars — 500 ⭐", "PayPal — $9.98", "Back"]
    assert data(view)[0] == "x:7:2:stars:rq:USD:AbC-_123"
    assert "$9.98" in view.text


def test_a_preview_offers_what_the_buyers_balance_holds() -> None:
    assert labels(preview(STARS, balance=998))[1:] == ["Balance — $9.98", "Back"]
    part = preview(STARS, balance=500)
    assert labels(part)[1:] == ["Balance — $5.00 of it", "Back"]
    assert data(part)[1] == "x:7:2:balance:rq:USD:AbC-_123"


def test_a_preview_without_methods_says_whom_to_ask() -> None:
    view = preview()
    assert labels(view) == ["Back"]
    assert "/support" in view.text


def test_a_balance_pays_where_no_method_does() -> None:
    view = preview(balance=2000)
    assert labels(view) == ["Balance — $9.98", "Back"]
    assert "/support" not in view.text


def test_method_titles_are_in_the_buyers_language() -> None:
    assert labels(preview(STARS, t=CHINESE))[0] == "Telegram 星星 — 500 ⭐"


def test_the_first_screen_offers_catalog_and_orders() -> None:
    view = info.welcome(SHOP, ENGLISH)
    assert "Keys & <Co>" in shown(view.text).text
    assert any("Catalog" in label for label in labels(view))
    assert any("My orders" in label for label in labels(view))


def test_terms_are_folded() -> None:
    message = shown(info.terms(SHOP, ENGLISH).text)
    [folded] = message.of_kind("expandable_blockquote")
    assert "@help" in folded


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_pages_about_the_shop_are_valid_and_short_enough(language: str) -> None:
    t = texts(language)
    for shop in (SHOP, ShopInfo("x" * 64, "", "USD")):
        for view in (
            info.welcome(shop, t),
            info.terms(shop, t),
            info.support(shop, 1001, t),
            info.paysupport(shop, t),
            info.help_page(t, is_admin=True),
            info.languages(t),
        ):
            assert 1 <= shown(view.text).units <= TEXT


def test_only_admins_are_told_of_admin() -> None:
    assert "/admin" in info.help_page(ENGLISH, is_admin=True).text
    assert "/admin" not in info.help_page(ENGLISH, is_admin=False).text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_commands_are_as_telegram_takes_them(language: str) -> None:
    listed = commands(texts(language))
    assert len({command.command for command in listed}) == len(listed) <= 100
    assert all(1 <= len(command.description) <= 256 for command in listed)
