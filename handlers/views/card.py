"""A product's card."""

from collections.abc import Sequence

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.catalog import MAX_QUANTITY, Offer, Product
from domain.money import STARS, Money
from handlers.texts import Texts
from handlers.views.buttons import AskQuantity, Buy, Card, Quantity, ShelfPage
from handlers.views.length import CAPTION, clip, units
from handlers.views.money import amount
from handlers.views.view import Keyboard, View, button, lines, paragraphs


def card(offers: Sequence[Offer], count: int, t: Texts) -> View:
    """The first offer with its product; the others are its variants to change to."""
    chosen = offers[0]
    facts = _facts(chosen, count, t)
    # A photo's caption holds less than a text, and everything else is short.
    room = CAPTION - units(facts.striptags()) - units(chosen.title) - 40
    described = chosen.product.description if room > 0 else ""
    parts = [
        Markup("<b>{}</b>").format(chosen.title),
        Markup("{}").format(clip(described, room)) if described else None,
        facts,
    ]
    return View(paragraphs(parts), _keyboard(offers, count, t), chosen.product.photo)


def opening_count(offer: Offer) -> int:
    """The quantity that a card opens with."""
    return offer.product.least


def is_sold_out(offer: Offer) -> bool:
    """Whether there is too little for even the smallest order."""
    return offer.left_count < offer.product.least


def ask_quantity(offer: Offer, t: Texts) -> Markup:
    return t(
        "How many of {title}? Send a number from {least} to {most}, or /cancel.",
        title=offer.title,
        least=offer.product.least,
        most=most(offer),
    )


def most(offer: Offer) -> int:
    """The most that can be bought at once now."""
    return max(offer.product.least, min(offer.product.most, offer.left_count))


def no_number(offer: Offer, t: Texts) -> Markup:
    return t(
        "That is no number. Send one from {least} to {most}, or /cancel.",
        least=offer.product.least,
        most=most(offer),
    )


def _facts(offer: Offer, count: int, t: Texts) -> Markup:
    price, stars = offer.variant.price, offer.variant.listed_price(STARS)
    listed = sorted(offer.variant.prices.items())
    others = [amount(Money(n, currency), t) for currency, n in listed if currency != STARS]
    return lines(
        t("Price: <b>{price}</b>", price=amount(price, t)),
        t("{stars} with Telegram Stars", stars=amount(stars, t)) if stars is not None else None,
        t("Also: {prices}", prices=", ".join(others)) if others else None,
        _left(offer, t),
        _bounds(offer.product, t),
        t("{count} together: <b>{total}</b>", count=count, total=amount(price * count, t))
        if count > 1 and not is_sold_out(offer)
        else None,
    )


def _left(offer: Offer, t: Texts) -> Markup:
    if is_sold_out(offer):
        return t("<b>Sold out.</b> Look again later, or choose something else.")
    if offer.left_count >= MAX_QUANTITY:
        return t("In stock: more than {count}", count=MAX_QUANTITY - 1)
    return t("In stock: {count}", count=offer.left_count)


def _bounds(product: Product, t: Texts) -> Markup | None:
    """Only where an order has to be of several."""
    if product.least == 1:
        return None
    return t("At least {least} an order", least=product.least)


def _keyboard(offers: Sequence[Offer], count: int, t: Texts) -> Keyboard:
    chosen = offers[0]
    rows = _variants(offers, t) if len(offers) > 1 else []
    if not is_sold_out(chosen):
        rows += [_quantity(chosen, count), _buy(chosen, count, t)]
    category = chosen.product.category
    back = ShelfPage(category_id=category.id if category else None)
    return [*rows, [button(t.label("Back"), back)]]


def _variants(offers: Sequence[Offer], t: Texts) -> list[list[InlineKeyboardButton]]:
    """In an order that does not change with the one chosen."""
    chosen = offers[0].variant.id
    return [
        [button(_variant(offer, offer.variant.id == chosen, t), Card(variant_id=offer.variant.id))]
        for offer in sorted(offers, key=lambda offer: offer.variant.id)
    ]


def _variant(offer: Offer, chosen: bool, t: Texts) -> str:  # noqa: FBT001 - how it looks
    label = f"{offer.variant.name or offer.product.name} — {amount(offer.variant.price, t)}"
    if is_sold_out(offer):
        label = t.label("{product} · sold out", product=label)
    return f"• {label} •" if chosen else label


def _quantity(offer: Offer, count: int) -> list[InlineKeyboardButton]:
    """One step beyond the bounds is refused with a sentence, which says more than no button."""
    variant_id = offer.variant.id
    return [
        button("−", Quantity(variant_id=variant_id, count=count - 1)),
        button(str(count), AskQuantity(variant_id=variant_id)),
        button("+", Quantity(variant_id=variant_id, count=count + 1)),
    ]


def _buy(offer: Offer, count: int, t: Texts) -> list[InlineKeyboardButton]:
    data = Buy(variant_id=offer.variant.id, count=count)
    return [button(t.label("Buy"), data, style="success")]
