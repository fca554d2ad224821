"""Card keys at rest: AES-256-GCM, a keyed fingerprint, data keys wrapped by the master key."""

import asyncio
import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s
from itertools import count
from typing import Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import TamperedKey, WrongSecretKey
from domain.secret import Secret
from domain.stock import SealedKey
from storage.rows import Row
from storage.tables import data_keys

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
FINGERPRINT_BYTES: Final = 16
_LOCK: Final = 0x7661756C
CIPHER: Final = "cipher"
FINGERPRINT: Final = "fingerprint"


@dataclass(frozen=True, repr=False)
class Vault:
    """Seals with the newest data key, opens with the one that a key was sealed with."""

    fingerprint_key: bytes
    ciphers: Mapping[int, AESGCM]

    def fingerprint(self, key: str) -> bytes:
        """16 bytes that tell whether a key was seen before, and nothing else about it."""
        return blake2s(
            key.encode(), digest_size=FINGERPRINT_BYTES, key=self.fingerprint_key
        ).digest()

    async def seal(self, variant_id: int, keys: Sequence[tuple[int, str]]) -> list[SealedKey]:
        """Encrypt in a thread: fifty thousand keys take a tenth of a second."""
        return await asyncio.to_thread(self._seal, variant_id, keys)

    def open(self, key: SealedKey) -> Secret:
        nonce, sealed = key.sealed[:NONCE_BYTES], key.sealed[NONCE_BYTES:]
        try:
            cipher = self.ciphers[key.version]
            text = cipher.decrypt(nonce, sealed, _binding(key.variant_id, key.fingerprint))
        except (InvalidTag, KeyError, ValueError):
            raise TamperedKey(f"key {key.id}") from None
        return Secret(text.decode())

    def _seal(self, variant_id: int, keys: Sequence[tuple[int, str]]) -> list[SealedKey]:
        version = max(self.ciphers)
        encrypt, fingerprint_key = self.ciphers[version].encrypt, self.fingerprint_key
        owner = variant_id.to_bytes(8, "big")
        nonces = os.urandom(NONCE_BYTES * len(keys))
        sealed: dict[bytes, SealedKey] = {}
        for start, (key_id, key) in zip(count(0, NONCE_BYTES), keys, strict=False):
            text = key.encode()
            mark = blake2s(text, digest_size=FINGERPRINT_BYTES, key=fingerprint_key).digest()
            if mark not in sealed:
                nonce = nonces[start : start + NONCE_BYTES]
                hidden = nonce + encrypt(nonce, text, owner + mark)
                sealed[mark] = SealedKey(key_id, variant_id, mark, hidden, version)
        return [sealed[mark] for mark in sorted(sealed)]


def _binding(variant_id: int, fingerprint: bytes) -> bytes:
    """What a sealed key belongs to; moved to another row it does not open."""
    return variant_id.to_bytes(8, "big") + fingerprint


def read_master_key(text: str) -> bytes:
    """32 bytes in base64. Raises `WrongSecretKey`."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raise WrongSecretKey("SECRET_KEY is not base64") from None
    if len(key) != KEY_BYTES:
        raise WrongSecretKey(f"SECRET_KEY holds {len(key)} bytes, not {KEY_BYTES}")
    return key


async def has_data_keys(connection: AsyncConnection) -> bool:
    """Whether the shop was opened before, so that its master key must exist."""
    count = await connection.scalar(sa.select(sa.func.count()).select_from(data_keys))
    return bool(count)


async def open_vault(connection: AsyncConnection, master: bytes, now: datetime) -> Vault:
    """The shop's vault; its data keys are made the first time.

    Raises `WrongSecretKey` when the master key does not open them.
    """
    if connection.dialect.name == "postgresql":  # programs may start together
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    rows = (await connection.execute(sa.select(data_keys))).all()
    if not rows:
        return await _make(connection, AESGCM(master), now)
    opened = {(row.purpose, row.version): _unwrap(AESGCM(master), row) for row in rows}
    ciphers = {
        version: AESGCM(key) for (purpose, version), key in opened.items() if purpose == CIPHER
    }
    return Vault(opened[FINGERPRINT, 1], ciphers)


async def _make(connection: AsyncConnection, master: AESGCM, now: datetime) -> Vault:
    keys = {purpose: os.urandom(KEY_BYTES) for purpose in (CIPHER, FINGERPRINT)}
    rows = [
        {
            "version": 1,
            "purpose": purpose,
            "wrapped": _wrap(master, key, purpose, 1),
            "created_at": now,
        }
        for purpose, key in keys.items()
    ]
    await connection.execute(sa.insert(data_keys), rows)
    return Vault(keys[FINGERPRINT], {1: AESGCM(keys[CIPHER])})


def _wrap(master: AESGCM, key: bytes, purpose: str, version: int) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + master.encrypt(nonce, key, f"{purpose} {version}".encode())


def _unwrap(master: AESGCM, row: Row) -> bytes:
    nonce, wrapped = row.wrapped[:NONCE_BYTES], row.wrapped[NONCE_BYTES:]
    try:
        return master.decrypt(nonce, wrapped, f"{row.purpose} {row.version}".encode())
    except InvalidTag:
        raise WrongSecretKey("SECRET_KEY is not the one that this shop's keys need") from None
