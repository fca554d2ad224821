"""A buyer's own orders."""

from domain.catalog import Page
from domain.orders import Order
from handlers.texts import Texts
from handlers.views import status
from handlers.views.buttons import MAX_PAGE, HistoryPage, Home, OpenOrder
from handlers.views.money import amount
from handlers.views.view import View, button


def history(orders: Page[Order], t: Texts) -> View:
    """Newest first, a button each."""
    rows = [[button(_label(order, t), OpenOrder(number=order.number))] for order in orders.items]
    page = orders.number
    turn = [button(t.label("Back"), HistoryPage(page=page - 1) if page else Home())]
    if orders.more:
        turn.append(button(t.label("Next"), HistoryPage(page=min(page + 1, MAX_PAGE))))
    if orders.items:
        says = t("<b>My orders</b>\nOpen one to see where it stands, or its keys.")
    elif page:
        says = t("There is nothing more here.")
    else:
        says = t("You have not ordered anything yet. Look at the /catalog.")
    return View(says, [*rows, turn])


def _label(order: Order, t: Texts) -> str:
    """`✅ 7K3MQ2… — $9.98 — delivered`"""
    said = (order.number, amount(order.total, t), status.word(order.status, t))
    return f"{status.sign(order.status)} {' — '.join(said)}"
