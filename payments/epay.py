"""EPay (易支付), version 1: signed links, signed callbacks, and orders asked for by key."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import aiohttp

from domain.errors import BadAmount, ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import OrderLine, total
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    NewAttempt,
    PaymentEvent,
    Refund,
)
from payments.provider import (
    FORM,
    MAX_CALLBACK_BYTES,
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
    fields,
)

_UNSIGNED: Final = frozenset({"sign", "sign_type"})
_NAME_BYTES: Final = 127  # what platforms keep of a name
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{6,32}")
_TRADE: Final = re.compile(r"[\x21-\x7e]{1,128}")
_LINK: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")  # a button takes no other scheme
_QR: Final = re.compile(r"[\x21-\x7e]{1,2000}")
_REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(200, "success"),
    Answer.RETRY: HttpReply(500, "fail"),
    Answer.REJECTED: HttpReply(401, "fail"),
}


class EPay:
    """A platform that speaks EPay V1; `types` are the payment types the merchant offers there.

    The money has no currency on the wire: `currency` is what the platform settles in. An answer
    may take `timeout` seconds.
    """

    code: Final = "epay"
    title: Final = "EPay"
    live: Final = True
    capabilities: Final = Capability.QUERY
    methods: Final[Mapping[str, frozenset[str]]] = {"GET": frozenset(), "POST": frozenset({FORM})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        pid: str,
        key: str,
        types: Sequence[str],
        currency: str,
        public_url: str,
        confirm_by_query: bool = True,
        timeout: float = 8,
    ) -> None:
        if not (pid and key and types):
            raise ValueError("EPay needs a merchant id, a key and a payment type")
        self.account: Final = pid
        self._http = http
        self._url = url.rstrip("/")
        self._key = key
        self._types = tuple(types)
        self._currency = currency
        self._callbacks = f"{public_url.rstrip('/')}/payments/epay"
        self._confirm_by_query = confirm_by_query
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    def quote(self, lines: Sequence[OrderLine]) -> Money | None:
        asked = total(lines)
        return asked if asked.currency == self._currency else None

    async def create(self, new: NewAttempt) -> Checkout:
        """The payment page that `mapi.php` makes for the first type, or the `submit.php` link.

        The link needs no answer from the platform, so whatever keeps `mapi.php` from offering a
        page, a refusal too, leaves the buyer with a link on which the platform explains itself.
        """
        asked = self._order(new) | {
            "type": self._types[0],
            "clientip": "127.0.0.1",  # Telegram does not tell the buyer's
            "device": "jump",  # a page to open, whatever the buyer's device
        }
        try:
            answer = await self._ask("POST", "mapi.php", self._signed(asked))
        except ProviderUnavailable:
            answer = {}
        return _offered(answer) or Checkout(link=self._link(new))

    async def query(self, attempt: Attempt) -> PaymentEvent | None:
        return await self._find({"out_trade_no": attempt.number})

    async def close(self, attempt: Attempt) -> CloseResult:
        """The protocol has no close, and its links do not expire."""
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> None:
        """Few platforms let a merchant's program refund: it is done at their desk."""
        raise ProviderRejected(self.code, "not offered")

    async def parse(self, callback: RawCallback) -> list[PaymentEvent]:
        """As `CallbackProvider`. A callback proves no freshness, so the platform is asked too."""
        told = self._authentic(callback)
        if told.get("pid") != self.account:
            raise WrongMerchant("another pid")
        if told.get("trade_status") != "TRADE_SUCCESS":
            return []
        event = self._event(told)
        if self._confirm_by_query and await self._confirmed(event) != event:
            raise InvalidSignature("the platform does not confirm it")
        return [event]

    def reply(self, answer: Answer) -> HttpReply:
        return _REPLIES[answer]

    def _authentic(self, callback: RawCallback) -> dict[str, str]:
        told = fields(_encoded(callback))
        expected = signature(told, self._key)
        if not hmac.compare_digest(expected.encode(), _bytes(told.get("sign", ""))):
            raise InvalidSignature("the signature is not the merchant's")
        return told

    def _event(self, told: Mapping[str, str]) -> PaymentEvent:
        """What callbacks and orders tell in the same words. Raises `MalformedCallback`."""
        return PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=_matching(_TRADE, told, "trade_no"),
            attempt_number=_matching(_NUMBER, told, "out_trade_no"),
            amount=self._amount(told.get("money", "")),
        )

    def _amount(self, money: str) -> Money:
        try:
            amount = Money.parse(money, self._currency)
        except BadAmount:
            raise MalformedCallback("money is no amount") from None
        if not amount:
            raise MalformedCallback("no money")
        return amount

    async def _confirmed(self, event: PaymentEvent) -> PaymentEvent | None:
        """The order under its trade's id: one number may have an abandoned trade besides.

        What a platform's answer leaves out is taken from the callback, which is signed.
        """
        order = {"out_trade_no": event.attempt_number, "trade_no": event.external_id}
        return await self._find(order, known=order | {"money": f"{event.amount.decimal:f}"})

    async def _find(
        self, order: dict[str, str], known: dict[str, str] | None = None
    ) -> PaymentEvent | None:
        """The platform's own word on an order; None unless it is paid."""
        asked = {"act": "order", "pid": self.account, "key": self._key, **order}
        answer = await self._ask("GET", "api.php", asked)
        if (answer.get("code"), answer.get("status")) != ("1", "1"):
            return None
        told = {"pid": self.account} | (known or order) | answer
        if (told["pid"], told["out_trade_no"]) != (self.account, order["out_trade_no"]):
            raise ProviderUnavailable(self.code, "answered about another order")
        try:
            return self._event(told)
        except MalformedCallback as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def _ask(self, method: str, path: str, sent: dict[str, str]) -> dict[str, str]:
        """The answer's fields. Raises `ProviderUnavailable`, which knows nothing of the URL."""
        try:
            async with self._http.request(
                method,
                f"{self._url}/{path}",
                params=sent if method == "GET" else None,
                data=sent if method == "POST" else None,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                if response.status == 200:
                    return _scalars(await _limited(response))
                failure = f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = type(error).__name__
        except (ValueError, RecursionError):
            failure = "nonsense"
        # Out here the error has no context: aiohttp's would show the URL, and it holds the key.
        raise ProviderUnavailable(self.code, failure)

    def _order(self, new: NewAttempt) -> dict[str, str]:
        return {
            "pid": self.account,
            "out_trade_no": new.attempt.number,
            "notify_url": f"{self._callbacks}/notify",
            "return_url": f"{self._callbacks}/return",
            "name": _trimmed(new.title),
            "money": f"{new.attempt.amount.decimal:f}",
        }

    def _link(self, new: NewAttempt) -> str:
        """Of several types none is named: the platform's page lets the buyer choose."""
        only = {"type": self._types[0]} if len(self._types) == 1 else {}
        return f"{self._url}/submit.php?{urlencode(self._signed(self._order(new) | only))}"

    def _signed(self, asked: dict[str, str]) -> dict[str, str]:
        return asked | {"sign": signature(asked, self._key), "sign_type": "MD5"}


def signature(told: Mapping[str, str], key: str) -> str:
    """MD5 in hex over the sorted `k=v` that are not empty, joined by `&`, and the key."""
    signed = "&".join(f"{k}={v}" for k, v in sorted(told.items()) if v and k not in _UNSIGNED)
    # Not for security as far as Python is concerned: the platform knows no other algorithm.
    return hashlib.md5(_bytes(signed + key), usedforsecurity=False).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _encoded(callback: RawCallback) -> str:
    if callback.method != "POST":
        return callback.query
    try:
        return callback.body.decode()
    except UnicodeDecodeError:
        raise MalformedCallback("not a form") from None


def _matching(pattern: re.Pattern[str], told: Mapping[str, str], name: str) -> str:
    value = told.get(name, "")
    if not pattern.fullmatch(value):
        raise MalformedCallback(f"{name} is missing or of the wrong form")
    return value


def _trimmed(title: str) -> str:
    """On one line and no longer than platforms keep, cut between characters."""
    return " ".join(title.split()).encode()[:_NAME_BYTES].decode(errors="ignore")


def _offered(answer: Mapping[str, str]) -> Checkout | None:
    """What `mapi.php` made: `payurl`, `qrcode` or both; a `urlscheme` opens in no chat."""
    if answer.get("code") != "1":
        return None
    pay_url, qr = answer.get("payurl", ""), answer.get("qrcode", "")
    links = [link for link in (pay_url, qr) if _LINK.fullmatch(link)]
    code = qr if _QR.fullmatch(qr) else None
    if not links and code is None:
        return None
    return Checkout(links[0] if links else None, code, external_id=answer.get("trade_no"))


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises ValueError where it is longer than any answer has to be."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_CALLBACK_BYTES:
            raise ValueError("too long")
    return body


def _scalars(body: bytes) -> dict[str, str]:
    """A JSON object's texts, and its numbers as they are written. Raises ValueError."""
    answer = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    if not isinstance(answer, dict):
        raise ValueError("no object")
    return {name: value for name, value in answer.items() if isinstance(value, str)}
