"""The master key: from the settings, or made on the first start."""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from bot.settings import BadSettings, Settings
from domain.errors import WrongSecretKey
from storage.vault import KEY_BYTES, read_master_key


def key_file(settings: Settings) -> Path:
    return settings.data_dir / "secret.key"


def master_key(settings: Settings, *, shop_exists: bool) -> bytes:
    """32 bytes. Raises `BadSettings` when an existing shop's key is missing or malformed."""
    file = key_file(settings)
    try:
        if settings.secret_key is not None:
            return read_master_key(settings.secret_key.get_secret_value())
    except WrongSecretKey as error:
        raise BadSettings(str(error)) from None
    try:
        if file.exists():
            return read_master_key(file.read_text(encoding="ascii"))
    except (WrongSecretKey, UnicodeDecodeError):
        raise BadSettings(f"SECRET_KEY: {file} does not hold 32 bytes in base64") from None
    if shop_exists:
        raise BadSettings(
            f"SECRET_KEY is missing: this shop's keys were sealed with one. Put it back into .env "
            f"or into {file}; without it they cannot be read"
        )
    return _make(file)


def _make(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    key = os.urandom(KEY_BYTES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(base64.b64encode(key) + b"\n")
        target.flush()
        os.fsync(target.fileno())
    return key


def derived(master: bytes, purpose: str) -> str:
    """A secret of its own for each purpose, in the letters that Telegram allows."""
    return hmac.new(master, purpose.encode(), hashlib.sha256).hexdigest()
