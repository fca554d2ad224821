"""Lengths as Telegram counts them: UTF-16 units of what is left after parsing."""

from typing import Final

# Bot API, sendMessage and sendPhoto.
TEXT: Final = 4096
CAPTION: Final = 1024


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, most: int) -> str:
    """Whole characters, with an ellipsis where some had to go; at most `most` units."""
    if units(text) <= most:
        return text
    kept = text[: most - 1]
    while units(kept) > most - 1:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def clip_bytes(text: str, most: int) -> str:
    """As many whole characters as fit into `most` bytes of UTF-8."""
    return text.encode()[:most].decode(errors="ignore")
