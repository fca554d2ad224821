"""HTML as the Bot API takes it ("HTML style"), turned into text and entities."""

import re
from dataclasses import dataclass
from typing import NoReturn

from bot.sandbox.errors import bad_request
from bot.sandbox.utf16 import length, part
from bot.sandbox.wire import Json

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,8})|#([0-9]{1,8})|([a-zA-Z]+));?")
_TEXT = re.compile(r"[^<&]+")
_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"[^\s=>]*")
_TOKEN = re.compile(r"[A-Za-z0-9.\-]*")
_SPACE = re.compile(r"\s*")


def parse(source: str) -> tuple[str, list[Json]]:
    """Raises 400 "can't parse entities: …" in Telegram's words."""
    return _Parser(source).parse()


@dataclass(frozen=True, slots=True)
class _OpenTag:
    name: str
    attributes: dict[str, str]
    offset: int


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._text: list[str] = []
        self._offset = 0
        self._open: list[_OpenTag] = []
        self._entities: list[Json] = []

    def parse(self) -> tuple[str, list[Json]]:
        while self._at < len(self._source):
            match self._source[self._at]:
                case "<":
                    self._tag()
                case "&":
                    self._write(self._reference())
                case _:
                    self._write(self._take(_TEXT))
        if self._open:
            self._fail(f'Can\'t find end tag corresponding to start tag "{self._open[-1].name}"')
        return "".join(self._text), [_without_language(entity) for entity in self._entities]

    def _tag(self) -> None:
        begin = self._at
        self._at += 1
        if self._peek() == "/":
            self._at += 1
            self._end_tag(begin)
        else:
            self._start_tag(begin)

    def _start_tag(self, begin: int) -> None:
        name = self._take(_NAME).lower()
        if not self._peek():
            self._fail("Unclosed start tag", begin)
        if name not in _TAGS:
            self._fail(f'Unsupported start tag "{name}"', begin)
        attributes = self._attributes(name, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            self._fail('Tag "span" must have class "tg-spoiler"', begin)
        self._open.append(_OpenTag(name, attributes, self._offset))

    def _attributes(self, tag: str, begin: int) -> dict[str, str]:
        attributes: dict[str, str] = {}
        while True:
            self._take(_SPACE)
            if self._peek() == ">":
                self._at += 1
                return attributes
            name = self._take(_ATTRIBUTE).lower()
            if not name and self._peek():
                self._fail(f'Empty attribute name in the tag "{tag}"', begin)
            self._take(_SPACE)
            if not self._peek():
                self._fail(f'Unclosed start tag "{tag}"', begin)
            attributes[name] = self._value(begin) if self._peek() == "=" else ""

    def _value(self, begin: int) -> str:
        self._at += 1
        self._take(_SPACE)
        quote = self._peek()
        value = self._quoted(quote) if quote in ("'", '"') else self._token()
        if not self._peek():
            self._fail("Unclosed start tag", begin)
        return value

    def _quoted(self, quote: str) -> str:
        self._at += 1
        value = []
        while self._peek() not in (quote, ""):
            if self._peek() == "&":
                value.append(self._reference())
            else:
                value.append(self._peek())
                self._at += 1
        self._at += 1
        return "".join(value)

    def _token(self) -> str:
        begin = self._at
        token = self._take(_TOKEN).lower()
        if self._peek() and not (self._peek().isspace() or self._peek() == ">"):
            self._fail("Unexpected end of name token", begin)
        return token

    def _end_tag(self, begin: int) -> None:
        if not self._open:
            self._fail("Unexpected end tag", begin)
        name = self._take(_NAME).lower()
        self._take(_SPACE)
        if self._peek() != ">":
            self._fail("Unclosed end tag", begin)
        self._at += 1
        tag = self._open[-1]
        if name not in ("", tag.name):
            self._fail(
                "Unmatched end tag", begin, f', expected "</{tag.name}>", found "</{name}>"'
            )
        self._open.pop()
        if self._offset > tag.offset:
            self._close(tag)

    def _close(self, tag: _OpenTag) -> None:
        place = {"offset": tag.offset, "length": self._offset - tag.offset}
        kind, more = _TAGS[tag.name], {}
        match tag.name:
            case "a":
                more = self._link(tag)
                if not more:
                    return
            case "code":
                more = _language(tag)
            case "pre":
                more = self._language_of_code_inside(place)
            case "blockquote" if "expandable" in tag.attributes:
                kind = "expandable_blockquote"
            case "tg-emoji":
                more = self._custom_emoji(tag)
        self._entities.append({**place, "type": kind, **more})

    def _link(self, tag: _OpenTag) -> Json:
        """The address, which is the text itself where `href` is missing; {} if it is none."""
        url = tag.attributes.get("href") or part(
            "".join(self._text), tag.offset, self._offset - tag.offset
        )
        if re.match(r"(?:https?|tg|ton)://\S", url) or re.match(r"(?:mailto|tel):\S", url):
            return {"url": url}
        return {"url": f"http://{url}"} if re.fullmatch(r"[\w-]+(\.[\w-]+)+(/\S*)?", url) else {}

    def _custom_emoji(self, tag: _OpenTag) -> Json:
        emoji_id = tag.attributes.get("emoji-id", "")
        if not emoji_id.isdigit():
            self._fail("Invalid custom emoji identifier specified")
        return {"custom_emoji_id": emoji_id}

    def _language_of_code_inside(self, place: Json) -> Json:
        """`<pre><code class="language-…">` is one entity; the inner one goes."""
        inner = self._entities[-1] if self._entities else {}
        if inner.get("type") == "code" and inner.items() >= place.items():
            self._entities.pop()
            return {"language": inner["language"]} if "language" in inner else {}
        return {}

    def _reference(self) -> str:
        """The character that `&…;` stands for; a lone ampersand stands for itself."""
        found = _REFERENCE.match(self._source, self._at)
        char = _character(found) if found else ""
        if not (found and char):
            self._at += 1
            return "&"
        self._at = found.end()
        return char

    def _write(self, text: str) -> None:
        self._text.append(text)
        self._offset += length(text)

    def _peek(self) -> str:
        """The next character, or "" at the end."""
        return self._source[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._source, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _fail(self, reason: str, begin: int | None = None, more: str = "") -> NoReturn:
        where = ""
        if begin is not None:
            where = f" at byte offset {len(self._source[:begin].encode(errors='replace'))}"
        raise bad_request(f"can't parse entities: {reason}{where}{more}")


def _language(tag: _OpenTag) -> Json:
    prefix, _, language = tag.attributes.get("class", "").partition("language-")
    return {"language": language} if language and not prefix else {}


def _without_language(entity: Json) -> Json:
    """Only `pre` has a language."""
    if entity["type"] == "code":
        return {key: value for key, value in entity.items() if key != "language"}
    return entity


def _character(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name:
        return _NAMED.get(name, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF else ""
