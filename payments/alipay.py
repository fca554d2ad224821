"""Alipay (支付宝): a QR to scan or a signed link, trades asked for by our own number."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlencode, urlsplit

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
from payments.alipay_gateway import NOT_ALIPAYS, Gateway, in_china, joined
from payments.asking import ANSWER_SECONDS, Service
from payments.provider import (
    FORM,
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
    fields,
)
from payments.reading import ID, LINK, NUMBER, money, one_line, text

# Method, product code, and the longest time to pay; a QR lasts no longer, whatever is asked for.
_PRODUCTS: Final = {
    "precreate": ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT", timedelta(hours=2)),
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY", timedelta(days=15)),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY", timedelta(days=15)),
}
_SHORTEST: Final = timedelta(seconds=90)  # a minute, and the request is a while under way
# Alipay takes 256 characters; with as many Chinese ones no button would take the link.
_SUBJECT_CHARS: Final = 64
_FORBIDDEN: Final = str.maketrans("/=&", "   ")
_MOST_FEN: Final = 10**10
_NO_TRADE: Final = "ACQ.TRADE_NOT_EXIST"
_WRONG_SETTINGS: Final = {
    "isv.invalid-app-id": "Alipay does not know the app id at this address",
    "isv.invalid-signature": "the private key is not the app's",
    "isv.missing-signature-config": "the app has no public key at Alipay yet",
}
_REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(200, "success"),
    Answer.RETRY: HttpReply(500, "fail"),
    Answer.REJECTED: HttpReply(401, "fail"),
}


class Alipay:
    """One app of a merchant's; `url` is the whole gateway address.

    Keys are PEM or the bare base64 that Alipay's tools hand out; `public_key` is Alipay's own.
    A trade begins when the buyer scans the QR or opens the link: until then Alipay knows none.
    """

    code: Final = "alipay"
    title: Final = "Alipay"
    capabilities: Final = (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    currencies: Final = ("CNY",)
    tail: Final = timedelta(hours=2)
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({FORM})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        app_id: str,
        seller_id: str,
        private_key: str,
        public_key: str,
        public_url: str,
        product: Literal["precreate", "page", "wap"] = "precreate",
        clock: Callable[[], float] = time.time,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        if not (app_id and seller_id):
            raise ValueError("Alipay needs an app id and a seller id")
        self.account: Final = seller_id
        self.live: Final = not (urlsplit(url).hostname or "").endswith(".alipaydev.com")  # sandbox
        self._gateway = Gateway(
            Service(http, self.code, url, timeout=timeout),
            self.code,
            app_id=app_id,
            private_key=private_key,
            public_key=public_key,
            clock=clock,
        )
        self._url = url
        self._app_id = app_id
        self._callbacks = f"{public_url.rstrip('/')}/payments/alipay"
        self._product = product
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        return 1 <= amount.amount <= _MOST_FEN

    async def create(self, new: NewAttempt) -> Checkout:
        method, product_code, longest = _PRODUCTS[self._product]
        now = datetime.fromtimestamp(self._clock(), UTC)
        latest = now + longest
        order = {
            "out_trade_no": new.attempt.number,
            "total_amount": f"{new.attempt.amount.decimal:f}",
            "subject": _subject(new.title) or new.attempt.number,
            "product_code": product_code,
            # Not `timeout_express`, which a repeated request would begin anew.
            "time_expire": in_china(min(max(new.expires_at, now + _SHORTEST), latest)),
        }
        expires_at = latest if latest < new.expires_at else None
        if self._product != "precreate":
            return Checkout(self._link(method, order), expires_at=expires_at)
        qr = await self._qr(method, order)
        link = qr if LINK.fullmatch(qr) and qr.startswith("https:") else None
        return Checkout(link, qr, expires_at=expires_at)

    async def query(self, attempt: Attempt) -> News | None:
        try:
            told = await self._gateway.ask("alipay.trade.query", {"out_trade_no": attempt.number})
            return self._news(told)
        except ProviderRejected as refusal:
            if refusal.code != _NO_TRADE:
                raise
            return None
        except MalformedCallback as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def close(self, attempt: Attempt) -> CloseResult:
        """Only a trade that waits for its buyer can be closed, and a QR is no trade yet."""
        try:
            await self._gateway.ask("alipay.trade.close", {"out_trade_no": attempt.number})
        except ProviderRejected:
            news = await self.query(attempt)
            if isinstance(news, PaymentEvent):
                return CloseResult.ALREADY_PAID
            if not isinstance(news, Ended):
                return CloseResult.MAYBE_PAYABLE
        return CloseResult.CLOSED

    async def refund(self, refund: Refund) -> RefundResult:
        asked = {
            "out_trade_no": refund.attempt_number,
            "trade_no": refund.external_id,
            "out_request_no": refund.number,
        }
        amount = {"refund_amount": f"{refund.amount.decimal:f}"}
        try:
            told = await self._gateway.ask("alipay.trade.refund", asked | amount)
        except ProviderRejected:
            # Repeated after a full refund, say: the trade is closed by then.
            if await self._refunded(asked):
                return RefundResult(done=True)
            raise
        # Alipay API: `fund_change` other than Y may be a repetition or one still under way.
        return RefundResult(done=told.get("fund_change") == "Y" or await self._refunded(asked))

    async def check(self) -> None:
        nobodys = {"out_trade_no": "000000000000"}
        try:
            await self._gateway.ask("alipay.trade.query", nobodys)
        except ProviderRejected as refusal:
            if refusal.code != _NO_TRADE:
                why = _WRONG_SETTINGS.get(refusal.code, refusal.code)
                raise ProviderRejected(self.code, why) from None
        except ProviderUnavailable as failure:
            if failure.why != NOT_ALIPAYS:
                raise
            raise ProviderRejected(self.code, NOT_ALIPAYS) from None

    async def parse(self, callback: RawCallback) -> list[Event]:
        told = self._authentic(callback.body)
        if (told.get("app_id"), told.get("seller_id")) != (self._app_id, self.account):
            raise WrongMerchant("another app or seller")
        returned = told.get("refund_fee", "")
        # Alipay sends a payment's status again with each refund, and TRADE_CLOSED after the last.
        if "gmt_refund" in told or returned.strip("0."):
            amount = money(returned, "CNY")
            return [RefundEvent(self.code, self.account, text(told, "trade_no"), amount)]
        news = self._news(told)
        return [news] if news else []

    def reply(self, answer: Answer) -> HttpReply:
        return _REPLIES[answer]

    def _link(self, method: str, order: Mapping[str, str]) -> str:
        notify, back = f"{self._callbacks}/notify", f"{self._callbacks}/return"
        sent = self._gateway.signed(method, order, notify_url=notify, return_url=back)
        return f"{self._url}?{urlencode(sent)}"

    async def _qr(self, method: str, order: Mapping[str, str]) -> str:
        told = await self._gateway.ask(method, order, notify_url=f"{self._callbacks}/notify")
        qr = told.get("qr_code")
        if not isinstance(qr, str) or not ID.fullmatch(qr):
            raise ProviderUnavailable(self.code, "nonsense")
        return qr

    async def _refunded(self, asked: Mapping[str, str]) -> bool:
        """Whether the money is back with the buyer; a refund that is not found is none yet."""
        try:
            told = await self._gateway.ask("alipay.trade.fastpay.refund.query", asked)
        except ProviderRejected as refusal:
            if refusal.code == _NO_TRADE:
                return False
            raise ProviderUnavailable(self.code, refusal.code) from None
        found = (told.get("out_request_no"), told.get("refund_status"))
        return found == (asked["out_request_no"], "REFUND_SUCCESS")

    def _authentic(self, body: bytes) -> dict[str, str]:
        told = fields(body.decode("latin-1"))  # a form is ASCII; nothing else has been signed
        signed = {name: told[name] for name in told if name not in ("sign", "sign_type")}
        if not self._gateway.vouches(joined(signed), told.get("sign")):
            raise InvalidSignature("the signature is not Alipay's")
        return told

    def _news(self, told: Mapping[str, object]) -> News | None:
        """What notices and trades tell in the same words. Raises `MalformedCallback`."""
        number, status = text(told, "out_trade_no", NUMBER), told.get("trade_status")
        if status == "TRADE_CLOSED":
            return Ended(self.code, number)  # never paid, or all of it has gone back
        if status not in ("TRADE_SUCCESS", "TRADE_FINISHED"):
            return None
        return PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=text(told, "trade_no"),
            attempt_number=number,
            amount=money(told.get("total_amount"), "CNY"),
        )


def _subject(title: str) -> str:
    """On one line, without what Alipay forbids in it."""
    return one_line(title.translate(_FORBIDDEN), _SUBJECT_CHARS)
