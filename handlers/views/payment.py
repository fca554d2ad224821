"""What is said right after a payment in the chat."""

from collections.abc import Callable, Mapping
from typing import Final

from markupsafe import Markup

from domain.money import Money
from domain.remedies import Remedy
from domain.settlement import Outcome, Settlement
from handlers.texts import Texts
from handlers.views.money import amount

_Sentence = Callable[[str, str, Texts], Markup]  # number, amount


def received(settled: Settlement, paid: Money, t: Texts) -> Markup | None:
    """None for what was answered before, where the keys themselves are the answer, and where a
    rule has seen to it, of which the buyer is told anyway.
    """
    by_rule = settled.remedy not in {None, Remedy.ASK}
    if by_rule or settled.outcome in {Outcome.REPEATED, Outcome.PAID}:
        return None
    order, sum_ = settled.order, amount(paid, t)
    if order is None:
        return t(
            "{paid} has arrived, but we cannot tell for which order. The shop's people have been "
            "told; write to /paysupport if you hear nothing.",
            paid=sum_,
        )
    return _SENTENCES[settled.outcome](order.number, sum_, t)


def returned(number: str | None, back: Money, t: Texts) -> Markup:
    sum_ = amount(back, t)
    if number is None:
        return t("Telegram has given {amount} back to you.", amount=sum_)
    return t(
        "Telegram has given {amount} back to you for order <b>{number}</b>.",
        amount=sum_,
        number=number,
    )


_SENTENCES: Final[Mapping[Outcome, _Sentence]] = {
    Outcome.LATE: lambda number, sum_, t: t(
        "{paid} for order <b>{number}</b> came after it had closed, and there is nothing left to "
        "hand over. Your money is safe: the shop's people have been told, and will deliver or "
        "give it back.",
        paid=sum_,
        number=number,
    ),
    Outcome.UNDER: lambda number, sum_, t: t(
        "{paid} for order <b>{number}</b> has arrived, which is less than it costs. The shop's "
        "people have been told, and will see to it.",
        paid=sum_,
        number=number,
    ),
    Outcome.OVER: lambda number, sum_, t: t(
        "{paid} for order <b>{number}</b> has arrived, which is more than it costs. The "
        "difference is yours: the shop's people have been told.",
        paid=sum_,
        number=number,
    ),
    Outcome.TWICE: lambda number, sum_, t: t(
        "{paid} for order <b>{number}</b> has arrived, which was paid or closed before. It is "
        "yours: the shop's people have been told, and will give it back.",
        paid=sum_,
        number=number,
    ),
    Outcome.MISMATCH: lambda number, sum_, t: t(
        "{paid} for order <b>{number}</b> has arrived, but does not fit it. The shop's people "
        "have been told, and will see to it.",
        paid=sum_,
        number=number,
    ),
}
