"""Messages that the shop sends of its own accord, ready to go."""

from dataclasses import dataclass, field
from typing import TypeAlias

from markupsafe import Markup

from handlers.views.view import View


@dataclass(frozen=True)
class TextPart:
    """A new message; its text may hold keys."""

    view: View = field(repr=False)


@dataclass(frozen=True)
class FilePart:
    """A document with a caption."""

    name: str
    content: bytes = field(repr=False)
    caption: Markup


@dataclass(frozen=True)
class EditPart:
    """An earlier message, changed."""

    message_id: int
    view: View


Part: TypeAlias = TextPart | FilePart | EditPart
