"""Alipay's and its merchants' keys, and what they sign."""

import base64
from collections.abc import Sequence

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


# The merchant's, Alipay's, and one that is nobody's here.
MERCHANT, ALIPAY, STRANGER = _key(), _key(), _key()


def private_text(key: PrivateKey, *, pkcs1: bool = False, pem: bool = False) -> str:
    """As Alipay's key tool shows it: bare base64 of PKCS#8 or PKCS#1; or in PEM."""
    kind = serialization.PrivateFormat
    form = kind.TraditionalOpenSSL if pkcs1 else kind.PKCS8
    encoding = serialization.Encoding.PEM if pem else serialization.Encoding.DER
    told = key.private_bytes(encoding, form, serialization.NoEncryption())
    return told.decode() if pem else base64.b64encode(told).decode()


def public_text(key: PrivateKey, *, pem: bool = False) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    encoding = serialization.Encoding.PEM if pem else serialization.Encoding.DER
    told = key.public_key().public_bytes(encoding, form)
    return told.decode() if pem else base64.b64encode(told).decode()


def sign(
    key: rsa.RSAPrivateKey, content: str, algorithm: hashes.HashAlgorithm | None = None
) -> str:
    signed = key.sign(content.encode(), padding.PKCS1v15(), algorithm or hashes.SHA256())
    return base64.b64encode(signed).decode()


def content_of(told: dict[str, str], *, without: Sequence[str]) -> str:
    return "&".join(f"{name}={told[name]}" for name in sorted(told) if name not in without)
