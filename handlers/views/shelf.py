"""The catalogue: categories, products, what a search found."""

from collections.abc import Sequence
from typing import Final

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.browsing import Shelf
from domain.catalog import Category, Offer, Page
from handlers.texts import Texts
from handlers.views.buttons import MAX_PAGE, Card, FoundPage, Home, ShelfPage
from handlers.views.card import is_sold_out
from handlers.views.money import amount
from handlers.views.view import View, button

CATEGORIES_A_PAGE: Final = 12


def shelf(shelf: Shelf, t: Texts, *, page: int = 0) -> View:
    """Categories where there are several to choose from, else a page of products."""
    if shelf.categories:
        return _root(shelf.categories, shelf.offers, page, t)
    category = shelf.category_id
    up = ShelfPage() if category is not None else Home()
    back = ShelfPage(category_id=category, page=page - 1) if page else up
    ahead = ShelfPage(category_id=category, page=min(page + 1, MAX_PAGE))
    rows = _products(shelf.offers.items, t)
    turn = _turn(back, ahead if shelf.offers.more else None, t)
    return View(_catalog(shelf.offers, t), [*rows, turn])


def found(words: str, offers: Page[Offer], t: Texts) -> View:
    """What a search found; without words, everything."""
    back = FoundPage(words=words, page=offers.number - 1) if offers.number else ShelfPage()
    ahead = FoundPage(words=words, page=min(offers.number + 1, MAX_PAGE))
    turn = _turn(back, ahead if offers.more else None, t)
    return View(_found(words, offers, t), [*_products(offers.items, t), turn])


def only_text(t: Texts) -> Markup:
    """To a sticker, a photo, a voice: whatever a buyer sends that is no text."""
    return t(
        "I can only read text. Type a product's name to search for it, or see /catalog and /help."
    )


def _root(categories: Sequence[Category], offers: Page[Offer], page: int, t: Texts) -> View:
    """Categories, what is in none of them, and the way to see everything."""
    first = page * CATEGORIES_A_PAGE
    shown = categories[first : first + CATEGORIES_A_PAGE]
    rows = [[button(c.name, ShelfPage(category_id=c.id))] for c in shown]
    everything = [button(t.label("All products"), FoundPage())]
    more = offers.more or first + CATEGORIES_A_PAGE < len(categories)
    turn = _turn(
        ShelfPage(page=page - 1) if page else Home(),
        ShelfPage(page=min(page + 1, MAX_PAGE)) if more else None,
        t,
    )
    says = t("<b>Catalog</b>\nChoose a category, or type what you are looking for.")
    return View(says, [*rows, *_products(offers.items, t), everything, turn])


def _catalog(offers: Page[Offer], t: Texts) -> Markup:
    if offers.items:
        return t("<b>Catalog</b>\nChoose a product, or type what you are looking for.")
    if offers.number:
        return t("There is nothing more here.")
    return t("Nothing is for sale here at the moment. Come back later.")


def _found(words: str, offers: Page[Offer], t: Texts) -> Markup:
    if not words:
        return _catalog(offers, t)
    if offers.items:
        return t("Results for “{words}”:", words=words)
    return t("Nothing found for “{words}”. Try another word, or look at /catalog.", words=words)


def _products(offers: Sequence[Offer], t: Texts) -> list[list[InlineKeyboardButton]]:
    return [[button(_label(offer, t), Card(variant_id=offer.variant.id))] for offer in offers]


def _label(offer: Offer, t: Texts) -> str:
    label = f"{offer.product.name} — {amount(offer.variant.price, t)}"
    return t.label("{product} · sold out", product=label) if is_sold_out(offer) else label


def _turn(back: CallbackData, ahead: CallbackData | None, t: Texts) -> list[InlineKeyboardButton]:
    row = [button(t.label("Back"), back)]
    return [*row, button(t.label("Next"), ahead)] if ahead is not None else row
