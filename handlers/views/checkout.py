"""What an order would be, and how it can be paid."""

from markupsafe import Markup

from domain.browsing import Preview
from handlers.texts import Texts
from handlers.views import methods
from handlers.views.buttons import Place, Quantity
from handlers.views.methods import Ways
from handlers.views.money import amount
from handlers.views.order import no_method
from handlers.views.view import View, button, lines, paragraphs


def preview(preview: Preview, nonce: str, ways: Ways, t: Texts) -> View:
    """`nonce` makes every press on this message one and the same order."""
    line, bill, data = preview.line, preview.bill, _place(preview, nonce)
    rows = methods.buttons(ways, preview.quotes, data, t)
    rows += methods.from_balance(ways, preview.balance, bill, data, t)
    told = lines(
        t("<b>Your order</b>"),
        Markup("{} × {}").format(line.title, line.quantity),
        t("Price: <b>{price}</b>", price=amount(line.unit_price, t))
        if line.quantity > 1
        else None,
        t("Total: <b>{total}</b>", total=amount(bill.total, t)),
    )
    says = _choose(t) if rows else no_method(t)
    back = Quantity(variant_id=line.variant_id, count=line.quantity)
    return View(paragraphs([told, says]), [*rows, [button(t.label("Back"), back)]])


def new_price(t: Texts) -> str:
    return t.label(
        "The price has changed: this is the new one. Look at it, then choose how to pay."
    )


def _choose(t: Texts) -> Markup:
    return t(
        "Choose how to pay. The keys are then held for you; after payment they come to this chat "
        "by themselves. By paying you accept the /terms."
    )


def _place(preview: Preview, nonce: str) -> methods.Data:
    total = preview.bill.total

    def data(code: str) -> Place:
        return Place(
            variant_id=preview.line.variant_id,
            count=preview.line.quantity,
            provider=code,
            shown=total.amount,
            currency=total.currency,
            nonce=nonce,
        )

    return data
