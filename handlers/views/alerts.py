"""What the shop tells its admins of its own accord."""

from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from domain.customers import Customer, Permission
from domain.delivery import Alert
from domain.errors import (
    BlockedByBuyer,
    ChatNotFound,
    Refused,
    TelegramAway,
)
from domain.messages import Facts, Topic
from domain.orders import Order, OrderException
from domain.stock import StockLevel
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views import admin_settling as settling
from handlers.views import admin_words as words
from handlers.views import money, money_alerts
from handlers.views.admin_import import undo
from handlers.views.view import Keyboard, View, button, lines


def alert(message: Alert, t: Texts) -> View:
    note, order, reader = message.note, message.order, message.reader
    if note.topic in _OF_ORDERS and order is not None:
        return _OF_ORDERS[note.topic](order, note.facts, reader, t)
    if note.topic in _OF_NOBODY:
        return _OF_NOBODY[note.topic](note.facts, reader, t)
    return View(t("Something needs an admin. Look at /sales review."))


def _review(order: Order, facts: Facts, reader: Customer, t: Texts) -> View:
    why = OrderException(str(facts["why"]))
    text = lines(
        t(
            "⚠ <b>Order {number}</b>: {why}",
            number=order.number,
            why=words.oddity(why, t),
        ),
        _explained(why, order, facts, t),
        t("Buyer: {buyer}", buyer=order.buyer_id),
        t("Total: {total}", total=money.amount(order.total, t)),
        _received(facts, t),
        t("Status: {status}", status=words.status(order.status, t)),
    )
    if not reader.may(Permission.ORDERS):
        return View(text)
    rows = settling.decisions(order, why, reader, t)
    return View(text, [*rows, [button(t.label("Open"), data.OpenFile(number=order.number))]])


def _explained(why: OrderException, order: Order, facts: Facts, t: Texts) -> Markup:
    match why:
        case OrderException.LATE if order.is_paid:
            return t("The money came after the order was closed. There was stock: delivered.")
        case OrderException.LATE | OrderException.SHORT:
            return t(
                "The money is here, but there are not enough keys. Import some and deliver, or "
                "refund."
            )
        case OrderException.UNDER:
            return t("Less money came than was asked for. Nothing was delivered.")
        case OrderException.OVER:
            return t(
                "More money came than was asked for. The goods are delivered, and the shop owes "
                "the buyer the rest."
            )
        case OrderException.TWICE:
            return t("Money came for an order that takes no more. It is held: give it back.")
        case OrderException.MISMATCH:
            return t(
                "The payment is in another currency, or for another account or mode, than was "
                "asked for. It is held."
            )
        case OrderException.UNDELIVERABLE:
            return t(
                "The goods do not reach the buyer: {error}",
                error=_failure(str(facts.get("error", "")), t),
            )


def _received(facts: Facts, t: Texts) -> Markup | None:
    if "amount" not in facts:
        return None
    return t(
        "Received: {amount} by {provider}",
        amount=facts["amount"],
        provider=facts.get("provider", "?"),
    )


def _failure(error: str, t: Texts) -> str:
    """The delivery's error, which is noted by the name of its class."""
    return {
        BlockedByBuyer.__name__: t.label(
            "the bot is blocked. The keys come by themselves when the buyer is back."
        ),
        ChatNotFound.__name__: t.label("Telegram knows no such chat."),
        TelegramAway.__name__: t.label("Telegram did not answer, time and again."),
        Refused.__name__: t.label("Telegram refuses the message."),
    }.get(error, t.label("it was tried too often ({error}).", error=error or "?"))


def _unknown_payment(facts: Facts, t: Texts) -> View:
    return View(
        lines(
            t("⚠ <b>A payment for no known order</b>"),
            t(
                "Received: {amount} by {provider}",
                amount=facts.get("amount", "?"),
                provider=facts.get("provider", "?"),
            ),
            t("It names order {number}", number=facts.get("number", "?")),
            t("Transaction: {transaction}", transaction=facts.get("transaction", "?")),
            t(
                "The money is held. If you know the order it is for: /confirm NUMBER TRANSACTION "
                "REASON. Else give it back at the payment service."
            ),
        )
    )


def _stock(facts: Facts, reader: Customer, t: Texts) -> View:
    sku, title = str(facts["sku"]), facts.get("title", "")
    if facts["level"] == StockLevel.OUT:
        text = t("<b>Sold out</b>: {title} ({sku})", title=title, sku=sku)
    else:
        text = t(
            "<b>Low stock</b>: {title} ({sku}), left: {left}",
            title=title,
            sku=sku,
            left=facts["left"],
        )
    return View(text, _import_button(sku, reader, t))


def _import_button(sku: str, reader: Customer, t: Texts) -> Keyboard:
    if not reader.may(Permission.STOCK):
        return ()
    return [[button(t.label("Import keys"), data.ImportInto(sku=sku))]]


def _cut_off(facts: Facts, t: Texts) -> View:
    sku = str(facts["sku"])
    return View(
        lines(
            t("⚠ <b>The import of {name} into {sku} was cut off</b>", name=facts["file"], sku=sku),
            t(
                "The shop was stopped meanwhile. Send the file again: keys that are in already "
                "count as duplicates. Or take back what was imported:"
            ),
        ),
        [[undo(int(facts["batch"]), t), button(t.label("Import keys"), data.ImportInto(sku=sku))]],
    )


_OF_ORDERS: Final[Mapping[Topic, Callable[[Order, Facts, Customer, Texts], View]]] = {
    Topic.REVIEW: _review,
    Topic.SETTLED: money_alerts.settled,
    Topic.RETURNED: money_alerts.returned,
}
_OF_NOBODY: Final[Mapping[Topic, Callable[[Facts, Customer, Texts], View]]] = {
    Topic.PAYMENT: lambda facts, _, t: _unknown_payment(facts, t),
    Topic.RETURNED: lambda facts, _, t: money_alerts.returned_of_nobody(facts, t),
    Topic.STOCK: _stock,
    Topic.IMPORT: lambda facts, _, t: _cut_off(facts, t),
    Topic.PROVIDER: lambda facts, _, t: money_alerts.provider(facts, t),
    Topic.REPORT: lambda facts, _, t: money_alerts.report(facts, t),
}
