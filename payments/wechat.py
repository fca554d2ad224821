"""WeChat Pay v3, Native: a QR code to scan; every request, answer and notice is signed."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta, timezone
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
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundEvent,
    RefundResult,
)
from payments.asking import ANSWER_SECONDS, Reply, Service
from payments.provider import (
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
)
from payments.reading import NUMBER, json_object, minor_money, nested, one_line, text, word
from payments.wechat_signing import SIGNATURE, UNKNOWN_KEY, Signing

_CURRENCY: Final = "CNY"
_ORDERS: Final = "/v3/pay/transactions"
_REFUNDS: Final = "/v3/refund/domestic/refunds"
_NO_ORDER: Final = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST"})  # both are documented
_NO_REFUND: Final = "RESOURCE_NOT_EXISTS"
_CHINA: Final = timezone(timedelta(hours=8))
_LEAST: Final = timedelta(minutes=1)  # that an order may be payable
_MOST: Final = timedelta(hours=2)  # that its code lives
_TITLE_LENGTH: Final = 127  # characters
_ORDER_LENGTH: Final = 12  # of the number that its attempts' and refunds' begin with
_QR: Final = re.compile(r"weixin://[\x21-\x7e]{1,503}")
_REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(204, "", "application/json"),
    Answer.RETRY: HttpReply(500, '{"code":"FAIL","message":"later"}', "application/json"),
    Answer.REJECTED: HttpReply(401, '{"code":"FAIL","message":"refused"}', "application/json"),
}


class WeChat:
    """Settings are as WeChat Pay's desk shows them; the keys are `Signing`'s."""

    code: Final = "wechat"
    title: Final = "WeChat Pay"
    live: Final = True  # there is no test mode
    capabilities: Final = (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    currencies: Final[Sequence[str]] = (_CURRENCY,)
    tail: Final = _MOST
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        app_id: str,
        mch_id: str,
        api_v3_key: str,
        private_key: str,
        cert_serial: str,
        public_keys: Mapping[str, str],
        public_url: str,
        clock: Callable[[], float] = time.time,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        if not app_id:
            raise ValueError("WeChat Pay needs an app id")
        self.account: Final = mch_id
        self._app_id = app_id
        self._signing = Signing(
            mch_id=mch_id,
            api_v3_key=api_v3_key,
            private_key=private_key,
            cert_serial=cert_serial,
            public_keys=public_keys,
            clock=clock,
        )
        self._notify_url = f"{public_url.rstrip('/')}/payments/wechat/notify"
        self._service = Service(http, self.code, url, timeout=timeout)

    def takes(self, amount: Money) -> bool:
        return amount.amount >= 1

    async def create(self, new: NewAttempt) -> Checkout:
        """The same order however often it is asked for, as long as the same is asked."""
        start = new.attempt.created_at  # not now: a repetition is to ask the same
        ends = max(start + _LEAST, min(new.expires_at, start + _MOST))
        asked = {
            "appid": self._app_id,
            "mchid": self.account,
            "description": one_line(new.title, _TITLE_LENGTH) or new.attempt.number,
            "out_trade_no": new.attempt.number,
            "time_expire": ends.astimezone(_CHINA).isoformat(timespec="seconds"),
            "notify_url": self._notify_url,
            "amount": _amounts(total=new.attempt.amount),
        }
        reply = await self._ask("POST", f"{_ORDERS}/native", asked)
        if refusal := _refusal(reply):
            raise ProviderRejected(self.code, refusal)
        qr = reply.json().get("code_url")
        if not isinstance(qr, str) or not _QR.fullmatch(qr):
            raise ProviderUnavailable(self.code, "nonsense")
        return Checkout(qr=qr, expires_at=ends if ends < new.expires_at else None)

    async def query(self, attempt: Attempt) -> News | None:
        reply = await self._ask("GET", self._order(attempt.number))
        if refusal := _refusal(reply):
            if refusal in _NO_ORDER:
                return None
            raise ProviderUnavailable(self.code, refusal)
        told = reply.json()
        try:
            return self._news(told, attempt)
        except (MalformedCallback, WrongMerchant) as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def close(self, attempt: Attempt) -> CloseResult:
        """Refused because it is paid, closed or unknown: the order itself tells which."""
        path = f"{_ORDERS}/out-trade-no/{attempt.number}/close"
        if (await self._ask("POST", path, {"mchid": self.account})).ok:
            return CloseResult.CLOSED
        match await self.query(attempt):
            case PaymentEvent():
                return CloseResult.ALREADY_PAID
            case Ended():
                return CloseResult.CLOSED
        return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """Refused or under way, what is there by its number counts: the query tells the outcome.

        The reason stays with the shop: WeChat Pay would show it to the buyer.
        """
        asked = {
            "transaction_id": refund.external_id,
            "out_refund_no": refund.number,
            "amount": _amounts(refund=refund.amount, total=refund.paid),
        }
        reply = await self._ask("POST", _REFUNDS, asked)
        refusal = _refusal(reply)
        if refusal or not self._refunded(reply.json(), refund).done:
            reply = await self._ask("GET", f"{_REFUNDS}/{refund.number}")
            if unknown := _refusal(reply):
                is_certain = refusal and unknown == _NO_REFUND
                error = ProviderRejected if is_certain else ProviderUnavailable
                raise error(self.code, refusal or unknown)
        return self._refunded(reply.json(), refund)

    async def check(self) -> None:
        """Only those it knows are told that there is no such order."""
        try:
            reply = await self._ask("GET", self._order("0" * _ORDER_LENGTH))
        except ProviderUnavailable as error:
            if error.why != UNKNOWN_KEY:
                raise
            raise ProviderRejected(self.code, UNKNOWN_KEY) from None
        if reply.status == 401:
            wrong = "WECHAT_MCH_ID, WECHAT_CERT_SERIAL, WECHAT_PRIVATE_KEY or the clock is wrong"
            raise ProviderRejected(self.code, wrong)
        if (refusal := _refusal(reply)) and refusal not in _NO_ORDER:
            raise ProviderRejected(self.code, refusal)

    async def parse(self, callback: RawCallback) -> list[PaymentEvent | RefundEvent]:
        self._signing.verify(callback.headers, callback.body)
        notice = json_object(callback.body)
        match text(notice, "event_type"):
            case "TRANSACTION.SUCCESS":
                told = self._signing.opened(nested(notice, "resource"))
                self._require_ours(told)
                return [self._payment(told)] if text(told, "trade_state") == "SUCCESS" else []
            case "REFUND.SUCCESS":
                return self._returned(self._signing.opened(nested(notice, "resource")))
        return []

    def reply(self, answer: Answer) -> HttpReply:
        return _REPLIES[answer]

    def _order(self, number: str) -> str:
        return f"{_ORDERS}/out-trade-no/{number}?mchid={self.account}"

    def _news(self, told: Mapping[str, object], attempt: Attempt) -> News | None:
        if told.get("out_trade_no") != attempt.number:
            raise WrongMerchant("answered about another order")
        self._require_ours(told)
        match text(told, "trade_state"):
            case "SUCCESS":
                return self._payment(told)
            case "REFUND" if attempt.received:  # what went back is told apart
                return self._payment(told)
            case "CLOSED" | "REVOKED" | "PAYERROR" | "REFUND":  # or gone back at the desk
                return Ended(self.code, attempt.number)
        return None

    def _payment(self, told: Mapping[str, object]) -> PaymentEvent:
        """What notices and orders tell in the same words."""
        amount = nested(told, "amount")
        return PaymentEvent(
            provider=self.code,
            account=self.account,
            live=self.live,
            external_id=text(told, "transaction_id"),
            attempt_number=text(told, "out_trade_no", NUMBER),
            amount=minor_money(amount.get("total"), amount.get("currency")),
        )

    def _require_ours(self, told: Mapping[str, object]) -> None:
        if (told.get("mchid"), told.get("appid")) != (self.account, self._app_id):
            raise WrongMerchant("another mchid or appid")

    def _returned(self, told: Mapping[str, object]) -> list[PaymentEvent | RefundEvent]:
        """A notice tells of one refund, by its number, and no API of all that a payment had."""
        if told.get("mchid") != self.account:
            raise WrongMerchant("another mchid")
        if text(told, "refund_status") != "SUCCESS":
            return []
        back = minor_money(nested(told, "amount").get("refund"), _CURRENCY)  # none is told
        paid, number = text(told, "transaction_id"), text(told, "out_refund_no")
        return [RefundEvent(self.code, self.account, paid, back, refund_id=number)]

    def _refunded(self, told: Mapping[str, object], refund: Refund) -> RefundResult:
        amount = told.get("amount")
        back = isinstance(amount, dict) and amount.get("refund")
        about = (told.get("out_refund_no"), told.get("transaction_id"), back)
        if about != (refund.number, refund.external_id, refund.amount.amount):
            raise ProviderUnavailable(self.code, "answered about another refund")
        match told.get("status"):
            case "SUCCESS" | "PROCESSING" as status:
                return RefundResult(done=status == "SUCCESS")
            case "CLOSED" | "ABNORMAL" as status:  # the latter is finished at the desk, if at all
                raise ProviderRejected(self.code, status)
        raise ProviderUnavailable(self.code, "nonsense")

    async def _ask(
        self, method: str, path: str, asked: Mapping[str, object] | None = None
    ) -> Reply:
        """The answer, verified. A refusal may come unsigned, so nothing final rests on one alone.

        That refusals are signed is not documented: the official SDKs verify successes only.
        """
        body = b"" if asked is None else json.dumps(asked).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        headers |= self._signing.headers(method, path, body)
        reply = await self._service.ask(method, path, body=body or None, headers=headers)
        if reply.ok or SIGNATURE in reply.headers:
            try:
                self._signing.verify(reply.headers, reply.body)
            except (InvalidSignature, StaleCallback) as error:
                raise ProviderUnavailable(self.code, str(error)) from None
        return reply


def _amounts(*, total: Money, **parts: Money) -> dict[str, object]:
    """In fen, and their currency."""
    fen = {name: part.amount for name, part in parts.items()}
    return {"total": total.amount, "currency": total.currency, **fen}


def _refusal(reply: Reply) -> str | None:
    """Its code, if it is one."""
    if reply.ok:
        return None
    return word(reply.json().get("code"))
