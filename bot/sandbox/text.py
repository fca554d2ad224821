"""Message text with its entities, as Telegram keeps it: cleaned, trimmed, in UTF-16 units."""

import re
from bisect import bisect_left
from dataclasses import dataclass

from bot.sandbox.detection import detected
from bot.sandbox.errors import bad_request
from bot.sandbox.html_markup import parse
from bot.sandbox.params import Params
from bot.sandbox.utf16 import length, offset_at
from bot.sandbox.wire import Json

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
# Entities of these kinds are cut where `code` or `pre` stands (Bot API, formatting options).
DECORATIONS = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
# Carriage returns and direction marks are removed; other control characters become spaces.
_REMOVED = re.compile("[\r\u2028-\u202e]")
_BLANKED = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class FormattedText:
    text: str
    entities: list[Json]


def message_text(params: Params) -> FormattedText:
    """Raises 400 when there is none or too much after parsing."""
    written = formatted(params, "text", "entities")
    if not written.text:
        raise bad_request("message text is empty")
    if length(written.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return written


def caption(params: Params) -> FormattedText:
    """May be empty; raises 400 when it is too long after parsing."""
    written = formatted(params, "caption", "caption_entities")
    if length(written.text) > CAPTION_LIMIT:
        raise bad_request("message caption is too long")
    return written


def formatted(params: Params, text_name: str, entities_name: str) -> FormattedText:
    """Parse by `parse_mode`, or take the entities as given."""
    source = params.text(text_name)
    mode = params.text("parse_mode").lower()
    if mode not in ("", "html", "none"):
        raise bad_request("unsupported parse_mode")
    if mode == "html":
        text, entities = parse(source)
    else:
        text, entities = source, _given(params, entities_name)
    return _cleaned(text, entities)


def plain(source: str) -> FormattedText:
    """What a person typed."""
    return _cleaned(source, [])


def _given(params: Params, name: str) -> list[Json]:
    given = params.json(name, what="entities")
    if given is None:
        return []
    if not isinstance(given, list) or not all(_is_entity(entity) for entity in given):
        raise bad_request("can't parse MessageEntity: an Object with offset and length expected")
    return given


def _is_entity(entity: object) -> bool:
    return isinstance(entity, dict) and all(
        isinstance(entity.get(key), kind)
        for key, kind in (("type", str), ("offset", int), ("length", int))
    )


def _cleaned(source: str, entities: list[Json]) -> FormattedText:
    text = _BLANKED.sub(" ", source)
    removed = [offset_at(text, match.start()) for match in _REMOVED.finditer(text)]
    text = _REMOVED.sub("", text)
    entities = _inside(_moved(entities, removed), length(text))
    text, entities = _trimmed(text, entities)
    entities = _sorted(_without_overlap(entities))
    return FormattedText(text, _sorted([*entities, *detected(text, entities)]))


def _moved(entities: list[Json], removed: list[int]) -> list[Json]:
    """The entities after the UTF-16 units at the sorted offsets `removed` are gone."""
    if not removed:
        return entities
    moved = []
    for entity in entities:
        start = entity["offset"]
        end = start + entity["length"]
        first = start - bisect_left(removed, start)
        moved.append(
            {**entity, "offset": first, "length": end - bisect_left(removed, end) - first}
        )
    return moved


def _trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Without white space at the ends; at the beginning only up to the first entity."""
    blanks = len(text) - len(text.lstrip())
    blanks = min([blanks, *(entity["offset"] for entity in entities)])
    text = text[blanks:].rstrip()
    return text, _inside(_moved(entities, list(range(blanks))), length(text))


def _inside(entities: list[Json], end: int) -> list[Json]:
    """The entities cut to the text; empty ones disappear."""
    cut = [
        {**entity, "length": min(entity["offset"] + entity["length"], end) - entity["offset"]}
        for entity in entities
        if entity["offset"] >= 0
    ]
    return [entity for entity in cut if entity["length"] > 0]


def _without_overlap(entities: list[Json]) -> list[Json]:
    solid = _sorted([entity for entity in entities if entity["type"] in ("code", "pre")])
    kept: list[Json] = []
    for entity in entities:
        kept += _cut_around(entity, solid) if entity["type"] in DECORATIONS else [entity]
    return kept


def _cut_around(entity: Json, solid: list[Json]) -> list[Json]:
    pieces = []
    start, end = entity["offset"], entity["offset"] + entity["length"]
    for block in solid:
        pieces.append((start, min(end, block["offset"])))
        start = max(start, block["offset"] + block["length"])
    pieces.append((start, end))
    return [
        {**entity, "offset": first, "length": last - first}
        for first, last in pieces
        if first < last
    ]


def _sorted(entities: list[Json]) -> list[Json]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))
