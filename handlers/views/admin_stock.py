"""What is in stock, and what was taken off sale."""

from markupsafe import Markup

from domain.catalog import Page
from domain.stock import StockCount
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views.admin_words import or_cancel, pager
from handlers.views.view import View, button, paragraphs


def stock(page: Page[StockCount], t: Texts) -> View:
    if not page.items:
        return View(t("There are no products yet. Begin with /newproduct."))
    rows = [[button(t.label("Import keys"), data.Skus(purpose=data.Purpose.IMPORT))]]
    rows.append(pager(page, lambda number: data.Stock(page=number), t))
    rows.append([button(t.label("‹ Menu"), data.Menu())])
    return View(paragraphs(_count(count, t) for count in page.items), rows)


def one(count: StockCount, t: Texts) -> View:
    """A single SKU."""
    sku = count.sku
    return View(
        _count(count, t),
        [
            [
                button(t.label("Import keys"), data.ImportInto(sku=sku)),
                button(t.label("Withdraw keys"), data.WithdrawFrom(sku=sku)),
            ],
            [
                button(t.label("Edit product"), data.Edit(sku=sku)),
                button(t.label("All stock"), data.Stock()),
            ],
        ],
    )


def ask_keys(sku: str, t: Texts) -> View:
    """For a withdrawal."""
    return View(or_cancel(t("Send the keys of {sku} to withdraw, one a line.", sku=sku), t))


def withdrawn(sku: str, count: int, given: int, t: Texts) -> View:
    rest = t(
        "The others are sold, reserved, withdrawn already, or were never keys of {sku}.", sku=sku
    )
    text = t("Withdrawn from {sku}: {count} of {given}.", sku=sku, count=count, given=given)
    return View(text if count == given else Markup("\n").join([text, rest]))


def no_keys(t: Texts) -> View:
    return View(t("There are no keys in this message. Write them one a line."))


def _count(count: StockCount, t: Texts) -> Markup:
    return t(
        "<b>{sku}</b>: {title}\n"
        "available: {available} · reserved: {reserved} · sold: {sold} · withdrawn: {withdrawn}",
        sku=count.sku,
        title=count.title,
        available=count.available,
        reserved=count.reserved,
        sold=count.sold,
        withdrawn=count.withdrawn,
    )
