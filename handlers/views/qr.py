"""A QR picture."""

import io

import segno

_SCALE, _BORDER = 8, 4  # pixels a module; modules of white that scanners need around it


def png(text: str) -> bytes:
    """Raises `ValueError` for more than a QR code holds (2,953 bytes)."""
    picture = io.BytesIO()
    code = segno.make_qr(text)
    code.save(picture, kind="png", scale=_SCALE, border=_BORDER, dark="#000", light="#fff")
    return picture.getvalue()
