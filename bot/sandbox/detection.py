"""Entities that Telegram finds by itself: links, commands, mentions, addresses, hashtags."""

import re

from bot.sandbox.utf16 import length, offset_at
from bot.sandbox.wire import Json

# In a tie the earlier kind wins, as in an address that looks like a mention.
_KINDS = {
    "url": re.compile(r"(?:https?://|(?<![\w./])t\.me/)[^\s<>\"]*[^\s<>\".,!?;:)\]}']"),
    "email": re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "bot_command": re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    "mention": re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{3,31}(?!\w)"),
    "hashtag": re.compile(r"(?<![\w#&])#(?=\w*[^\W\d])\w{1,256}"),
}
# Nothing is looked for inside these.
_CLOSED = frozenset({"code", "pre", "text_link", "text_mention", "custom_emoji"})


def detected(text: str, entities: list[Json]) -> list[Json]:
    """New entities for `text`, beside those it already has."""
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in entities
        if entity["type"] in _CLOSED or entity["type"] in _KINDS
    ]
    found = []
    for kind, pattern in _KINDS.items():
        for match in pattern.finditer(text):
            start = offset_at(text, match.start())
            end = start + length(match.group())
            if not any(first < end and start < last for first, last in taken):
                taken.append((start, end))
                found.append({"offset": start, "length": end - start, "type": kind})
    return found
