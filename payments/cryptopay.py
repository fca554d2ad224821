"""Crypto Bot (Crypto Pay): invoices in fiat money, paid inside Telegram with crypto assets."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
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
    Ended,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundEvent,
    RefundResult,
)
from payments.asking import ANSWER_SECONDS, Service
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
    items,
    json_object,
    money,
    nested,
    one_line,
    readable,
    text,
    whole,
    word,
)

_JSON: Final = "application/json"
_TOKEN: Final = re.compile(r"([0-9]{1,20}):[\x21-\x7e]+")
_TITLE_SYMBOLS: Final = 1024  # Crypto Pay API: createInvoice, description
_LONGEST: Final = 2_678_400  # seconds; Crypto Pay API: createInvoice, expires_in
_PAGE: Final = 1000  # Crypto Pay API: getInvoices, the most that `count` may be
_ASSET: Final = re.compile(r"[A-Z0-9]{2,10}")
_DECIMAL: Final = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
# Decimals of what a part of a payment is rounded down to; every other asset has 8 or more.
_DECIMALS: Final = {"TRX": 6, "USDC": 6, "USDT": 6}


class CryptoPay:
    """An app of @CryptoBot's, or of @CryptoTestnetBot's where `url` is the testnet's.

    Callbacks are set up in the bot, which switches them off after three days of failures.
    """

    code: Final = "cryptopay"
    title: Final = "Crypto Bot"
    capabilities: Final = (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    # Crypto Pay API: createInvoice, fiat.
    currencies: Final = (
        *("USD", "EUR", "RUB", "BYN", "UAH", "GBP", "CNY", "KZT", "UZS", "GEL"),
        *("TRY", "AMD", "THB", "INR", "BRL", "IDR", "AZN", "AED", "PLN", "ILS"),
    )
    tail: Final = timedelta(minutes=15)  # an ended invoice takes no more money
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({_JSON})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        token: str,
        clock: Callable[[], float] = time.time,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise ValueError("CRYPTOPAY_TOKEN is an app's number, a colon and a secret")
        self.account: Final = parts[1]
        self.live: Final = not (urlsplit(url).hostname or "").startswith("testnet")
        self._service = Service(http, self.code, url, timeout=timeout)
        self._token = token
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        """An invoice's bounds are not documented; a transfer is of about 1 to 25,000 USD."""
        return bool(amount)

    async def create(self, new: NewAttempt) -> Checkout:
        """The bot's page for a new invoice, or for the one that is open under the number.

        Two creations at the same moment make two; both carry the number, for money to be found.
        """
        number = new.attempt.number
        async for invoice in self._pages("getInvoices", status="active"):
            if invoice.get("payload") == number:
                return self._checkout(invoice)
        left = new.expires_at.timestamp() - self._clock()
        asked = {
            "currency_type": "fiat",
            "fiat": new.attempt.amount.currency,
            "amount": f"{new.attempt.amount.decimal:f}",
            "description": one_line(new.title, _TITLE_SYMBOLS) or number,
            "payload": number,
            "expires_in": int(min(max(left, 1), _LONGEST)),
            "allow_comments": False,
        }
        told = await self._ask("createInvoice", asked)
        with readable(self.code):
            return self._checkout(nested(told, "result"))

    async def query(self, attempt: Attempt) -> News | None:
        return self._news(await self._find(attempt))

    async def close(self, attempt: Attempt) -> CloseResult:
        """A deleted invoice is not listed any more; one that was never made, neither."""
        invoice = await self._find(attempt)
        if invoice is not None and self._news(invoice) is None:
            with suppress(ProviderRejected):  # it has been paid or has ended in the meantime
                await self._ask("deleteInvoice", {"invoice_id": invoice.get("invoice_id")})
            invoice = await self._find(attempt)
        news = self._news(invoice)
        if isinstance(news, PaymentEvent):
            return CloseResult.ALREADY_PAID
        gone = invoice is None or isinstance(news, Ended)
        return CloseResult.CLOSED if gone else CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """A transfer to the buyer's Telegram account, in the asset that was paid.

        The app's security settings in the bot have to allow transfers.
        """
        invoice = await self._by_id(refund.external_id, refund.attempt_number)
        if invoice is None or not isinstance(self._news(invoice), PaymentEvent):
            raise ProviderUnavailable(self.code, "no such payment")
        with readable(self.code):
            asset = text(invoice, "paid_asset", _ASSET)
            paid = Decimal(text(invoice, "paid_amount", _DECIMAL))
        asked = {
            "user_id": refund.buyer_id,
            "asset": asset,
            "amount": f"{_part(paid, asset, refund):f}",
            "spend_id": refund.number,
        }
        try:
            await self._ask("transfer", asked)
        except ProviderRejected as error:
            # Asked for again, it may be refused for another reason than that it is done.
            transfers = self._pages("getTransfers", spend_id=refund.number)
            sent = [told async for told in transfers if told.get("spend_id") == refund.number]
            if not sent and error.code != "SPEND_ID_ALREADY_USED":
                raise
        return RefundResult(done=True)

    async def check(self) -> None:
        try:
            await self._ask("getMe", {})
        except ProviderRejected:
            wrong = "CRYPTOPAY_TOKEN is wrong, or of another network than CRYPTOPAY_URL"
            raise ProviderRejected(self.code, wrong) from None

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        """As `ListingProvider`. Transfers do not say what they give back, so none is told."""
        found: list[PaymentEvent | RefundEvent] = []
        async for invoice in self._pages("getInvoices", status="paid"):
            with readable(self.code):
                if _is_ours(invoice) and _paid_at(invoice) >= since:
                    found.append(self._event(invoice))
        return found

    async def parse(self, callback: RawCallback) -> list[PaymentEvent]:
        """As `CallbackProvider`. Updates are repeated for three days, so none is too old."""
        given = callback.headers.get("crypto-pay-api-signature", "")
        expected = signature(self._token, callback.body).encode()
        if not hmac.compare_digest(expected, given.encode("utf-8", "surrogatepass")):
            raise InvalidSignature("the signature is not of the app's token")
        told = json_object(callback.body)
        if told.get("update_type") != "invoice_paid":
            return []
        invoice = nested(told, "payload")
        # The app may have other uses: an error would make the bot switch the callbacks off.
        paid = _is_ours(invoice) and invoice.get("status") == "paid"
        return [self._event(invoice)] if paid else []

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _event(self, invoice: Mapping[str, object]) -> PaymentEvent:
        """A paid invoice, which is always paid whole. Raises `MalformedCallback`."""
        return PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=str(whole(invoice, "invoice_id")),
            attempt_number=text(invoice, "payload", NUMBER),
            amount=money(invoice.get("amount"), invoice.get("fiat")),
        )

    def _news(self, invoice: Mapping[str, object] | None) -> News | None:
        with readable(self.code):
            if invoice is not None and invoice.get("status") == "paid":
                return self._event(invoice)
            if invoice is not None and invoice.get("status") == "expired":
                return Ended(self.code, text(invoice, "payload", NUMBER))
        return None

    def _checkout(self, invoice: Mapping[str, object]) -> Checkout:
        with readable(self.code):
            link = text(invoice, "bot_invoice_url", LINK)
            return Checkout(link=link, external_id=str(whole(invoice, "invoice_id")))

    async def _find(self, attempt: Attempt) -> dict[str, object] | None:
        """An attempt's invoice; where its creation's answer was lost, all have to be read."""
        if attempt.checkout is not None and attempt.checkout.external_id is not None:
            return await self._by_id(attempt.checkout.external_id, attempt.number)
        async for invoice in self._pages("getInvoices"):
            if invoice.get("payload") == attempt.number:
                return invoice
        return None

    async def _by_id(self, invoice_id: str, number: str) -> dict[str, object] | None:
        async for invoice in self._pages("getInvoices", invoice_ids=invoice_id):
            if (str(invoice.get("invoice_id")), invoice.get("payload")) != (invoice_id, number):
                raise ProviderUnavailable(self.code, "answered about another order")
            return invoice
        return None

    async def _pages(self, method: str, **asked: str) -> AsyncIterator[dict[str, object]]:
        """What a list holds. One that is refused tells nothing: `ProviderUnavailable`."""
        offset = 0
        while True:
            try:
                told = await self._ask(method, {**asked, "offset": offset, "count": _PAGE})
            except ProviderRejected as error:
                raise ProviderUnavailable(self.code, error.code) from None
            with readable(self.code):
                page = items(nested(told, "result"), "items")
            for invoice in page:
                yield invoice
            if len(page) < _PAGE:
                return
            offset += _PAGE

    async def _ask(self, method: str, asked: Mapping[str, object]) -> dict[str, object]:
        """Raises `ProviderRejected` with the name of Crypto Pay's error, for one of ours."""
        headers = {"Crypto-Pay-API-Token": self._token, "Content-Type": _JSON}
        body = json.dumps(asked).encode()
        reply = await self._service.ask("POST", f"/api/{method}", body=body, headers=headers)
        told = reply.json()
        if told.get("ok") is True:
            return told
        with readable(self.code):
            error = nested(told, "error")
            if not 400 <= whole(error, "code") < 500:
                raise MalformedCallback("an error of its own")
        raise ProviderRejected(self.code, word(error.get("name")))


def signature(token: str, body: bytes) -> str:
    """HMAC-SHA256 in hex over the raw body; the key is the token's SHA-256."""
    return hmac.new(hashlib.sha256(token.encode()).digest(), body, hashlib.sha256).hexdigest()


def _is_ours(invoice: Mapping[str, object]) -> bool:
    payload = invoice.get("payload")
    fiat = invoice.get("currency_type") == "fiat"
    return fiat and isinstance(payload, str) and NUMBER.fullmatch(payload) is not None


def _paid_at(invoice: Mapping[str, object]) -> datetime:
    try:
        return datetime.fromisoformat(text(invoice, "paid_at")).astimezone()
    except (ValueError, OverflowError):
        raise MalformedCallback("paid_at is no time") from None


def _part(paid: Decimal, asset: str, refund: Refund) -> Decimal:
    if refund.amount == refund.paid:
        return paid
    part = paid * refund.amount.amount / refund.paid.amount
    return part.quantize(Decimal(1).scaleb(-_DECIMALS.get(asset, 8)), ROUND_DOWN)
