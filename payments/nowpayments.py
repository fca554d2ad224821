"""NOWPayments: invoices payable in many coins, and callbacks about each payment of one."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    Confirming,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundEvent,
    RefundResult,
)
from payments.asking import Reply, Service
from payments.provider import (
    REPLIES,
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
)
from payments.reading import (
    LINK,
    NUMBER,
    Number,
    json_object,
    minor_money,
    money,
    one_line,
    text,
    word,
)

SIGNATURE_HEADER: Final = "x-nowpayments-sig"
SANDBOX: Final = "api-sandbox.nowpayments.io"
_STAGES: Final = {"confirming": 1, "confirmed": 2, "sending": 3}
_FINISHED, _PARTIAL, _REFUNDED = "finished", "partially_paid", "refunded"
_DESCRIPTION_CHARACTERS: Final = 150
_ID: Final = re.compile(r"[0-9]{1,20}")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
# JavaScript writes the smallest amounts of a coin with an exponent.
_DECIMAL: Final = re.compile(r"[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?")


class NowPayments:
    """Prices are in money, paid in the coin that the buyer chooses on the invoice's page.

    Of one payment id there is one payment, however often its status changes: what comes to the
    same address later is told under an id of its own (a re-deposit). So a `partially_paid` one
    that a person makes `finished` at NOWPayments' desk is not counted twice; in the shop it is
    in that person's hands already.
    """

    code: Final = "nowpayments"
    title: Final = "NOWPayments"
    account: Final = "nowpayments"  # callbacks name no merchant: each has a secret of its own
    # Payments of an invoice are listed to whoever logs in by e-mail and password, not to a key.
    capabilities: Final = Capability.NONE
    # "Currently following fiat currencies are available" (NOWPayments API: Get estimated price).
    currencies: Final = ("USD", "EUR", "CAD", "GBP", "AUD", "ILS", "RON")
    tail: Final = timedelta()
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        api_key: str,
        ipn_secret: str,
        public_url: str,
        timeout: float = 8,
    ) -> None:
        if not (api_key and ipn_secret):
            raise ValueError("NOWPAYMENTS_API_KEY and NOWPAYMENTS_IPN_SECRET are needed")
        self.live: Final = urlsplit(url).hostname != SANDBOX
        self._service = Service(http, self.code, url, timeout=timeout)
        self._headers = {"x-api-key": api_key, "Content-Type": "application/json"}
        self._secret = ipn_secret.encode()
        self._callbacks = f"{public_url.rstrip('/')}/payments/nowpayments"

    def takes(self, amount: Money) -> bool:
        """What is too little depends on the coin, and on the day."""
        return bool(amount)

    async def create(self, new: NewAttempt) -> Checkout:
        """An invoice, which does not expire.

        Repeated, it is another one under the same number: NOWPayments has no idempotency keys.
        Nobody has seen the first, and a payment of either is the attempt's.
        """
        amount = new.attempt.amount
        asked = {
            "price_amount": Number(f"{amount.decimal:f}"),
            "price_currency": amount.currency.lower(),
            "order_id": new.attempt.number,
            "order_description": one_line(new.title, _DESCRIPTION_CHARACTERS),
            "ipn_callback_url": f"{self._callbacks}/notify",
            "success_url": f"{self._callbacks}/return",
            "cancel_url": f"{self._callbacks}/return",
        }
        reply = await self._ask("POST", "/v1/invoice", canonical(asked).encode())
        told = self._told(reply)
        if not reply.ok:
            raise ProviderRejected(self.code, word(told.get("code")))
        try:
            priced = money(told.get("price_amount"), told.get("price_currency"))
            if (told.get("order_id"), priced) != (new.attempt.number, amount):
                raise MalformedCallback("another order")
            link, invoice = text(told, "invoice_url", LINK), str(text(told, "id"))
            return Checkout(link=link, external_id=invoice)
        except MalformedCallback:
            raise ProviderUnavailable(self.code, "nonsense") from None

    async def query(self, attempt: Attempt) -> News | None:
        """A payment is asked for by its id, which only its callbacks tell."""
        return None

    async def close(self, attempt: Attempt) -> CloseResult:
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """Done at NOWPayments' desk."""
        raise ProviderRejected(self.code, "not offered")

    async def check(self) -> None:
        """Whether the API works, and which coins the shop has switched on; a key is needed."""
        if self._told(await self._ask("GET", "/v1/status")).get("message") != "OK":
            raise ProviderUnavailable(self.code, "out of order")
        reply = await self._ask("GET", "/v1/merchant/coins")
        self._told(reply)
        if not reply.ok:
            raise ProviderRejected(self.code, "NOWPAYMENTS_API_KEY is wrong")

    async def parse(self, callback: RawCallback) -> list[News | RefundEvent]:
        """As `CallbackProvider`. An invoice outlives its payments, so none of them ends it:
        one that has failed or expired is followed by another as soon as the buyer likes.
        """
        told = self._authentic(callback)
        if "payment_status" not in told:
            return []  # of payouts and transfers
        number, status = text(told, "order_id", NUMBER), told["payment_status"]
        payment = str(text(told, "payment_id", _ID))
        if isinstance(status, str) and status in _STAGES:
            return [Confirming(self.code, number, _STAGES[status], len(_STAGES))]
        if status not in (_FINISHED, _PARTIAL, _REFUNDED):
            return []
        account, received = self._received(told)
        if received is None:
            return []
        if status == _REFUNDED:
            return [RefundEvent(self.code, account, payment, received)]
        return [PaymentEvent(self.code, account, self.live, payment, number, received)]

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _received(self, told: Mapping[str, object]) -> tuple[str, Money | None]:
        """For which account, and how much, rounded down; None for less than the least unit.

        A finished payment is the whole price, and more where more has come; a partial one is
        always less. "Finished" is said of any re-deposit, whatever it is worth, even in a wrong
        coin: "We do not recommend configuring your system to automatically provide services or
        ship goods based on any repeated-deposit status" (NOWPayments API: Repeated Deposits).
        So it comes under an account of its own, which counts for no order: a person decides.
        """
        currency = text(told, "price_currency", _CURRENCY).upper()
        price = Fraction(money(told.get("price_amount"), currency).amount)
        asked = _fraction(told, "pay_amount")
        if not asked:
            raise MalformedCallback("pay_amount is nothing")
        share = _fraction(told, "actually_paid") / asked
        account = self.account
        if told.get("parent_payment_id"):
            account, minor = f"{account}/re-deposit", price * share
        elif told["payment_status"] == _PARTIAL:
            minor = min(price * share, price - 1)
        else:
            minor = price * max(share, Fraction(1))
        return account, minor_money(int(minor), currency) if minor >= 1 else None

    def _authentic(self, callback: RawCallback) -> dict[str, object]:
        told = json_object(callback.body, literal=True)
        given = _bytes(callback.headers.get(SIGNATURE_HEADER, ""))
        try:
            signed = (canonical(told), canonical(told, indexed=True))
        except RecursionError:
            raise MalformedCallback("nested too deep") from None
        if not any(hmac.compare_digest(self._signature(form), given) for form in signed):
            raise InvalidSignature("the signature is not NOWPayments'")
        return told

    def _signature(self, signed: str) -> bytes:
        return hmac.new(self._secret, _bytes(signed), hashlib.sha512).hexdigest().encode()

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        return await self._service.ask(method, path, body=body, headers=self._headers)

    def _told(self, reply: Reply) -> dict[str, object]:
        try:
            return json_object(reply.body, literal=True)
        except MalformedCallback:
            raise ProviderUnavailable(self.code, "nonsense") from None


def canonical(told: object, *, indexed: bool = False) -> str:
    """What JSON.stringify makes of it once its keys are sorted; numbers stay as they came.

    `indexed` writes a list as an object, as the sample in NOWPayments' documents does; their
    SDK and their PHP sample leave it a list.
    """
    if isinstance(told, list) and indexed:
        told = {str(index): item for index, item in enumerate(told)}
    if isinstance(told, list):
        return f"[{','.join(canonical(item) for item in told)}]"
    if isinstance(told, dict):
        pairs = sorted(told.items())
        return f"{{{','.join(f'{_string(k)}:{canonical(v, indexed=indexed)}' for k, v in pairs)}}}"
    return told if isinstance(told, Number) else _string(told)


def _string(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bytes(signed: str) -> bytes:
    r"""Half a surrogate pair is written `\ud800`, as JSON.stringify does."""
    return signed.encode("utf-8", "backslashreplace")


def _fraction(told: Mapping[str, object], name: str) -> Fraction:
    return Fraction(text(told, name, _DECIMAL))
