"""The admins' menu: what their role lets them do."""

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.customers import Customer, Permission
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views.view import View, button, lines


def menu(admin: Customer, t: Texts) -> View:
    text = [t("<b>Admin</b>"), *(line for p, line in _commands(t) if admin.may(p))]
    rows = [row for permission, row in _rows(t) if admin.may(permission)]
    return View(lines(*text), rows)


def _commands(t: Texts) -> list[tuple[Permission, Markup]]:
    return [
        (Permission.CATALOG, t("/newproduct SKU PRICE NAME: a new product")),
        (Permission.CATALOG, t("/newvariant OF_SKU SKU PRICE NAME: one more variant of it")),
        (Permission.CATALOG, t("/setproduct SKU FIELD VALUE: change a product")),
        (Permission.STOCK, t("/stock: what is in stock")),
        (Permission.STOCK, t("/import SKU: keys from a file or from the lines below")),
        (Permission.STOCK, t("/withdraw SKU: take the keys on the lines below off sale")),
        (Permission.ORDERS, t("/sales [STATUS]: orders; /sales review: those that need you")),
        (Permission.ORDERS, t("/order NUMBER: one order; /resend NUMBER: its goods again")),
        (Permission.MONEY, t("/confirm NUMBER TXN REASON: a payment seen elsewhere")),
        (
            Permission.MONEY,
            t("/refund NUMBER [2.50 USD] [REASON]: give the money back, all of it or a part"),
        ),
        (Permission.MONEY, t("/ban ID, /unban ID: who may not buy")),
        (Permission.STOCK, t("/export keys [SKU]: all keys as a file")),
        (Permission.ORDERS, t("/export orders [SKU] [FROM] [TO]: orders as a file")),
        (Permission.ADMINS, t("/admins: who may do what; /audit: who did what")),
    ]


def _rows(t: Texts) -> list[tuple[Permission, list[InlineKeyboardButton]]]:
    skus, purpose = data.Skus, data.Purpose
    return [
        (
            Permission.CATALOG,
            [
                button(t.label("New product"), data.NewProduct()),
                button(t.label("New variant"), skus(purpose=purpose.VARIANT)),
            ],
        ),
        (Permission.CATALOG, [button(t.label("Edit product"), skus(purpose=purpose.EDIT))]),
        (
            Permission.STOCK,
            [
                button(t.label("Stock"), data.Stock()),
                button(t.label("Import keys"), skus(purpose=purpose.IMPORT)),
                button(t.label("Withdraw keys"), skus(purpose=purpose.WITHDRAW)),
            ],
        ),
        (
            Permission.ORDERS,
            [
                button(t.label("Sales"), data.Sales()),
                button(t.label("Needs a person"), data.Sales(which="review")),
            ],
        ),
        (Permission.STOCK, [button(t.label("Export keys"), data.Export(what="keys"))]),
        (Permission.ORDERS, [button(t.label("Export orders"), data.Export(what="orders"))]),
        (
            Permission.ADMINS,
            [
                button(t.label("Admins"), data.Admins()),
                button(t.label("Audit log"), data.Audit()),
            ],
        ),
    ]
