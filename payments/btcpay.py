"""BTCPay Server: invoices at a server of the merchant's own, paid in Bitcoin and other coins."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import STARS, Money
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
from payments.asking import ANSWER_SECONDS, Reply, Service
from payments.btcpay_invoice import FINAL, LIVE, PROVIDER, invoice_for, is_ours, news_of, number_of
from payments.provider import (
    REPLIES,
    Answer,
    HttpReply,
    InvalidSignature,
    RawCallback,
    WrongMerchant,
)
from payments.reading import LINK, items, json_object, readable, text, word

_JSON: Final = "application/json"
_INVOICE: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
_TEST: Final = "__test__"  # BTCPay Server: the invoice of a delivery sent by "test webhook"
_PAGE: Final = 100


class BTCPay:
    """A store at a BTCPay Server; its webhook is made there, with all events of invoices.

    An invoice may be paid in several payments, late ones too: each is told under its own id and
    with what it adds in the invoice's currency, once the invoice has ended or is settled. What
    the merchant's "mark settled" adds to them is told under the invoice's id.

    The API key may view, create and modify invoices, view pull payments and create those that
    are not approved.
    """

    code: Final = PROVIDER
    title: Final = "Bitcoin"
    live: Final = LIVE
    capabilities: Final = (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    currencies: Final[Sequence[str]] = ()
    tail: Final = timedelta(days=1)  # as long as BTCPay Server by default watches an ended invoice
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({_JSON})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        store_id: str,
        api_key: str,
        webhook_secret: str,
        public_url: str,
        clock: Callable[[], float] = time.time,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        if not (store_id and api_key and webhook_secret):
            raise ValueError("BTCPay Server needs a store id, an API key and a webhook's secret")
        self.account: Final = store_id
        store = f"{url.rstrip('/')}/api/v1/stores/{quote(store_id, safe='')}"
        self._service = Service(http, self.code, store, timeout=timeout)
        self._headers = {"Authorization": f"token {api_key}", "Content-Type": _JSON}
        self._secret = webhook_secret
        self._return_url = f"{public_url.rstrip('/')}/payments/btcpay/return"
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        return bool(amount) and amount.currency != STARS

    async def create(self, new: NewAttempt) -> Checkout:
        """The page of a new invoice, or of the one that is there under the number.

        There is no idempotency key: two creations at the same moment make two invoices. Both
        carry the number, so that money for either is found.
        """
        number = new.attempt.number
        if found := await self._under(number):
            return self._checkout(found[0])
        asked = invoice_for(new, now=self._clock(), return_url=self._return_url)
        return self._checkout(self._ours(await self._tell("/invoices", asked), number))

    async def query(self, attempt: Attempt) -> News | None:
        """Of several payments, the first that the attempt has not received yet."""
        invoice = await self._find(attempt)
        news = [] if invoice is None else await self._news(invoice)
        known = 0
        for told in news:
            known += told.amount.amount if isinstance(told, PaymentEvent) else 0
            if known > attempt.received:
                return told
        return news[-1] if news else None

    async def close(self, attempt: Attempt) -> CloseResult:
        """Marks an invoice invalid on which nothing has arrived: its page takes no more money.

        A buyer may keep the address and send to it: that is told by the webhook and the list.
        """
        invoice = await self._find(attempt)
        if invoice is None:
            return CloseResult.CLOSED
        news = await self._news(invoice)
        if not news:
            with suppress(ProviderRejected):  # it has been paid or has ended in the meantime
                await self._tell(f"/invoices/{invoice['id']}/status", {"status": "Invalid"})
            news = await self._news(await self._invoice(str(invoice["id"])))
        if any(isinstance(told, PaymentEvent) for told in news):
            return CloseResult.ALREADY_PAID
        ended = any(isinstance(told, Ended) for told in news)
        return CloseResult.CLOSED if ended else CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """A pull payment: the money is set aside, and the buyer collects it at the link."""
        for pull in await self._list("/pull-payments?includeArchived=true"):
            if pull.get("name") == refund.number:
                return self._claim(pull)
        asked = {
            "name": refund.number,
            "refundVariant": "Custom",
            "customAmount": f"{refund.amount.decimal:f}",
            "customCurrency": refund.amount.currency,
        }
        for invoice in await self._under(refund.attempt_number):
            paid = [told for told in await self._news(invoice) if isinstance(told, PaymentEvent)]
            if any(payment.external_id == refund.external_id for payment in paid):
                return self._claim(await self._tell(f"/invoices/{invoice['id']}/refund", asked))
        raise ProviderUnavailable(self.code, "no such payment")

    async def check(self) -> None:
        """Reads invoices: it needs no permission that payments do not need."""
        reply = await self._service.ask("GET", "/invoices?take=1", headers=self._headers)
        if reply.status == 401:
            raise ProviderRejected(self.code, "BTCPAY_API_KEY is wrong")
        if reply.status in (403, 404):
            wrong = "BTCPAY_STORE_ID is wrong, or BTCPAY_API_KEY may not view the store's invoices"
            raise ProviderRejected(self.code, wrong)
        self._listed(reply)

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        """As `ListingProvider`: payments on invoices made since a `tail` earlier.

        Pull payments do not say what they give back, so that no refund is told.
        """
        start = ("startDate", str(int((since - self.tail).timestamp())))
        found: list[PaymentEvent | RefundEvent] = []
        async for invoice in self._invoices(start, *(("status", status) for status in FINAL)):
            if is_ours(invoice):
                news = await self._news(invoice)
                found += [told for told in news if isinstance(told, PaymentEvent)]
        return found

    async def parse(self, callback: RawCallback) -> list[News]:
        """As `CallbackProvider`. A callback only says of which invoice there is news.

        What they are is asked, so that one repeated, late or out of order does no harm.
        """
        given = callback.headers.get("BTCPay-Sig", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(signature(self._secret, callback.body).encode(), given):
            raise InvalidSignature("the signature is not of the webhook's secret")
        told = json_object(callback.body)
        if told.get("storeId") != self.account:
            raise WrongMerchant("another store")
        kind = text(told, "type")
        if not kind.startswith("Invoice") or kind == "InvoiceCreated":
            return []
        invoice_id = text(told, "invoiceId", _INVOICE)
        if invoice_id.startswith(_TEST):
            return []
        invoice = await self._invoice(invoice_id)
        # The store may have other uses.
        return await self._news(invoice) if is_ours(invoice) else []

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    async def _news(self, invoice: Mapping[str, object]) -> list[News]:
        self._ours(invoice, number_of(invoice))
        methods = await self._list(f"/invoices/{invoice['id']}/payment-methods")
        with readable(self.code):
            return news_of(invoice, methods, account=self.account)

    def _checkout(self, invoice: Mapping[str, object]) -> Checkout:
        with readable(self.code):
            link = text(invoice, "checkoutLink", LINK)
        return Checkout(link=link, external_id=str(invoice["id"]))

    def _claim(self, pull: Mapping[str, object]) -> RefundResult:
        with readable(self.code):
            return RefundResult(done=True, claim=text(pull, "viewLink", LINK))

    async def _find(self, attempt: Attempt) -> Mapping[str, object] | None:
        """An attempt's invoice; where its creation's answer was lost, the first that was made."""
        if attempt.checkout is not None and attempt.checkout.external_id is not None:
            return self._ours(await self._invoice(attempt.checkout.external_id), attempt.number)
        found = await self._under(attempt.number)
        return found[0] if found else None

    async def _under(self, number: str) -> list[Mapping[str, object]]:
        """The invoices with that number, the first that was made first."""
        asked = (("orderId", number), ("includeArchived", "true"))
        found = [self._ours(invoice, number) async for invoice in self._invoices(*asked)]
        return found[::-1]

    def _ours(self, invoice: Mapping[str, object], number: str) -> Mapping[str, object]:
        told = (invoice.get("storeId"), number_of(invoice))
        with readable(self.code):
            text(invoice, "id", _INVOICE)
        if told != (self.account, number):
            raise ProviderUnavailable(self.code, "answered about another order")
        return invoice

    async def _invoice(self, invoice_id: str) -> dict[str, object]:
        invoice = (await self._read(f"/invoices/{quote(invoice_id, safe='')}")).json()
        if invoice.get("id") != invoice_id:
            raise ProviderUnavailable(self.code, "answered about another invoice")
        return invoice

    async def _invoices(self, *asked: tuple[str, str]) -> AsyncIterator[dict[str, object]]:
        skip = 0
        while True:
            query = urlencode([*asked, ("skip", skip), ("take", _PAGE)])
            page = await self._list(f"/invoices?{query}")
            for invoice in page:
                yield invoice
            if len(page) < _PAGE:
                return
            skip += _PAGE

    async def _list(self, path: str) -> list[dict[str, object]]:
        return self._listed(await self._read(path))

    def _listed(self, reply: Reply) -> list[dict[str, object]]:
        with readable(self.code):
            return items(json_object(b'{"answer": %b}' % reply.body), "answer")

    async def _read(self, path: str) -> Reply:
        reply = await self._service.ask("GET", path, headers=self._headers)
        if not reply.ok:
            raise ProviderUnavailable(self.code, f"status {reply.status}")
        return reply

    async def _tell(self, path: str, asked: Mapping[str, object]) -> dict[str, object]:
        body = json.dumps(asked).encode()
        reply = await self._service.ask("POST", path, body=body, headers=self._headers)
        if reply.ok:
            return reply.json()
        with suppress(ProviderUnavailable):
            raise ProviderRejected(self.code, word(reply.json().get("code")))
        raise ProviderRejected(self.code, "refused")


def signature(secret: str, body: bytes) -> str:
    """`BTCPay-Sig`: HMAC-SHA256 in hex over the raw body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
