"""What arrived in the chats, and whether it is what the database says."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bot.sandbox.telegram import LocalTelegram
from domain.orders import OrderStatus
from storage import tables
from tests import invariants
from tests.invariants import Sent
from tests.logscan import scan
from tests.people import codes_of
from tests.shop import Shop

Json = dict[str, Any]  # Bot API objects are open-ended
_NUMBER: Final = re.compile(r"🔑 Order (\w+):")
_PART: Final = re.compile(r" \((\d+)/(\d+)\)(?:\n|$)")


def hand_over_messages(telegram: LocalTelegram) -> Iterator[tuple[int, str, Json]]:
    """Every message with keys, in each chat's order: the chat, the order's number, the message."""
    for chat in telegram.world.chats.values():
        for message in chat:
            words = message.get("text") or message.get("caption") or ""
            if message["from"]["is_bot"] and (found := _NUMBER.match(words)):
                yield chat.person.id, found[1], message


def hand_overs(telegram: LocalTelegram, chat_id: int | None = None) -> list[Sent]:
    """What was handed over, each repetition by itself; parts of one hand-over are put together.

    Raises AssertionError (I5) when a repeated message is not identical.
    """
    whole: list[Sent] = []
    parts: defaultdict[tuple[int, str], dict[int, tuple[str, ...]]] = defaultdict(dict)
    seen: dict[tuple[int, str, int], Json] = {}
    for chat, number, message in hand_over_messages(telegram):
        nth, count = _place(message)
        shown = {name: message.get(name) for name in ("text", "entities", "caption")}
        same = seen.setdefault((chat, number, nth), shown) == shown
        assert same, f"I5: order {number} was handed over twice, not alike"
        gathered = parts[chat, number]
        gathered[nth] = _keys(telegram, message)
        if len(gathered) == count:
            keys = tuple(key for _, part in sorted(gathered.items()) for key in part)
            whole.append(Sent(chat, number, keys))
            gathered.clear()
    return [sent for sent in whole if chat_id in {None, sent.chat_id}]


def _place(message: Json) -> tuple[int, int]:
    """Which message of how many this one is."""
    found = _PART.search(message.get("text", "").partition("\n")[0])
    return (int(found[1]), int(found[2])) if found else (1, 1)


def _keys(telegram: LocalTelegram, message: Json) -> tuple[str, ...]:
    if "document" in message:
        file = telegram.world.files.get(message["document"]["file_id"])
        assert file is not None
        return tuple(file.content.decode().splitlines())
    # A message that had to go out without its looks has no entities.
    return tuple(codes_of(message) or message["text"].split("\n\n")[1:])


async def everything_holds(shop: Shop, telegram: LocalTelegram) -> None:
    """I1–I6 over the database and the record of what was sent. Raises AssertionError."""
    sent = hand_overs(telegram)
    await invariants.check(shop.database, shop.vault, sent)
    await _delivered_has_arrived(shop, sent)
    leaked = invariants.plaintext_in(await invariants.dump(shop.database), scan.planted)
    assert not leaked, "I6: a secret stands in the database"


async def _delivered_has_arrived(shop: Shop, sent: Sequence[Sent]) -> None:
    """I2: an order is not called delivered before its keys have reached the chat."""
    arrived = {item.number for item in sent}
    delivered = await shop.rows(tables.orders, tables.orders.c.status == OrderStatus.DELIVERED)
    lost = [order["number"] for order in delivered if order["number"] not in arrived]
    assert not lost, f"I2: {len(lost)} orders are delivered, and their keys never arrived"
