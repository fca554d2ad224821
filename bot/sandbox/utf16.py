"""Lengths and offsets in UTF-16 code units, which Telegram counts in."""


def length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(1 for char in text if char > "\uffff")


def offset_at(text: str, index: int) -> int:
    """The UTF-16 offset of a Python index."""
    return length(text[:index])


def part(text: str, offset: int, units: int) -> str:
    """The piece of text that an entity with this offset and length covers."""
    encoded = text.encode("utf-16-le", "surrogatepass")
    return encoded[2 * offset : 2 * (offset + units)].decode("utf-16-le", "surrogatepass")
