"""Handing over: an order's keys as messages, or as one file.

The same keys give the same messages however often they are sent: what has been sent already is
known by its place among them.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from domain.delivery import HandOver
from domain.orders import Order
from domain.stock import CardKey
from handlers.texts import Texts
from handlers.views import status
from handlers.views.length import TEXT, clip, units
from handlers.views.part import FilePart, Part, TextPart
from handlers.views.view import View, paragraphs

MOST_IN_MESSAGES: Final = 20
# What a message has left for keys below its heading, in UTF-16 units. The same in every
# language, so that the keys are spread over the messages in one way only.
ROOM: Final = TEXT - 596
_TITLE_UNITS: Final = 300
_GAP: Final = "\n\n"


def parts(goods: HandOver, t: Texts) -> list[Part]:
    """Each key alone in a `code` entity, in the order's sequence; many, or a long one: a file."""
    keys, order = goods.keys, goods.order
    if not keys:
        return [TextPart(View(_nothing(order, t)))]
    if len(keys) > MOST_IN_MESSAGES or not all(_fits(key.secret.reveal()) for key in keys):
        return [_file(order, keys, t)]
    groups = list(_groups(keys))
    return [
        TextPart(View(_message(_heading(order, nth, len(groups), t), group)))
        for nth, group in enumerate(groups, 1)
    ]


def _fits(key: str) -> bool:
    """Whether a message shows it as it is: Telegram turns tabs and drops unseen signs."""
    return units(key) <= ROOM and key.isprintable()


def _groups(keys: Sequence[CardKey]) -> Iterator[list[CardKey]]:
    """As many keys as fit into each message."""
    group: list[CardKey] = []
    room = ROOM
    for key in keys:
        needed = units(key.secret.reveal()) + len(_GAP)
        if group and needed > room:
            yield group
            group, room = [], ROOM
        group.append(key)
        room -= needed
    yield group


def _message(heading: Markup, keys: Sequence[CardKey]) -> Markup:
    codes = (Markup("<code>{}</code>").format(key.secret.reveal()) for key in keys)
    return paragraphs([heading, *codes])


def _heading(order: Order, nth: int, count: int, t: Texts) -> Markup:
    said = t("🔑 Order <b>{number}</b>: {goods}", number=order.number, goods=_named(order))
    if count == 1:
        return said
    return Markup("{} ({}/{})").format(said, nth, count)


def _file(order: Order, keys: Sequence[CardKey], t: Texts) -> FilePart:
    content = "".join(f"{key.secret.reveal()}\n" for key in keys).encode()
    caption = t(
        "🔑 Order <b>{number}</b>: {goods}. The file holds one key a line.",
        number=order.number,
        goods=_named(order),
    )
    return FilePart(f"{order.number}.txt", content, caption)


def _named(order: Order) -> str:
    named = ", ".join(f"{line.title} × {line.quantity}" for line in order.lines)
    return clip(named, _TITLE_UNITS)


def _nothing(order: Order, t: Texts) -> Markup:
    if order.is_paid:
        return t(
            "Order <b>{number}</b> is paid, but there are no keys to show yet. Write to "
            "/paysupport if this does not change.",
            number=order.number,
        )
    return t(
        "Order <b>{number}</b> has no keys to show: it is {status}.",
        number=order.number,
        status=status.word(order.status, t),
    )
