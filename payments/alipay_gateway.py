"""Alipay's gateway: signed questions, verified answers, refusals in Alipay's own codes."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Final

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from domain.errors import ProviderRejected, ProviderUnavailable
from payments.asking import Service
from payments.reading import word

NOT_ALIPAYS: Final = "the public key is not the one with which Alipay signs for the app"
_CHINA: Final = timezone(timedelta(hours=8))  # Alipay's clock; no summer time
# Alipay's common error codes: refused at the gateway, which does not sign its refusals …
_AT_THE_GATE: Final = ("20001", "40001", "40002", "40003", "40006")
_REFUSED: Final = (*_AT_THE_GATE, "40004")  # … and by the business behind it
# "System error: ask again"; and a refund's number used before, of whose outcome nothing is told.
_UNDECIDED: Final = re.compile(r".*SYSTEM_ERROR|ACQ\.DISCORDANT_REPEAT_REQUEST")


class Gateway:
    """One app's way to Alipay. Keys are PEM or bare base64; `public_key` is Alipay's own.

    Raises ValueError for a key that cannot be read, and does not tell it.
    """

    def __init__(
        self,
        service: Service,
        provider: str,
        *,
        app_id: str,
        private_key: str,
        public_key: str,
        clock: Callable[[], float],
    ) -> None:
        self._service = service
        self._provider = provider
        self._app_id = app_id
        self._private_key = _private_key(private_key)
        self._public_key = _public_key(public_key)
        self._clock = clock

    async def ask(
        self, method: str, business: Mapping[str, str], **urls: str
    ) -> dict[str, object]:
        """The answer's signed part.

        Raises `ProviderRejected` with Alipay's own code for a definite no.
        """
        sent = self.signed(method, business, **urls)
        form = {"biz_content": sent.pop("biz_content")}
        reply = await self._service.ask("POST", "", query=sent, form=form)
        told = self._believed(reply.json(), reply.body, f"{method.replace('.', '_')}_response")
        if told.get("code") != "10000":
            raise self._refusal(told)
        if told.get("out_trade_no", business["out_trade_no"]) != business["out_trade_no"]:
            raise ProviderUnavailable(self._provider, "answered about another order")
        return told

    def signed(self, method: str, business: Mapping[str, str], **urls: str) -> dict[str, str]:
        """A request's fields; `urls` are those that Alipay calls or sends the buyer to."""
        asked = {
            "app_id": self._app_id,
            "method": method,
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": in_china(datetime.fromtimestamp(self._clock(), _CHINA)),
            "version": "1.0",
            "biz_content": json.dumps(business, separators=(",", ":")),
            **urls,
        }
        sign = self._private_key.sign(joined(asked), PKCS1v15(), SHA256())
        return asked | {"sign": b64encode(sign).decode()}

    def vouches(self, signed: bytes, sign: object) -> bool:
        """Whether Alipay has signed it: by RSA2, whatever the message says."""
        with suppress(exceptions.InvalidSignature, ValueError):
            given = b64decode(str(sign), validate=True)
            self._public_key.verify(given, signed, PKCS1v15(), SHA256())
            return True
        return False

    def _believed(self, whole: Mapping[str, object], raw: bytes, name: str) -> dict[str, object]:
        """The part of an answer that is signed, read from the very characters that are."""
        refused = whole.get(name, whole.get("error_response"))
        if isinstance(refused, dict) and refused.get("code") in _AT_THE_GATE:
            return refused
        try:
            body = raw.decode()
            start = body.index(f'"{name}":') + len(name) + 3
            told, end = json.JSONDecoder().raw_decode(body, start)
        except ValueError:
            raise ProviderUnavailable(self._provider, "nonsense") from None
        if not self.vouches(body[start:end].encode(), whole.get("sign")):
            raise ProviderUnavailable(self._provider, NOT_ALIPAYS)
        return told if isinstance(told, dict) else {}

    def _refusal(self, told: Mapping[str, object]) -> ProviderRejected | ProviderUnavailable:
        why = str(told.get("sub_code"))
        if told.get("code") not in _REFUSED or _UNDECIDED.fullmatch(why):
            return ProviderUnavailable(self._provider, "not decided")
        return ProviderRejected(self._provider, word(why))


def joined(told: Mapping[str, str]) -> bytes:
    """What Alipay and its merchants sign: the sorted `k=v`, joined by `&`."""
    return "&".join(f"{name}={value}" for name, value in sorted(told.items())).encode()


def in_china(at: datetime) -> str:
    """As Alipay writes times."""
    return f"{at.astimezone(_CHINA):%Y-%m-%d %H:%M:%S}"


def _private_key(key: str) -> RSAPrivateKey:
    with suppress(ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        loaded = load_der_private_key(_der(key), None)
        if isinstance(loaded, RSAPrivateKey):
            return loaded
    raise ValueError("private_key is no RSA private key, neither in PEM nor in base64")


def _public_key(key: str) -> RSAPublicKey:
    with suppress(ValueError, exceptions.UnsupportedAlgorithm):
        loaded = load_der_public_key(_der(key))
        if isinstance(loaded, RSAPublicKey):
            return loaded
    raise ValueError("public_key is no RSA public key, neither in PEM nor in base64")


def _der(key: str) -> bytes:
    """PEM's lines, or the bare base64 in them, as Alipay's tools hand it out."""
    return b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", key), validate=True)
