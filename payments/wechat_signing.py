"""What proves a message to be WeChat Pay's, or the shop's: signatures, encryption, the time."""

import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from cryptography import exceptions as crypto
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    SignatureProbe,
    StaleCallback,
)
from payments.reading import ID, json_object, text

TOLERANCE: Final = 300  # seconds, both ways
SIGNATURE: Final = "Wechatpay-Signature"
UNKNOWN_KEY: Final = "signed with a key that WECHAT_PUBLIC_KEYS lacks"
_PROBE: Final = "WECHATPAY/SIGNTEST/"
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_BASE64: Final = re.compile(r"[0-9A-Za-z+/=]+")
_ASSOCIATED: Final = re.compile(r"[\x20-\x7e]{0,255}")


class Signing:
    """The merchant's key to sign with, WeChat Pay's to verify with, and the one they share.

    `public_keys` are PEM keys or certificates by serial or `PUB_KEY_ID_…`; there are several
    while WeChat Pay replaces one. Raises ValueError for a setting that is none.
    """

    def __init__(
        self,
        *,
        mch_id: str,
        api_v3_key: str,
        private_key: str,
        cert_serial: str,
        public_keys: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        if not (mch_id and cert_serial and public_keys):
            raise ValueError("WeChat Pay needs a merchant id, a certificate serial, public keys")
        if len(api_v3_key.encode()) != 32:
            raise ValueError("WECHAT_API_V3_KEY must have 32 bytes")
        self._cipher = AESGCM(api_v3_key.encode())
        self._private_key = _private_key(private_key)
        self._signer = f'mchid="{mch_id}",serial_no="{cert_serial}"'
        self._public_keys = {serial: _public_key(pem) for serial, pem in public_keys.items()}
        # While keys replace certificates, only who names a key gets answers signed with it.
        newer = [serial for serial in public_keys if serial.startswith("PUB_KEY_ID_")]
        self._wanted = {"Wechatpay-Serial": newer[0]} if newer else {}
        self._clock = clock

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """Those that authenticate a request."""
        at, nonce = int(self._clock()), secrets.token_hex(16)
        signed = f"{method}\n{path}\n{at}\n{nonce}\n".encode() + body + b"\n"
        signature = b64encode(self._private_key.sign(signed, PKCS1v15(), SHA256())).decode()
        told = f'{self._signer},nonce_str="{nonce}",timestamp="{at}",signature="{signature}"'
        return self._wanted | {"Authorization": f"WECHATPAY2-SHA256-RSA2048 {told}"}

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Notices and answers are signed alike: the time, a nonce, the raw body.

        Raises `InvalidSignature`, `SignatureProbe` and `StaleCallback`.
        """
        signature, nonce = headers.get(SIGNATURE, ""), headers.get("Wechatpay-Nonce", "")
        if signature.startswith(_PROBE):
            raise SignatureProbe("a probe of WeChat Pay's own")
        at = headers.get("Wechatpay-Timestamp", "")
        if not (signature and _SECONDS.fullmatch(at) and ID.fullmatch(nonce)):
            raise InvalidSignature("unsigned")
        key = self._public_keys.get(headers.get("Wechatpay-Serial", ""))
        if key is None:
            raise InvalidSignature(UNKNOWN_KEY)
        signed = f"{at}\n{nonce}\n".encode() + body + b"\n"
        try:
            key.verify(b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
        except (ValueError, crypto.InvalidSignature):
            raise InvalidSignature("the signature is not WeChat Pay's") from None
        if abs(self._clock() - int(at)) >= TOLERANCE:
            raise StaleCallback("signed too long ago, or in the future")

    def opened(self, resource: Mapping[str, object]) -> dict[str, object]:
        """What a notice holds encrypted. Raises `MalformedCallback`."""
        if resource.get("algorithm") != "AEAD_AES_256_GCM":
            raise MalformedCallback("another algorithm")
        nonce = text(resource, "nonce").encode()
        associated = b""
        if "associated_data" in resource:
            associated = text(resource, "associated_data", _ASSOCIATED).encode()
        try:
            sealed = b64decode(text(resource, "ciphertext", _BASE64), validate=True)
            plain = self._cipher.decrypt(nonce, sealed, associated)
        except (ValueError, crypto.InvalidTag):
            raise MalformedCallback("not encrypted with WECHAT_API_V3_KEY") from None
        return json_object(plain)


def _private_key(pem: str) -> RSAPrivateKey:
    with suppress(ValueError, TypeError, crypto.UnsupportedAlgorithm):
        key = load_pem_private_key(pem.encode(), password=None)
        if isinstance(key, RSAPrivateKey):
            return key
    raise ValueError("WECHAT_PRIVATE_KEY is no RSA private key in PEM without a password")


def _public_key(pem: str) -> RSAPublicKey:
    with suppress(ValueError, crypto.UnsupportedAlgorithm):
        key = _certified(pem) if "BEGIN CERTIFICATE" in pem else load_pem_public_key(pem.encode())
        if isinstance(key, RSAPublicKey):
            return key
    raise ValueError("WECHAT_PUBLIC_KEYS holds what is no RSA public key or certificate in PEM")


def _certified(pem: str) -> PublicKeyTypes:
    return load_pem_x509_certificate(pem.encode()).public_key()
