"""Products as admins see them: choosing one, its card, the questions of the dialogs."""

from typing import Final

from markupsafe import Markup

from domain.catalog import Page, Product, Variant
from domain.kinds import KINDS
from domain.managing import FIELDS, price_list
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views import money
from handlers.views.admin_words import or_cancel, pager
from handlers.views.length import clip
from handlers.views.view import Keyboard, View, button, lines

_SHOWN: Final = 300  # units of a description


def choose(page: Page[str], purpose: data.Purpose, t: Texts) -> View:
    """A button for each SKU."""
    if not page.items and not page.number:
        return View(t("There are no products yet. Begin with /newproduct."))
    made = {
        data.Purpose.EDIT: data.Edit,
        data.Purpose.VARIANT: data.VariantOf,
        data.Purpose.IMPORT: data.ImportInto,
        data.Purpose.WITHDRAW: data.WithdrawFrom,
    }[purpose]
    buttons = [button(sku, made(sku=sku)) for sku in page.items]
    rows = [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
    rows.append(pager(page, lambda number: data.Skus(purpose=purpose, page=number), t))
    question = {
        data.Purpose.EDIT: t("Which product do you want to change?"),
        data.Purpose.VARIANT: t("Which product gets one more variant?"),
        data.Purpose.IMPORT: t("Which product are the keys for?"),
        data.Purpose.WITHDRAW: t("Which product are the keys of?"),
    }[purpose]
    return View(question, rows)


def card(product: Product, variant: Variant, t: Texts, news: Markup | None = None) -> View:
    """Everything that can be set; a button for each field."""
    text = lines(
        news,
        t("<b>{sku}</b>: {title}", sku=variant.sku, title=_title(product, variant)),
        t("Price: {price}", price=money.amount(variant.price, t)),
        t("Price in Stars: {stars}", stars=variant.stars or "-"),
        t("Other prices: {prices}", prices=price_list(variant) or "-"),
        t("Category: {name}", name=product.category.name if product.category else "-"),
        t("Per order: {least} to {most}", least=product.least, most=product.most),
        t("Kind: {kind}", kind=product.kind),
        t("Low stock: {count}", count=_threshold(product, t)),
        t("Photo: {answer}", answer=t.label("yes") if product.photo else t.label("no")),
        t("For sale: {answer}", answer=t.label("yes") if product.active else t.label("no")),
        t("Description: {text}", text=clip(product.description, _SHOWN) or "-"),
    )
    fields = [button(name, data.Field(sku=variant.sku, field=name)) for name in FIELDS]
    return View(
        text,
        [
            *(fields[i : i + 3] for i in range(0, len(fields), 3)),
            [
                button(t.label("Import keys"), data.ImportInto(sku=variant.sku)),
                button(t.label("New variant"), data.VariantOf(sku=variant.sku)),
            ],
            [button(t.label("‹ Menu"), data.Menu())],
        ],
    )


def added(product: Product, variant: Variant, t: Texts, *, can_be_paid: bool) -> View:
    """A product or variant is there: what is to be done next."""
    sku, title = variant.sku, _title(product, variant)
    price = money.amount(variant.price, t)
    unpayable = t(
        "It cannot be paid yet: no payment method that is on takes {currency}, and it has no "
        "price in Stars. Set one with /setproduct {sku} stars 250, or turn on a payment method.",
        currency=variant.price.currency,
        sku=sku,
    )
    return View(
        lines(
            t("Added: <b>{title}</b> ({sku}), {price}.", title=title, sku=sku, price=price),
            t("Next: give it keys. Send a file with the caption /import {sku}.", sku=sku),
            None if can_be_paid else unpayable,
        ),
        [
            [button(t.label("Import keys"), data.ImportInto(sku=sku), style="primary")],
            [
                button(t.label("Price in Stars"), data.Field(sku=sku, field="stars")),
                button(t.label("Edit product"), data.Edit(sku=sku)),
            ],
        ],
    )


def ask_sku(t: Texts) -> View:
    return View(or_cancel(t("Which SKU shall it have? Letters, digits, “-” and “_”."), t))


def ask_price(currency: str, t: Texts) -> View:
    question = t(
        "What does it cost? For example 4.99, which is in {currency}, or 4.99 CNY.",
        currency=currency,
    )
    return View(or_cancel(question, t))


def ask_name(t: Texts) -> View:
    return View(or_cancel(t("What is it called? Up to 64 characters."), t))


def ask_value(sku: str, field: str, t: Texts) -> View:
    """What a field shall be: typed, sent, or chosen where there is a choice."""
    hint = {
        "name": t("Send the new name, up to 64 characters."),
        "price": t("Send the new price, such as 4.99 or 4.99 CNY."),
        "stars": t("Send the price in Telegram Stars, such as 250; “-” for none."),
        "prices": t(
            "Send its prices in other currencies, such as 35 CNY, 4.50 EUR; “-” for none."
        ),
        "description": t("Send the new description, up to 700 characters; “-” for none."),
        "category": t("Send the category's name; “-” for none."),
        "photo": t("Send the photo; “-” for none."),
        "min": t("Send the fewest pieces in one order."),
        "max": t("Send the most pieces in one order."),
        "low_stock": t("Send from how many keys left on you want to be told; “-” for default."),
    }.get(field, t("Choose the new value."))
    question = t("<b>{sku}</b>, {field}", sku=sku, field=field)
    return View(or_cancel(lines(question, hint), t), _choices(sku, field, t))


def no_photo(t: Texts) -> View:
    return View(t("That is no photo. Send it as a photo, not as a file; “-” removes the old one."))


def _choices(sku: str, field: str, t: Texts) -> Keyboard:
    labels = {
        "active": {"on": t.label("For sale"), "off": t.label("Not for sale")},
        "kind": {kind: kind for kind in KINDS},
    }.get(field, {})
    return [
        [button(label, data.SetTo(sku=sku, field=field, value=value))]
        for value, label in labels.items()
    ]


def _title(product: Product, variant: Variant) -> str:
    return f"{product.name} · {variant.name}" if variant.name else product.name


def _threshold(product: Product, t: Texts) -> str:
    return str(product.low_stock) if product.low_stock is not None else t.label("default")
