"""What the shop says of itself: welcome, help, terms, support, languages."""

from markupsafe import Markup

from handlers.commands import commands
from handlers.shop import ShopInfo
from handlers.texts import LANGUAGES, Texts
from handlers.views.buttons import ChooseLanguage, HistoryPage, Home, Languages, ShelfPage
from handlers.views.view import View, button, lines, paragraphs


def welcome(shop: ShopInfo, t: Texts) -> View:
    says = t(
        "Welcome to <b>{shop}</b>!\n\nChoose something, pay here in the chat, and your keys come "
        "to you by themselves right after payment.",
        shop=shop.name,
    )
    keyboard = [
        [
            button(t.label("🛍 Catalog"), ShelfPage(), style="primary"),
            button(t.label("📦 My orders"), HistoryPage()),
        ],
        [button(t.label("🌐 Language"), Languages())],
    ]
    return View(says, keyboard)


def on_their_way(count: int, t: Texts) -> Markup:
    """To a buyer who is back, and whose keys could not be sent meanwhile."""
    return t.plural(
        "Your keys of {n} order could not reach you before; they are on their way again.",
        "Your keys of {n} orders could not reach you before; they are on their way again.",
        count,
    )


def help_page(t: Texts, *, is_admin: bool) -> View:
    listed = (Markup("/{} – {}").format(c.command, c.description) for c in commands(t))
    parts = [
        lines(*listed),
        t("Type a product's name to search for it."),
        t("You run this shop: /admin shows what you can do.") if is_admin else None,
    ]
    return View(paragraphs(parts))


def terms(shop: ShopInfo, t: Texts) -> View:
    """Folded, as terms are read: `blockquote expandable`."""
    clauses = paragraphs(
        [
            t(
                "1. Goods. {shop} sells digital goods: keys and codes. They are delivered to this "
                "chat after payment, as a rule within a minute.",
                shop=shop.name,
            ),
            t(
                "2. Orders. Placing an order holds its goods for you until the time that the "
                "order shows. An order that is not paid by then expires, and costs nothing."
            ),
            t(
                "3. Payment. You pay by the service that you choose, under that service's own "
                "terms. Money that arrives late, twice or in a wrong amount is not lost: we "
                "deliver, or give it back."
            ),
            t(
                "4. Returns. A key that was shown to you cannot be returned, since it can be used "
                "at once; by paying you agree to that. A key that does not work is replaced or "
                "refunded. Your rights under the law stay as they are."
            ),
            t(
                "5. Data. We keep your Telegram id, your name and your orders, in order to "
                "deliver and to help you; nobody else gets them."
            ),
            t("6. Questions, complaints and refunds: {contact}", contact=_contact(shop, t)),
        ]
    )
    folded = Markup("<blockquote expandable>{}</blockquote>").format(clauses)
    return View(lines(t("<b>Terms of {shop}</b>", shop=shop.name), folded))


def support(shop: ShopInfo, person_id: int, t: Texts) -> View:
    """With the person's id, which is how the shop finds who is asking."""
    says = t(
        "Write to {contact}. If it is about an order, include its number: /orders shows it. Never "
        "send a key to anybody but the shop.",
        contact=_contact(shop, t),
    )
    yours = t("Your Telegram id, should you be asked for it: {id}", id=person_id)
    return View(paragraphs([says, yours]))


def paysupport(shop: ShopInfo, t: Texts) -> View:
    """Telegram requires the command of every bot that takes payments."""
    says = t(
        "Help with a payment or a refund: write to {contact}, and include\n• the order's number "
        "(/orders shows it),\n• how, when and how much you paid,\n• for Telegram Stars, the "
        "transaction's number from your Stars balance.\n\nThe shop answers for what it sells; "
        "Telegram's support cannot help with it.",
        contact=_contact(shop, t),
    )
    return View(says)


def languages(t: Texts) -> View:
    rows = [
        [button(f"• {name} •" if code == t.code else name, ChooseLanguage(code=code))]
        for code, name in LANGUAGES.items()
    ]
    return View(t("Choose your language:"), [*rows, [button(t.label("Back"), Home())]])


def left_dialog(t: Texts) -> View:
    return View(t("All right, never mind. Go on with /catalog or /orders."))


def nothing_to_leave(t: Texts) -> View:
    return View(
        t("Nothing was being asked. To cancel an order, open it in /orders and press Cancel.")
    )


def _contact(shop: ShopInfo, t: Texts) -> str | Markup:
    return shop.support_contact or t("whoever sent you to this shop (it names no contact yet)")
