"""Every text of the chat is translated, and nothing else is in the catalogues."""

import ast
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import handlers
from handlers.texts import ENGLISH, LANGUAGES, LOCALES, texts

# What is looked up: a message, or one with its plural.
MessageId: TypeAlias = str | tuple[str, ...]

KEYWORDS: Final = {"t": None, "label": None, "plural": (1, 2)}
TRANSLATED: Final = [code for code in LANGUAGES if code != ENGLISH]
PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
TAG: Final = re.compile(r"</?[a-z][^>]*>")
COMMAND: Final = re.compile(r"(?<![\w<])/[a-z]+")


@cache
def extracted() -> frozenset[MessageId]:
    """The texts that the handlers ask for."""
    folder = Path(handlers.__file__).parent
    found = extract_from_dir(folder, keywords=KEYWORDS)
    return frozenset(message for _, _, message, _, _ in found)


@cache
def catalogue(code: str) -> Catalog:
    with (LOCALES / code / "keystall.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def entries(code: str) -> dict[MessageId, list[str]]:
    """Each message's translations: one, or one for each plural form."""
    return {_id(m): forms(m.string or "") for m in catalogue(code) if m.id}


def _id(message: Message) -> MessageId:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def forms(message: str | Iterable[str]) -> list[str]:
    return [message] if isinstance(message, str) else [*message]


def unreadable(file: Path) -> list[int]:
    """The lines on which a text is asked for that no tool can read out of the source."""
    return [
        call.lineno
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and _asks(call.func)
        for argument in call.args[: 2 if _name(call.func) == "plural" else 1]
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str))
    ]


def _asks(function: ast.expr) -> bool:
    return _name(function) in KEYWORDS


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def test_the_handlers_texts_are_found() -> None:
    assert "Buy" in extracted()
    assert len(extracted()) > 100


def test_texts_are_asked_for_literally() -> None:
    folder = Path(handlers.__file__).parent
    found = {file.name: unreadable(file) for file in folder.rglob("*.py")}
    assert {name: at for name, at in found.items() if at} == {}


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated(code: str) -> None:
    translated = {message for message, strings in entries(code).items() if all(strings)}
    assert extracted() - translated == set()


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_is_left_over(code: str) -> None:
    assert entries(code).keys() - extracted() == set()
    assert not catalogue(code).obsolete


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_is_a_guess(code: str) -> None:
    assert [message.id for message in catalogue(code) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("kept", [PLACEHOLDER, TAG, COMMAND], ids=["places", "tags", "commands"])
def test_translations_keep_places_tags_and_commands(code: str, kept: re.Pattern[str]) -> None:
    for message, strings in entries(code).items():
        asked = sorted(set(kept.findall(forms(message)[-1])))
        for string in strings:
            assert sorted(set(kept.findall(string))) == asked, message


@pytest.mark.parametrize("code", TRANSLATED)
def test_plural_forms_are_as_many_as_the_language_has(code: str) -> None:
    count = catalogue(code).num_plurals
    for message, strings in entries(code).items():
        assert len(strings) == (1 if isinstance(message, str) else count), message


def test_chinese_has_one_plural_form() -> None:
    assert catalogue("zh").plural_forms == "nplurals=1; plural=0;"


@pytest.mark.parametrize("code", TRANSLATED)
def test_the_file_names_its_charset(code: str) -> None:
    assert catalogue(code).charset == "utf-8"


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_counted_texts_are_in_chinese_for_every_count(count: int) -> None:
    said = texts("zh").plural(
        "Only {n} is left. Choose a smaller quantity.",
        "Only {n} are left. Choose a smaller quantity.",
        count,
    )
    assert said == f"只剩 {count} 件了，请减少数量。"


def test_chinese_texts_are_in_chinese() -> None:
    """Whatever has words beside its places, tags and commands."""
    latin = {
        message: string
        for message, strings in entries("zh").items()
        for string in strings
        if _has_words(forms(message)[-1]) and not re.search(r"[\u4e00-\u9fff]", string)
    }
    assert latin == {}


def _has_words(message: str) -> bool:
    for known in (PLACEHOLDER, TAG, COMMAND):
        message = known.sub("", message)
    return re.search("[A-Za-z]{5}", message) is not None
