"""Exports: what, and how the file comes."""

from markupsafe import Markup

from domain.customers import Customer, Permission
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views.view import View, button, lines

NEEDED = {"keys": Permission.STOCK, "orders": Permission.ORDERS}


def choose(viewer: Customer, t: Texts) -> View:
    labels = {"keys": t.label("Export keys"), "orders": t.label("Export orders")}
    return View(
        lines(
            t("Export what? A part of it in one line:"),
            t("/export keys [SKU]") if viewer.may(NEEDED["keys"]) else None,
            t("/export orders [SKU] [FROM] [TO], with days such as 2026-01-31")
            if viewer.may(NEEDED["orders"])
            else None,
        ),
        [
            [button(label, data.Export(what=what))]
            for what, label in labels.items()
            if viewer.may(NEEDED[what])
        ],
    )


def bad_day(word: str, t: Texts) -> View:
    return View(t("“{word}” is no day. Write days like 2026-01-31.", word=word[:32]))


def no_days(t: Texts) -> View:
    return View(t("Keys are exported whole, or by SKU: days are for orders."))


def writing(t: Texts) -> View:
    return View(t("Writing the file …"))


def caption(count: int, t: Texts) -> Markup:
    return t.plural("{n} row", "{n} rows", count)


def too_big(what: str, t: Texts) -> View:
    return View(
        t(
            "The file is over 50 MB, which Telegram does not take. Name a SKU or days, or run on "
            "the server: keystall export {what} FILE",
            what=what,
        )
    )


def failed(t: Texts) -> View:
    return View(t("The export failed on our side; it has been noted. Try again in a minute."))
