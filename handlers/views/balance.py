"""The buyer's balance, and what comes to it or goes back by itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from domain.messages import Facts
from domain.money import Money
from domain.orders import OrderException
from domain.remedies import Remedy
from domain.rules import Rules
from handlers.texts import Texts
from handlers.views.buttons import TopUp
from handlers.views.money import amount, read
from handlers.views.view import View, button, lines

_OFFERED: Final = (10, 50, 100)  # units of the shop's currency


def balance(owed: Sequence[Money], rules: Rules, t: Texts) -> View:
    """What is on it, and buttons for round sums."""
    held = [Markup("<b>{}</b>").format(amount(money, t)) for money in owed]
    says = lines(
        t("💰 Your balance: {held}", held=Markup(", ").join(held) if held else t("empty")),
        t("It pays whole orders, or a part of one. To put money on it, choose how much:"),
    )
    least, most = rules.top_up_bounds
    offered = [Money.parse(str(n), rules.rates.base) for n in _OFFERED]
    rows = [
        [button(amount(m, t), TopUp(amount=m.amount)) for m in offered if least <= m <= most],
        [button(t.label("Another amount"), TopUp())],
    ]
    return View(says, [row for row in rows if row])


def ask_amount(rules: Rules, t: Texts) -> View:
    least, most = rules.top_up_bounds
    return View(
        t(
            "How much? Send a sum from {least} to {most}, or /cancel.",
            least=amount(least, t),
            most=amount(most, t),
        )
    )


def notice(number: str, facts: Facts, t: Texts) -> View:
    """What became of the buyer's money, and why."""
    sum_ = read(str(facts["amount"]), t)
    if "remedy" not in facts:
        return View(t("💰 {sum} has been put on your balance. See /balance.", sum=sum_))
    why, remedy = OrderException(str(facts["why"])), Remedy(str(facts["remedy"]))
    return View(lines(_REASONS[why](sum_, number, t), _REMEDIES[remedy](t)))


_REASONS: Final[Mapping[OrderException, Callable[[str, str, Texts], Markup]]] = {
    OrderException.LATE: lambda sum_, number, t: t(
        "{sum} for order <b>{number}</b> came after the order had closed.",
        sum=sum_,
        number=number,
    ),
    OrderException.UNDER: lambda sum_, number, t: t(
        "{sum} for order <b>{number}</b> has arrived, which is less than it costs.",
        sum=sum_,
        number=number,
    ),
    OrderException.OVER: lambda sum_, number, t: t(
        "For order <b>{number}</b>, {sum} more has arrived than it costs.",
        sum=sum_,
        number=number,
    ),
    OrderException.TWICE: lambda sum_, number, t: t(
        "A further payment of {sum} for order <b>{number}</b> has arrived, which was paid or "
        "closed before.",
        sum=sum_,
        number=number,
    ),
    OrderException.MISMATCH: lambda sum_, number, t: t(
        "{sum} for order <b>{number}</b> has arrived, but does not fit it.",
        sum=sum_,
        number=number,
    ),
}
_REMEDIES: Final[Mapping[Remedy, Callable[[Texts], Markup]]] = {
    Remedy.DELIVER: lambda t: t("Your goods were still there: they are on their way."),
    Remedy.WAIT: lambda t: t(
        "The goods have run out: you are in line for the next ones, which come by themselves. If "
        "you would rather have your money back, write to /paysupport."
    ),
    Remedy.CREDIT: lambda t: t(
        "The money is yours: it is on your balance, and pays your next order. See /balance; if "
        "you would rather have it back, write to /paysupport."
    ),
    Remedy.REFUND: lambda t: t("The money is yours: it goes back the way it came."),
}
