"""EPay (易支付), version 2: RSA over the same text as version 1, in both directions."""

import base64
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import aiohttp
from cryptography.exceptions import InvalidSignature as NotSigned
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundResult,
)
from payments import epay
from payments.asking import Service
from payments.provider import (
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
    fields,
)

TOLERANCE: Final = 300  # seconds, both ways


class EPayV2:
    """A platform that speaks EPay V2; like `EPay`, but with the merchant's RSA key and its own."""

    code: Final = epay.EPay.code
    title: Final = epay.EPay.title
    live: Final = epay.EPay.live
    capabilities: Final = Capability.QUERY | Capability.REFUND | Capability.PARTIAL_REFUND
    tail: Final = epay.EPay.tail
    methods: Final = epay.METHODS

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        pid: str,
        private_key: str,
        platform_key: str,
        types: Sequence[str],
        currency: str,
        public_url: str,
        confirm_by_query: bool = True,
        clock: Callable[[], float] = time.time,
        timeout: float = 8,
    ) -> None:
        if not (pid and types):
            raise ValueError("EPay needs a merchant id and a payment type")
        self.account: Final = pid
        self._private_key = _private(private_key)
        self._platform_key = _public(platform_key)
        self._service = Service(http, self.code, url, timeout=timeout)
        self._types = tuple(types)
        self._currency = currency
        self._callbacks = f"{public_url.rstrip('/')}/payments/epay"
        self._confirm_by_query = confirm_by_query
        self._clock = clock

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self._currency,)

    def takes(self, amount: Money) -> bool:
        return True

    async def create(self, new: NewAttempt) -> Checkout:
        """The page that the platform makes for the first type, or else a link to its own choice.

        A link is signed with its time, so it opens for five minutes only.
        """
        asked = self._asked(new)
        more = {"method": "jump", "device": "pc", "clientip": "127.0.0.1", "type": self._types[0]}
        try:
            told = await self._ask("create", asked | more)
        except ProviderUnavailable:
            told = {}
        made = told if told.get("code") == "0" else {}
        info, kind = made.get("pay_info", ""), made.get("pay_type")
        page, qr = info if kind == "jump" else "", info if kind == "qrcode" else ""
        return epay.offered(page, qr, made.get("trade_no")) or self._link(asked)

    async def query(self, attempt: Attempt) -> News | None:
        return await self._find({"out_trade_no": attempt.number})

    async def close(self, attempt: Attempt) -> CloseResult:
        """What platforms call closing depends on the channel, and promises nothing."""
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """A refund that the platform has written down is repeated under its number alone.

        Refusals are not signed, and do not say whether the platform knows the number: nothing
        final rests on them once the refund may have been made.
        """
        number = {"out_refund_no": refund.number}
        asked = {"trade_no": refund.external_id, "money": f"{refund.amount.decimal:f}"}
        told = await self._ask("refund", asked | number)
        if told.get("code") != "0":
            refusal = told["code"] if epay.REFUSAL.fullmatch(told.get("code", "")) else "refused"
            told = await self._ask("refundquery", number)
            if told.get("code") != "0":
                error = ProviderRejected if refund.try_count <= 1 else ProviderUnavailable
                raise error(self.code, refusal)
        if told.get("out_refund_no", refund.number) != refund.number:
            raise ProviderUnavailable(self.code, "answered about another refund")
        return RefundResult(done=told.get("status", "1") == "1")

    async def check(self) -> None:
        try:
            told = await self._ask("info", {}, of="merchant")
        except _NotThePlatform:
            raise ProviderRejected(self.code, "the platform's public key") from None
        if told.get("code") != "0":
            raise ProviderRejected(self.code, "the merchant id or the private key")

    async def parse(self, callback: RawCallback) -> list[PaymentEvent]:
        """As `CallbackProvider`. The platform's key is that of all its merchants."""
        told = fields(epay.encoded(callback))
        if not self._is_signed(told):
            raise InvalidSignature("the signature is not the platform's")
        if not self._is_fresh(told):
            raise StaleCallback("signed too long ago, or in the future")
        if told.get("pid") != self.account:
            raise WrongMerchant("another pid")
        if told.get("trade_status") != "TRADE_SUCCESS":
            return []
        event = epay.payment(told, self.account, self._currency)
        if self._confirm_by_query and await self._confirmed(event) != event:
            raise InvalidSignature("the platform does not confirm it")
        return [event]

    def reply(self, answer: Answer) -> HttpReply:
        return epay.REPLIES[answer]

    async def _confirmed(self, event: PaymentEvent) -> PaymentEvent | None:
        return await self._find(
            {"out_trade_no": event.attempt_number, "trade_no": event.external_id}
        )

    async def _find(self, order: dict[str, str]) -> PaymentEvent | None:
        """The platform's own word on an order; None unless it is paid."""
        told = await self._ask("query", order)
        if (told.get("code"), told.get("status")) != ("0", "1"):
            return None
        theirs = (told.get("pid"), told.get("out_trade_no"))
        if theirs != (self.account, order["out_trade_no"]):
            raise ProviderUnavailable(self.code, "answered about another order")
        try:
            return epay.payment(told, self.account, self._currency)
        except MalformedCallback as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def _ask(self, what: str, asked: dict[str, str], *, of: str = "pay") -> dict[str, str]:
        """The answer; a refusal may be unsigned, but nothing else is believed unless it is."""
        form = self._signed({"pid": self.account} | asked)
        told = epay.scalars(await self._service.ask("POST", f"/api/{of}/{what}", form=form))
        if told.get("code") == "0" and not (self._is_signed(told) and self._is_fresh(told)):
            raise _NotThePlatform(self.code, "not signed by the platform")
        return told

    def _asked(self, new: NewAttempt) -> dict[str, str]:
        return {
            "pid": self.account,
            "out_trade_no": new.attempt.number,
            "notify_url": f"{self._callbacks}/notify",
            "return_url": f"{self._callbacks}/return",
            "name": epay.trimmed(new.title),
            "money": f"{new.attempt.amount.decimal:f}",
        }

    def _link(self, asked: dict[str, str]) -> Checkout:
        """Of several types none is named: the platform's page lets the buyer choose."""
        only = {"type": self._types[0]} if len(self._types) == 1 else {}
        signed = self._signed(asked | only)
        ends = datetime.fromtimestamp(int(signed["timestamp"]), UTC) + timedelta(seconds=TOLERANCE)
        link = f"{self._service.url}/api/pay/submit?{urlencode(signed)}"
        return Checkout(link=link, expires_at=ends)

    def _signed(self, asked: dict[str, str]) -> dict[str, str]:
        asked = asked | {"timestamp": str(int(self._clock()))}
        signature = self._private_key.sign(_text(asked), PKCS1v15(), SHA256())
        return asked | {"sign": base64.b64encode(signature).decode(), "sign_type": "RSA"}

    def _is_signed(self, told: dict[str, str]) -> bool:
        try:
            signature = base64.b64decode(told.get("sign", ""), validate=True)
            self._platform_key.verify(signature, _text(told), PKCS1v15(), SHA256())
        except (ValueError, NotSigned):
            return False
        return True

    def _is_fresh(self, told: dict[str, str]) -> bool:
        at = told.get("timestamp", "")
        return at.isdecimal() and len(at) < 13 and abs(self._clock() - int(at)) <= TOLERANCE


class _NotThePlatform(ProviderUnavailable):
    """An answer that its key has not signed."""


def _text(told: dict[str, str]) -> bytes:
    return epay.as_bytes(epay.signed_text(told))


def _private(key: str) -> RSAPrivateKey:
    try:
        read = load_der_private_key(_der(key), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        read = None
    if not isinstance(read, RSAPrivateKey):
        raise ValueError("EPAY_PRIVATE_KEY is no RSA private key, in PEM or base64")
    return read


def _public(key: str) -> RSAPublicKey:
    try:
        read = load_der_public_key(_der(key))
    except (ValueError, UnsupportedAlgorithm):
        read = None
    if not isinstance(read, RSAPublicKey):
        raise ValueError("EPAY_PLATFORM_KEY is no RSA public key, in PEM or base64")
    return read


def _der(key: str) -> bytes:
    """What PEM and bare base64 both hold. Raises ValueError."""
    lines = [line.strip() for line in key.splitlines() if not line.startswith("-----")]
    return base64.b64decode("".join(lines), validate=True)
