"""What the shop tells its admins about money: settled by rule, gone back, compared, providers."""

from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from domain.alarms import Trouble
from domain.customers import Customer, Permission
from domain.messages import Facts
from domain.orders import Order, OrderException
from domain.payments import RefundOrigin
from domain.reconciling import Finding
from domain.remedies import Remedy
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views import admin_settling as settling
from handlers.views import admin_words as words
from handlers.views import money
from handlers.views.length import clip
from handlers.views.view import Keyboard, View, button, lines


def settled(order: Order, facts: Facts, reader: Customer, t: Texts) -> View:
    """A payment that did not fit, and what its rule has done."""
    text = lines(
        t(
            "ℹ <b>Order {number}</b>: {why}",
            number=order.number,
            why=words.oddity(OrderException(str(facts["why"])), t),
        ),
        t(
            "{amount} by {provider}.",
            amount=money.read(str(facts["amount"]), t),
            provider=facts["provider"],
        ),
        _REMEDIES[Remedy(str(facts["remedy"]))](t),
    )
    waits = facts["remedy"] == Remedy.WAIT
    rows = settling.decisions(order, OrderException.SHORT, reader, t) if waits else []
    return View(text, [*rows, *_open(order, reader, t)])


_REMEDIES: Final[Mapping[Remedy, Callable[[Texts], Markup]]] = {
    Remedy.DELIVER: lambda t: t("By rule: there was stock, so it was delivered."),
    Remedy.WAIT: lambda t: t(
        "By rule: the buyer waits for goods, first come, first served. The next import fills it."
    ),
    Remedy.CREDIT: lambda t: t("By rule: credited to the buyer's balance."),
    Remedy.REFUND: lambda t: t("By rule: it goes back to the buyer."),
}


def returned(order: Order, facts: Facts, reader: Customer, t: Texts) -> View:
    """Money left without the shop's doing."""
    if "refused" in facts:
        return _refused(order, facts, reader, t)
    disputed = facts["origin"] == RefundOrigin.DISPUTE
    sum_ = money.read(str(facts["amount"]), t)
    text = lines(
        t("⚠ <b>Chargeback of {amount}</b>", amount=sum_)
        if disputed
        else t("ℹ <b>{amount} was given back at the payment service</b>", amount=sum_),
        t("Order {number}, by {provider}.", number=order.number, provider=facts["provider"]),
        t("It is booked; its keys are marked as refunded."),
        t("The buyer was banned, as the settings ask.") if facts.get("banned") else None,
    )
    rows = [*_open(order, reader, t)]
    if disputed and not facts.get("banned") and reader.may(Permission.MONEY):
        ban = data.Ban(user_id=order.buyer_id)
        rows.append([button(t.label("Ban the buyer"), ban, style="danger")])
    return View(text, rows)


def returned_of_nobody(facts: Facts, t: Texts) -> View:
    """Of a payment that belonged to no order."""
    return View(
        t(
            "ℹ {amount} of a payment for no known order were given back by {provider}. It is "
            "booked.",
            amount=money.read(str(facts["amount"]), t),
            provider=facts["provider"],
        )
    )


def _refused(order: Order, facts: Facts, reader: Customer, t: Texts) -> View:
    text = lines(
        t(
            "⚠ <b>Order {number}: the refund of {amount} was refused</b>",
            number=order.number,
            amount=money.read(str(facts["amount"]), t),
        ),
        t(
            "{provider} says: {code}. The money is still yours: refund it to the buyer's balance, "
            "or at the payment service.",
            provider=facts["provider"],
            code=facts["refused"],
        ),
    )
    return View(text, _open(order, reader, t))


def provider(facts: Facts, t: Texts) -> View:
    name, trouble = facts["provider"], Trouble(str(facts["trouble"]))
    if facts.get("over"):
        return View(t("✅ <b>{provider}</b> answers again.", provider=name))
    if trouble is Trouble.SILENT:
        return View(
            t(
                "⚠ <b>{provider} does not answer</b>\nPayments by it are taken as soon as it "
                "does. If it lasts, look at its status page, and at keystall doctor.",
                provider=name,
            )
        )
    return View(
        t(
            "⚠ <b>Signatures of {provider} fail</b>\nEither somebody tries forged payments, all "
            "of which were refused, or its key in the settings is no longer the right one.",
            provider=name,
        )
    )


def report(facts: Facts, t: Texts) -> View:
    """The day's comparison with the providers' books."""
    odd = [one for one in Finding if facts[one.value]]
    head = t(
        "🧾 <b>Payments compared</b>: {count}, since {since}",
        count=facts["compared"],
        since=str(facts["since"])[:16].replace("T", " "),
    )
    if not odd:
        return View(lines(head, t("Everything agrees.")))
    found = [
        lines(
            _FINDINGS[one](int(facts[one.value]), t),
            *(Markup("· {}").format(clip(line, _LINE)) for line in _named(facts, one)),
        )
        for one in odd
    ]
    return View(lines(head, *found))


def _named(facts: Facts, finding: Finding) -> list[str]:
    return str(facts[f"{finding}_are"]).splitlines()[:_NAMED]


# So much of each finding fits into a message; the command line tells all.
_NAMED, _LINE = 6, 100
_FINDINGS: Final[Mapping[Finding, Callable[[int, Texts], Markup]]] = {
    Finding.FOUND: lambda n, t: t.plural(
        "{n} payment was there and not here; it is settled now:",
        "{n} payments were there and not here; they are settled now:",
        n,
    ),
    Finding.MISSING: lambda n, t: t.plural(
        "{n} payment is here and not there; look at it:",
        "{n} payments are here and not there; look at them:",
        n,
    ),
    Finding.UNKNOWN: lambda n, t: t.plural(
        "{n} payment is for no known order; it is held:",
        "{n} payments are for no known order; they are held:",
        n,
    ),
    Finding.DIFFERENT: lambda n, t: t.plural(
        "{n} payment has another amount there:", "{n} payments have other amounts there:", n
    ),
    Finding.RETURNED: lambda n, t: t.plural(
        "{n} payment went back there; it is booked now:",
        "{n} payments went back there; they are booked now:",
        n,
    ),
    Finding.UNANSWERED: lambda n, t: t.plural(
        "{n} payment service could not be asked:", "{n} payment services could not be asked:", n
    ),
}


def _open(order: Order, reader: Customer, t: Texts) -> Keyboard:
    if not reader.may(Permission.ORDERS):
        return ()
    return [[button(t.label("Open"), data.OpenFile(number=order.number))]]
