"""Width and height of a picture, read from its header."""

import struct
from collections.abc import Callable
from typing import NamedTuple

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# Frame headers of JPEG; the three left out in between start tables, not frames.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


def picture_size(content: bytes) -> Size | None:
    """None for what is no PNG, JPEG, GIF, BMP or WebP."""
    for magic, offset, read in _FORMATS:
        if content.startswith(magic, offset):
            try:
                return read(content)
            except (struct.error, IndexError):
                return None
    return None


def _png(content: bytes) -> Size:
    return Size(*struct.unpack_from(">II", content, 16))


def _gif(content: bytes) -> Size:
    return Size(*struct.unpack_from("<HH", content, 6))


def _bmp(content: bytes) -> Size:
    width, height = struct.unpack_from("<ii", content, 18)
    return Size(width, abs(height))


def _jpeg(content: bytes) -> Size:
    at = 2
    while content[at] == 0xFF:
        marker, size = struct.unpack_from(">xBH", content, at)
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return Size(width, height)
        at += 2 + size
    raise IndexError(at)


def _webp(content: bytes) -> Size:
    match content[12:16]:
        case b"VP8X":
            width = int.from_bytes(content[24:27], "little") + 1
            return Size(width, int.from_bytes(content[27:30], "little") + 1)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 21)
            return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case _:
            width, height = struct.unpack_from("<HH", content, 26)
            return Size(width & 0x3FFF, height & 0x3FFF)


_FORMATS: tuple[tuple[bytes, int, Callable[[bytes], Size]], ...] = (
    (PNG, 0, _png),
    (JPEG, 0, _jpeg),
    (b"GIF8", 0, _gif),
    (b"BM", 0, _bmp),
    (b"WEBP", 8, _webp),
)
