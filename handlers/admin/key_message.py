"""Where the keys are that a command is about: in a file, in a message, or below the command."""

from dataclasses import dataclass, field

from aiogram.types import Document, Message

from domain.importing import TypedKeys


@dataclass(frozen=True)
class KeyMessage:
    """`/import SKU` or `/withdraw SKU`, taken apart.

    `source` is the message that holds the keys: it is what questions and the report answer, so
    that a button under them finds the keys again without anybody keeping them.
    """

    source: Message = field(repr=False)
    sku: str
    file: Document | None = None
    typed: TypedKeys | None = field(default=None, repr=False)

    @classmethod
    def read(cls, message: Message) -> "KeyMessage":
        """A file goes before what is typed, and the message itself before what it replies to."""
        sku, typed = _below(message.text or message.caption or "")
        if message.document is not None or typed is not None:
            return cls(message, sku, message.document, typed)
        replied = message.reply_to_message
        if replied is not None and _is_own(replied, message):
            return cls(replied, sku, replied.document, _all_of(replied))
        return cls(message, sku)

    @classmethod
    def found_again(cls, source: Message, sku: str) -> "KeyMessage":
        """What a question was asked about; its command may have named no SKU."""
        text = source.text or ""
        typed = _without_sku(text) if text.startswith("/") else _all_of(source)
        return cls(source, sku, source.document, typed)

    @property
    def is_empty(self) -> bool:
        return self.file is None and self.typed is None


def _below(text: str) -> tuple[str, TypedKeys | None]:
    """The SKU behind the command, and the keys on the lines below, or right behind the SKU."""
    first, _, below = text.partition("\n")
    _, sku, behind = [*first.split(maxsplit=2), "", ""][:3]
    if behind:
        return sku, TypedKeys(f"{behind}\n{below}", first_line=1)
    return sku, _typed(below, first_line=2)


def _without_sku(text: str) -> TypedKeys | None:
    return _typed(text.partition("\n")[2], first_line=2)


def _all_of(message: Message) -> TypedKeys | None:
    return _typed(message.text or "", first_line=1)


def _typed(text: str, first_line: int) -> TypedKeys | None:
    return TypedKeys(text, first_line) if text.strip() else None


def _is_own(replied: Message, message: Message) -> bool:
    """Not one of the bot's: its questions hold no keys."""
    sender, author = replied.from_user, message.from_user
    return sender is not None and author is not None and sender.id == author.id
