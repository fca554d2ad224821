"""Domain errors as sentences: what is wrong, and what to do next."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from domain import errors as e
from domain.catalog import DESCRIPTION_LENGTH, NAME_LENGTH
from domain.managing import FIELDS
from domain.orders import OrderStatus
from handlers.texts import Texts
from handlers.views import status
from handlers.views.money import amount

# Each takes its own error class.
_Sentence = Callable[[Any, Texts], Markup]


def sentence(error: e.DomainError, t: Texts) -> Markup:
    """What to tell whoever caused it."""
    for kind in type(error).__mro__:
        if kind in _SENTENCES:
            return _SENTENCES[kind](error, t)
    return t("That did not work. Try again, or ask /support.")


def unknown_command(t: Texts) -> Markup:
    return t("I do not know this command. /help lists what I can do.")


def stale_button(t: Texts) -> str:
    return t.label("This button has expired. Open /catalog or /orders again.")


def too_fast(t: Texts) -> Markup:
    return t("That was too fast for me. Wait a few seconds, then try again.")


def went_wrong(t: Texts) -> Markup:
    return t("Something went wrong on our side; it has been noted. Try again in a minute.")


def _out_of_stock(error: e.OutOfStock, t: Texts) -> Markup:
    if not error.left_count:
        return t("Sold out just now. Look at /catalog for something else.")
    return t.plural(
        "Only {n} is left. Choose a smaller quantity.",
        "Only {n} are left. Choose a smaller quantity.",
        error.left_count,
    )


def _too_many_pending(error: e.TooManyPending, t: Texts) -> Markup:
    return t.plural(
        "You have {n} unpaid order, and may have no more. Pay or cancel it first: see /orders.",
        "You have {n} unpaid orders, and may have no more. Pay or cancel one first: see /orders.",
        len(error.numbers),
    )


def _bad_quantity(error: e.BadQuantity, t: Texts) -> Markup:
    return t("Choose a quantity from {least} to {most}.", least=error.least, most=error.most)


def _bad_amount(error: e.BadAmount, t: Texts) -> Markup:
    return t("“{text}” is no price. Write it like 4.99 or 4.99 CNY.", text=error.text[:40])


def _out_of_bounds(error: e.TopUpOutOfBounds, t: Texts) -> Markup:
    return t(
        "Choose a sum from {least} to {most}.",
        least=amount(error.least, t),
        most=amount(error.most, t),
    )


def _order_closed(error: e.OrderClosed, t: Texts) -> Markup:
    return t(
        "Order {number} is {status}: that cannot be done any more. See /orders.",
        number=error.number,
        status=status.word(OrderStatus(error.status), t),
    )


def _order_expired(error: e.OrderExpired, t: Texts) -> Markup:
    return t("Order {number} has expired. Start again with /catalog.", number=error.number)


def _bad_field(error: e.BadField, t: Texts) -> Markup:
    if error.field not in FIELDS:
        return t(
            "There is no field “{field}”. Choose one of: {fields}",
            field=error.field[:40],
            fields=error.rule,
        )
    # A rule that is not here is a range of numbers: the same in every language.
    rule = _RULES[error.field](t) if error.field in _RULES else error.rule
    return t("{field} has to be: {rule}", field=error.field, rule=rule)


def _no_such_kind(error: e.NoSuchKind, t: Texts) -> Markup:
    return t("A product's kind is one of: {kinds}", kinds=", ".join(error.kinds))


def _unreadable(error: e.UnreadableFile, t: Texts) -> Markup:
    return _FAULTS[error.reason](t)


def _slow_down(error: e.SlowDown, t: Texts) -> Markup:
    return t.plural(
        "Too much at once for Telegram. Try again in {n} second.",
        "Too much at once for Telegram. Try again in {n} seconds.",
        max(1, math.ceil(error.retry_after)),
    )


_RULES: Final[Mapping[str, Callable[[Texts], Markup]]] = {
    "name": lambda t: t("1 to {most} characters", most=NAME_LENGTH),
    "description": lambda t: t("up to {most} characters", most=DESCRIPTION_LENGTH),
    "active": lambda t: t("on or off"),
    "photo": lambda t: t("a photo sent to this chat"),
    "prices": lambda t: t("amounts in other currencies, such as 35 CNY, 4.50 EUR"),
}
_FAULTS: Final[Mapping[e.FileFault, Callable[[Texts], Markup]]] = {
    e.FileFault.EMPTY: lambda t: t("The file is empty. Send one with a key on each line."),
    e.FileFault.TOO_BIG: lambda t: t("The file is too big. Send it in several parts."),
    e.FileFault.ZIP_BOMB: lambda t: t(
        "The file would be far too big once unpacked. Save it anew, or send it in parts."
    ),
    e.FileFault.UNKNOWN_TYPE: lambda t: t(
        "I do not know this kind of file. Send a .txt, .csv or .xlsx file."
    ),
    e.FileFault.BROKEN: lambda t: t(
        "The file cannot be read: it is damaged or protected. Save it anew and send it again."
    ),
    e.FileFault.AMBIGUOUS_DELIMITER: lambda t: t(
        "It is not clear what separates the columns. Choose it, or send a file with keys alone."
    ),
    e.FileFault.CHOOSE_COLUMN: lambda t: t(
        "The file has several columns. Choose the one that holds the keys."
    ),
}
_SENTENCES: Final[dict[type[Exception], _Sentence]] = {
    e.OutOfStock: _out_of_stock,
    e.TooManyPending: _too_many_pending,
    e.BadQuantity: _bad_quantity,
    e.BadAmount: _bad_amount,
    e.TopUpOutOfBounds: _out_of_bounds,
    e.OrderClosed: _order_closed,
    e.IllegalTransition: lambda _, t: t("The order has moved on meanwhile. Open it again."),
    e.OrderExpired: _order_expired,
    e.OrderNotFound: lambda _, t: t("There is no such order. See /orders."),
    e.ProductNotFound: lambda _, t: t("There is no such product. See /catalog."),
    e.PriceChanged: lambda _, t: t("The price has changed. Open the product again."),
    e.MethodUnavailable: lambda _, t: t("This way to pay is not available. Choose another one."),
    e.ProviderUnavailable: lambda _, t: t(
        "The payment service does not answer. Try again in a minute, or pay another way."
    ),
    e.ProviderRejected: lambda _, t: t("The payment service refused. Choose another way to pay."),
    e.NotRefundable: lambda _, t: t(
        "There is not so much to give back: it was given back before, or never came."
    ),
    e.BalanceTooLow: lambda _, t: t(
        "The balance does not hold that much any more. See /balance, or pay another way."
    ),
    e.PaymentUnderWay: lambda _, t: t(
        "Your payment is on its way: the order cannot be cancelled any more."
    ),
    e.NotPaidYet: lambda _, t: t(
        "The payment service knows of no payment yet. If you have just paid, wait a minute and "
        "press again; the goods come by themselves as soon as it is there."
    ),
    e.Banned: lambda _, t: t("You cannot buy here. Write to /support if this is a mistake."),
    e.BadSku: lambda _, t: t(
        "A SKU has 1 to 32 letters, digits, “-” and “_”. For example: GAME-1"
    ),
    e.SkuTaken: lambda error, t: t("SKU {sku} exists already. Choose another.", sku=error.sku),
    e.UnknownCurrency: lambda error, t: t(
        "{currency} is no currency. Write a code such as USD or CNY.", currency=error.currency
    ),
    e.BadField: _bad_field,
    e.NoSuchKind: _no_such_kind,
    e.BatchNotFound: lambda _, t: t("There is no such import."),
    e.BatchUndone: lambda _, t: t("This import was undone before."),
    e.UnreadableFile: _unreadable,
    e.BadUserId: lambda error, t: t(
        "“{text}” is no user id. It is a number; @userinfobot and the like tell it.",
        text=error.text[:40],
    ),
    e.NotPermitted: lambda _, t: t(
        "You cannot change your own role, nor that of an owner named in OWNER_IDS."
    ),
    e.TamperedKey: lambda _, t: t(
        "A stored key cannot be opened; the shop's owner has been told. Write to /support."
    ),
    e.SlowDown: _slow_down,
    e.NotSent: lambda _, t: t("Telegram did not take the message. Try again in a minute."),
    e.DatabaseAway: lambda _, t: went_wrong(t),
    e.TransactionAborted: lambda _, t: went_wrong(t),
}
