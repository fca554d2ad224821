"""Stripe Checkout: a page of Stripe's, webhooks signed with HMAC-SHA256, refunds by number."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    Ended,
    Event,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundEvent,
    RefundResult,
)
from payments import stripe_amounts
from payments.asking import Service
from payments.provider import (
    REPLIES,
    Answer,
    HttpReply,
    RawCallback,
    WrongMerchant,
)
from payments.reading import LINK, flag, items, json_object, one_line, readable, text, word
from payments.stripe_events import KINDS, Reader, authenticate

_VERSION: Final = "2025-03-31.basil"  # of the API: what its answers look like
_SESSIONS: Final = "/v1/checkout/sessions"
_SESSION: Final = re.compile(r"cs_[0-9A-Za-z_]{1,250}")
_KEY: Final = re.compile(r"(?:sk|rk)_(live|test)_[!-~]+")
_TITLE: Final = 250  # characters of a product's name
# Stripe allows 30 minutes to 24 hours from its own now. The end is counted from the attempt's
# start, so that a repeated creation says the same: Stripe refuses one that says otherwise.
_SHORTEST, _LONGEST = timedelta(hours=1), timedelta(hours=24)
_SKEW: Final = 300  # seconds by which two clocks may differ


class Stripe:
    """Takes money on Stripe's page; `account` is what the shop calls the merchant there."""

    code: Final = "stripe"
    title: Final = "Stripe"
    capabilities: Final = (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    currencies: Final[Sequence[str]] = ()
    tail: Final = _LONGEST
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        secret_key: str,
        webhook_secrets: Sequence[str],
        public_url: str,
        url: str = "https://api.stripe.com",
        account: str = "stripe",
        clock: Callable[[], float] = time.time,
        timeout: float = 8,
    ) -> None:
        key = _KEY.fullmatch(secret_key)
        if key is None:
            raise ValueError("Stripe's secret key starts with sk_ or rk_, then live_ or test_")
        if not webhook_secrets or not all(webhook_secrets):
            raise ValueError("Stripe needs a webhook secret, and none may be empty")
        self.account: Final = account
        self.live: Final = key[1] == "live"
        self._read = Reader(account, self.live)
        self._service = Service(http, self.code, url, timeout=timeout)
        self._key = secret_key
        self._secrets = [secret.encode() for secret in webhook_secrets]
        self._return_url = f"{public_url.rstrip('/')}/payments/stripe/return"
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        return stripe_amounts.takes(amount)

    async def create(self, new: NewAttempt) -> Checkout:
        number, ends = new.attempt.number, _end(new)
        asked = {
            "mode": "payment",
            "client_reference_id": number,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": new.attempt.amount.currency.lower(),
            "line_items[0][price_data][unit_amount]": self._units(new.attempt.amount),
            "line_items[0][price_data][product_data][name]": one_line(new.title, _TITLE) or number,
            "adaptive_pricing[enabled]": "false",  # else the buyer may pay in another currency
            "metadata[attempt]": number,
            "payment_intent_data[metadata][attempt]": number,
            "success_url": self._return_url,
            "cancel_url": self._return_url,
            "expires_at": str(int(ends.timestamp())),
        }
        session = self._own(await self._ask("POST", _SESSIONS, form=asked, number=number), number)
        with readable(self.code):
            return Checkout(
                link=text(session, "url", LINK),
                external_id=text(session, "id"),
                expires_at=ends if ends < new.expires_at else None,
            )

    async def query(self, attempt: Attempt) -> News | None:
        session = await self._find(attempt)
        return None if session is None else self._news(session)

    async def close(self, attempt: Attempt) -> CloseResult:
        """Stripe ends a session only while it is open: then it certainly takes no money."""
        session = await self._find(attempt)
        if session is None:
            return CloseResult.MAYBE_PAYABLE
        if session.get("status") == "open":
            session = self._own(await self._expired(f"{session['id']}"), attempt.number)
        news = self._news(session)
        if isinstance(news, PaymentEvent):
            return CloseResult.ALREADY_PAID
        return CloseResult.CLOSED if isinstance(news, Ended) else CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """A repeated request gets Stripe's first answer again for a day, whatever has become of
        it since; so the payment's refunds are looked through before.
        """
        query = {"payment_intent": refund.external_id}
        try:
            known = await self._all("/v1/refunds", query)
        except ProviderRejected as refusal:  # which leaves open whether it was made before
            raise ProviderUnavailable(self.code, refusal.code) from None
        for found in known:
            told = found.get("metadata")
            if isinstance(told, dict) and told.get("number") == refund.number:
                return self._result(found)
        asked = query | {"amount": self._units(refund.amount), "metadata[number]": refund.number}
        made = await self._ask("POST", "/v1/refunds", form=asked, number=refund.number)
        return self._result(made)

    async def check(self) -> None:
        try:
            await self._ask("GET", _SESSIONS, query={"limit": "1"})
        except ProviderRejected:
            raise ProviderRejected(self.code, "the secret key") from None

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        """What the webhooks told, or should have; kept for 30 days, listed the newest first."""
        query = {f"types[{n}]": kind for n, kind in enumerate(KINDS)}
        query["created[gte]"] = str(int(since.timestamp()))
        found: list[PaymentEvent | RefundEvent] = []
        for told in await self._all("/v1/events", query):
            with readable(self.code):
                event = self._read.event(told)
            if isinstance(event, (PaymentEvent, RefundEvent)):
                found.append(event)
        return found[::-1]

    async def parse(self, callback: RawCallback) -> list[Event]:
        authenticate(callback, self._secrets, self._clock())
        told = json_object(callback.body)
        if flag(told, "livemode") is not self.live:
            raise WrongMerchant("another mode")
        if told.get("account") not in (None, self.account):
            raise WrongMerchant("a connected account")
        event = self._read.event(told)
        return [] if event is None else [event]

    def reply(self, answer: Answer) -> HttpReply:
        return REPLIES[answer]

    def _units(self, amount: Money) -> str:
        units = stripe_amounts.units(amount)
        if units is None:
            raise ProviderRejected(self.code, "amount")
        return str(units)

    async def _find(self, attempt: Attempt) -> dict[str, object] | None:
        """The attempt's session; where its creation's outcome is unknown, among all since then."""
        if attempt.checkout is not None and attempt.checkout.external_id is not None:
            return self._own(await self._session(attempt.checkout.external_id), attempt.number)
        since = str(int(attempt.created_at.timestamp()) - _SKEW)
        query = {"created[gte]": since, "expand[0]": "data.payment_intent.latest_charge"}
        for session in await self._all(_SESSIONS, query):
            if session.get("client_reference_id") == attempt.number:
                return self._own(session, attempt.number)
        return None

    async def _session(self, session_id: str) -> dict[str, object]:
        whole = {"expand[0]": "payment_intent.latest_charge"}
        return await self._ask("GET", f"{_SESSIONS}/{session_id}", query=whole)

    async def _expired(self, session_id: str) -> dict[str, object]:
        try:
            return await self._ask("POST", f"{_SESSIONS}/{session_id}/expire")
        except ProviderRejected:  # it is not open any more
            return await self._session(session_id)

    def _own(self, session: dict[str, object], number: str) -> dict[str, object]:
        theirs = (session.get("client_reference_id"), session.get("livemode"))
        if theirs != (number, self.live):
            raise ProviderUnavailable(self.code, "answered about another order")
        with readable(self.code):
            text(session, "id", _SESSION)
        return session

    def _news(self, session: Mapping[str, object]) -> News | None:
        """Of an asynchronous payment that failed, only the payment intent tells."""
        intent = session.get("payment_intent")
        status = intent.get("status") if isinstance(intent, dict) else None
        with readable(self.code):
            return self._read.news(
                session, failed=status in ("requires_payment_method", "canceled")
            )

    def _result(self, refund: Mapping[str, object]) -> RefundResult:
        status = refund.get("status")
        if status in ("failed", "canceled"):
            raise ProviderRejected(self.code, word(refund.get("failure_reason"), status))
        if status not in ("succeeded", "pending", "requires_action"):
            raise ProviderUnavailable(self.code, "nonsense")
        return RefundResult(done=status == "succeeded")

    async def _all(self, path: str, query: Mapping[str, str]) -> list[dict[str, object]]:
        """Every object of a list, page by page."""
        found: list[dict[str, object]] = []
        page: dict[str, object] = {"has_more": True, "data": True}
        while page.get("has_more") and page["data"]:
            with readable(self.code):
                after = {"starting_after": text(found[-1], "id")} if found else {}
            page = await self._ask("GET", path, query={**query, "limit": "100", **after})
            with readable(self.code):
                found += items(page, "data")
        return found

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        number: str = "",
    ) -> dict[str, object]:
        """The answer. A request with a number is done once, however often it comes."""
        headers = {"Authorization": f"Bearer {self._key}", "Stripe-Version": _VERSION}
        if number:
            headers["Idempotency-Key"] = number
        reply = await self._service.ask(method, path, query=query, form=form, headers=headers)
        told = reply.json()
        if reply.ok:
            return told
        error = told.get("error")
        wrong = error if isinstance(error, dict) else {}
        # The number is being worked on, or was used before with other words.
        if reply.status == 409 or wrong.get("type") == "idempotency_error":
            raise ProviderUnavailable(self.code, "the number is in use")
        raise ProviderRejected(self.code, word(wrong.get("code"), wrong.get("type")))


def _end(new: NewAttempt) -> datetime:
    started = new.attempt.created_at
    return min(max(new.expires_at, started + _SHORTEST), started + _LONGEST)
