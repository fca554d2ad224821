"""Texts in a person's language: gettext, HTML-escaped by default."""

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup

LOCALES: Final = Path(__file__).parent / "locales"
ENGLISH: Final = "en"
# Codes as Telegram has them, and the folders under locales/.
LANGUAGES: Final = {"en": "English", "zh": "简体中文"}


class Texts:
    """One language's texts.

    `t("Order {number}", number=…)` is HTML: values are escaped, other `Markup` goes in as it
    is. `t.label(…)` is plain, for buttons and pop-ups, which know no HTML.
    """

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        self.code = code
        self._translations = translations

    def __call__(self, message: str, /, **values: object) -> Markup:
        return Markup(self._translations.gettext(message)).format(**values)

    def plural(self, one: str, many: str, n: int, /, **values: object) -> Markup:
        return Markup(self._translations.ngettext(one, many, n)).format(n=n, **values)

    def label(self, message: str, /, **values: object) -> str:
        return self._translations.gettext(message).format(**values)


def language_of(chosen: str | None, telegram: str | None) -> str:
    """The person's own choice, else Telegram's language where the shop speaks it."""
    if chosen in LANGUAGES:
        return chosen
    code = (telegram or "").partition("-")[0].lower()
    return code if code in LANGUAGES else ENGLISH


@cache
def texts(code: str) -> Texts:
    """The texts of one of `LANGUAGES`."""
    file = LOCALES / code / "keystall.po"
    if code == ENGLISH or not file.exists():
        return Texts(code, gettext.NullTranslations())
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return Texts(code, gettext.GNUTranslations(compiled))
