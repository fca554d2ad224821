"""Whether a notice is PayPal's own: PayPal is asked, or its certificate is."""

import base64
import json
import re
import ssl
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import aiohttp
import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature as NotSigned
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import AuthorityInformationAccessOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from domain.errors import ProviderUnavailable
from payments.asking import Service
from payments.paypal_api import CODE, Api
from payments.provider import InvalidSignature, RawCallback, StaleCallback
from payments.reading import json_object

# PayPal repeats a notice up to 25 times within three days (its webhooks guide), and for 30 days
# at the merchant's request; whether under the first time stamp, it does not say. A replay does
# no harm: whatever a notice says is recorded once.
_OLDEST: Final = timedelta(days=31)
_AHEAD: Final = timedelta(minutes=5)
_ALGORITHM: Final = "SHA256withRSA"
_WORD: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_ADDRESS: Final = re.compile(r"[\x21-\x7e]{1,500}")
_BASE64: Final = re.compile(r"[0-9A-Za-z+/]{1,1000}={0,2}")


class Signatures(Protocol):
    async def verify(self, callback: RawCallback) -> None:
        """Raises `InvalidSignature`, `StaleCallback`, `ProviderUnavailable`.

        And `MalformedCallback` where there is nothing that could be verified.
        """


@dataclass(frozen=True)
class Trust:
    """Where signing certificates may lie, who may have issued them, and the roots of it all.

    PayPal's file holds its own certificate alone, whose issuer's is fetched where that says;
    `http` will do there, because nothing is believed that does not lead to a root.
    """

    certificates: re.Pattern[str] = re.compile(
        r"https://([0-9a-z-]+\.)*paypal\.com/v1/notifications/certs/[\w-]{1,128}", re.ASCII
    )
    issuers: re.Pattern[str] = re.compile(
        r"http://cacerts\.digicert\.com/[\w.-]{1,128}\.crt", re.ASCII
    )
    roots: Sequence[str] | None = None  # in PEM; without them DigiCert's own


PAYPAL: Final = Trust()


@dataclass(frozen=True)
class _Transmission:
    """A notice's headers, as they came."""

    id: str
    time: str
    signature: str
    certificate: str

    @classmethod
    def of(cls, callback: RawCallback, now: float) -> "_Transmission":
        if callback.headers.get("PAYPAL-AUTH-ALGO") != _ALGORITHM:
            raise InvalidSignature("no signature, or of another kind")
        found = cls(
            id=_header(callback, "PAYPAL-TRANSMISSION-ID", _WORD),
            time=_header(callback, "PAYPAL-TRANSMISSION-TIME", _TIME),
            signature=_header(callback, "PAYPAL-TRANSMISSION-SIG", _BASE64),
            certificate=_header(callback, "PAYPAL-CERT-URL", _ADDRESS),
        )
        found._require_fresh(datetime.fromtimestamp(now, UTC))
        return found

    def _require_fresh(self, now: datetime) -> None:
        try:
            sent_at = datetime.fromisoformat(self.time)
        except ValueError:
            raise InvalidSignature("its time is none") from None
        if not now - _OLDEST <= sent_at <= now + _AHEAD:
            raise StaleCallback("sent too long ago, or in the future")


class ByApi:
    """PayPal itself is asked: POST /v1/notifications/verify-webhook-signature."""

    def __init__(self, api: Api, *, webhook_id: str, clock: Callable[[], float]) -> None:
        self._api = api
        self._webhook_id = webhook_id
        self._clock = clock

    async def verify(self, callback: RawCallback) -> None:
        sent = _Transmission.of(callback, self._clock())
        json_object(callback.body, literal=True)  # one object: it can add nothing to the question
        asked = {
            "auth_algo": _ALGORITHM,
            "cert_url": sent.certificate,
            "transmission_id": sent.id,
            "transmission_sig": sent.signature,
            "transmission_time": sent.time,
            "webhook_id": self._webhook_id,
        }
        # The notice goes in as it came: what is signed is its bytes.
        question = json.dumps(asked)[:-1].encode() + b',"webhook_event":' + callback.body + b"}"
        reply = await self._api.ask("POST", "/v1/notifications/verify-webhook-signature", question)
        verdict = reply.json().get("verification_status") if reply.ok else None
        if verdict == "FAILURE" or reply.status in {400, 422}:
            raise InvalidSignature("PayPal does not know it")
        if verdict != "SUCCESS":
            raise ProviderUnavailable(CODE, "no verdict")


class ByCertificate:
    """The certificate that the notice names is fetched, and traced to a trusted root."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        webhook_id: str,
        live: bool,
        trust: Trust,
        clock: Callable[[], float],
        timeout: float,
    ) -> None:
        self._http = http
        self._webhook_id = webhook_id
        # As PayPal's certificates are named, and its Java SDK requires.
        self._name = f"messageverificationcerts.{'' if live else 'sandbox.'}paypal.com"
        self._trust = trust
        self._roots = Store(_digicert() if trust.roots is None else _read(*trust.roots))
        self._clock = clock
        self._timeout = timeout
        self._known: dict[str, list[x509.Certificate]] = {}  # chains that were once trusted

    async def verify(self, callback: RawCallback) -> None:
        sent = _Transmission.of(callback, self._clock())
        key = (await self._certificate(sent.certificate)).public_key()
        body = zlib.crc32(callback.body)
        signed = f"{sent.id}|{sent.time}|{self._webhook_id}|{body}".encode()
        try:
            signature = base64.b64decode(sent.signature, validate=True)
            if not isinstance(key, RSAPublicKey):
                raise InvalidSignature("signed with another kind of key")
            key.verify(signature, signed, PKCS1v15(), SHA256())
        except (NotSigned, ValueError):
            raise InvalidSignature("the signature is not PayPal's") from None

    async def _certificate(self, url: str) -> x509.Certificate:
        chain = self._known.get(url)
        if chain is None or not self._leads_to_root(chain):
            chain = await self._fetched(url)
            if not self._leads_to_root(chain):
                raise InvalidSignature("the certificate is not PayPal's, or not valid now")
            self._known[url] = chain
        return chain[0]

    def _leads_to_root(self, chain: list[x509.Certificate]) -> bool:
        now = datetime.fromtimestamp(self._clock(), UTC)
        policy = PolicyBuilder().store(self._roots).time(now)
        try:
            policy.build_server_verifier(x509.DNSName(self._name)).verify(chain[0], chain[1:])
        except (VerificationError, ValueError):
            return False
        return True

    async def _fetched(self, url: str) -> list[x509.Certificate]:
        found = await self._get(url, self._trust.certificates)
        try:
            chain = x509.load_pem_x509_certificates(found)
            for issuer in _issuers(chain):
                der = await self._get(issuer, self._trust.issuers)
                chain.append(x509.load_der_x509_certificate(der))
        except ValueError:
            raise ProviderUnavailable(CODE, "nonsense") from None
        return chain

    async def _get(self, url: str, allowed: re.Pattern[str]) -> bytes:
        if not allowed.fullmatch(url):
            raise InvalidSignature("its certificate lies elsewhere")
        reply = await Service(self._http, CODE, url, timeout=self._timeout).ask("GET", "")
        if not reply.ok:
            raise InvalidSignature("there is no such certificate")
        return reply.body


def _header(callback: RawCallback, name: str, pattern: re.Pattern[str]) -> str:
    value = callback.headers.get(name, "")
    if not pattern.fullmatch(value):
        raise InvalidSignature(f"{name} is missing or of the wrong form")
    return value


def _issuers(chain: Sequence[x509.Certificate]) -> list[str]:
    """Where the issuer's certificate lies of one that came alone."""
    if len(chain) > 1:
        return []
    try:
        known = chain[0].extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return []
    return [
        access.access_location.value
        for access in known.value
        if access.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(access.access_location, x509.UniformResourceIdentifier)
    ]


def _digicert() -> list[x509.Certificate]:
    """The roots of the authority from which PayPal has its certificates, and no other's."""
    known = ssl.create_default_context(cafile=certifi.where())
    roots = zip(known.get_ca_certs(), known.get_ca_certs(binary_form=True), strict=True)
    return [
        x509.load_der_x509_certificate(der) for told, der in roots if "DigiCert Inc" in str(told)
    ]


def _read(*pems: str) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
