"""USDT through a gateway of the merchant's own: epusdt, BEpusdt and GMWallet (gmpay)."""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import aiohttp

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    Checkout,
    CloseResult,
    Confirming,
    Ended,
    NewAttempt,
    News,
    PaymentEvent,
    Refund,
    RefundResult,
    Transfer,
)
from payments.asking import Service
from payments.provider import (
    Answer,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
)
from payments.reading import LINK, NUMBER, Number, json_object, money, nested, one_line, text
from payments.usdt_wire import DIALECTS, NETWORKS, Algorithm, Name, as_json, moment, signature

_CANCEL: Final = "/api/v1/order/cancel-transaction"
_NOBODYS: Final = "000000000000"
_PAID: Final = "2"
_NAME_CHARACTERS: Final = 64  # that BEpusdt keeps
_LEAST, _MOST = Decimal("0.01"), Decimal(10**6)
_SECONDS: Final = (180, 3600)  # BEpusdt takes no other timeout
_TRADE: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")  # it goes into a path
_CODE: Final = re.compile(r"[0-9]{1,6}")
_ADDRESS: Final = re.compile(r"[0-9A-Za-z]{20,128}")
_CRYPTO: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?")
_REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(200, "ok"),
    Answer.RETRY: HttpReply(500, "fail"),
    Answer.REJECTED: HttpReply(401, "fail"),
}


class Usdt:
    """A gateway that watches the merchant's addresses for exact amounts.

    `currency` is the money that prices are told in, `network` one of `NETWORKS`. gmpay needs
    `pid`, and signs by `signature`; the others know MD5 alone.
    """

    code: Final = "usdt"
    title: Final = "USDT"
    live: Final = True
    tail: Final = timedelta(hours=3)  # how far back BEpusdt looks for what it has missed
    methods: Final[Mapping[str, frozenset[str]]] = {"POST": frozenset({"application/json"})}

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        token: str,
        dialect: Name,
        public_url: str,
        pid: str = "",
        currency: str = "CNY",
        signature: Algorithm = "md5",
        network: str = "TRON (TRC20)",
        confirm_by_query: bool = True,
        clock: Callable[[], float] = time.time,
        timeout: float = 8,
    ) -> None:
        if not token:
            raise ValueError("USDT_TOKEN is needed to sign with")
        if dialect == "gmpay" and not pid:
            raise ValueError("USDT_PID is needed: gmpay knows merchants by it")
        if network not in NETWORKS:
            raise ValueError(f"USDT_NETWORK is none of {', '.join(NETWORKS)}")
        self.account: Final = pid or "usdt"
        self.currencies: Final = (currency,)
        self.capabilities: Final = DIALECTS[dialect].capabilities
        self._service = Service(http, self.code, url, timeout=timeout)
        self._token = token
        self._name = dialect
        self._dialect = DIALECTS[dialect]
        self._currency = currency
        self._algorithm: Algorithm = signature
        self._network = network
        self._confirm_by_query = confirm_by_query
        self._callbacks = f"{public_url.rstrip('/')}/payments/usdt"
        self._clock = clock

    def takes(self, amount: Money) -> bool:
        """More than 0.01, which all refuse; and from a million on BEpusdt signs `1e+06`."""
        return _LEAST < amount.decimal < _MOST

    async def create(self, new: NewAttempt) -> Checkout:
        """The gateway's offer: an address and an amount of its own choice.

        BEpusdt repeats it for a known number. The others refuse and cannot be asked by our
        number, so a lost answer stays lost: whoever gets none tries under another number.
        """
        told = await self._signed(self._dialect.create, self._order(new))
        if told["status_code"] != "200":
            raise ProviderRejected(self.code, str(told["status_code"]))
        try:
            return self._checkout(new, nested(told, "data"))
        except MalformedCallback:
            raise ProviderUnavailable(self.code, "nonsense") from None

    async def query(self, attempt: Attempt) -> News | None:
        trade = _trade(attempt)
        return await self._find(trade, attempt.number, attempt.amount) if trade else None

    async def close(self, attempt: Attempt) -> CloseResult:
        """BEpusdt stops watching for the amount; whatever is sent later, it does not see."""
        trade = _trade(attempt)
        if trade is None or Capability.CLOSE not in self.capabilities:
            return CloseResult.MAYBE_PAYABLE
        if (await self._signed(_CANCEL, {"trade_id": trade}))["status_code"] == "200":
            return CloseResult.CLOSED
        match await self.query(attempt):
            case PaymentEvent():
                return CloseResult.ALREADY_PAID
            case Ended():
                return CloseResult.CLOSED
            case _:
                return CloseResult.MAYBE_PAYABLE

    async def refund(self, refund: Refund) -> RefundResult:
        """The gateway only watches: the merchant sends money back by hand."""
        raise ProviderRejected(self.code, "not offered")

    async def check(self) -> None:
        """Signed requests that change nothing: to cancel nobody's order, or to create half a one.

        Queries are not signed, so they would not find out a wrong token.
        """
        if self._name == "bepusdt":
            told = await self._signed(_CANCEL, {"trade_id": _NOBODYS})
            refused = "签名" in str(told.get("message"))  # it has one code for all refusals
        else:
            told = await self._signed(self._dialect.create, self._pid | {"order_id": _NOBODYS})
            refused = told["status_code"] == "401"
        if refused:
            settings = "USDT_TOKEN, USDT_PID or USDT_SIGNATURE" if self._pid else "USDT_TOKEN"
            raise ProviderRejected(self.code, f"{settings} is wrong")

    async def parse(self, callback: RawCallback) -> list[News]:
        """As `CallbackProvider`. A callback proves no freshness, so the gateway is asked too."""
        told = self._authentic(callback.body)
        if self._pid and told.get("pid") != self.account:
            raise WrongMerchant("another pid")
        trade, number = text(told, "trade_id", _TRADE), text(told, "order_id", NUMBER)
        amount = money(told.get("amount"), self._currency)
        news = self._news(text(told, "status", _CODE), trade, number, amount)
        paid = isinstance(news, PaymentEvent)
        if paid and self._confirm_by_query and await self._find(trade, number, amount) != news:
            raise InvalidSignature("the gateway does not confirm it")
        return [news] if news else []

    def reply(self, answer: Answer) -> HttpReply:
        return _REPLIES[answer]

    @property
    def _pid(self) -> dict[str, str]:
        return {"pid": self.account} if self._name == "gmpay" else {}

    def _order(self, new: NewAttempt) -> dict[str, str]:
        number, amount = new.attempt.number, new.attempt.amount
        name = one_line(new.title, _NAME_CHARACTERS)
        network, trade_type = NETWORKS[self._network]
        asked = {
            "order_id": number,
            # The gateways sign a number as Go prints it, without zeros at its end.
            "amount": Number(f"{amount.decimal.normalize():f}"),
            "notify_url": f"{self._callbacks}/notify",
            "redirect_url": f"{self._callbacks}/return",
        }
        if self._name == "gmpay":
            asked |= self._pid | {"currency": amount.currency.lower(), "token": "usdt"}
            asked |= {"network": network, "name": name}
        elif self._name == "bepusdt":
            asked |= {"fiat": amount.currency, "trade_type": trade_type}
            asked |= {
                "timeout": self._timeout(new.expires_at),
                "name": name,
            }
        return {name: value for name, value in asked.items() if value}

    def _timeout(self, end: datetime) -> Number:
        least, most = _SECONDS
        return Number(min(max(int(end.timestamp() - self._clock()), least), most))

    def _checkout(self, new: NewAttempt, told: Mapping[str, object]) -> Checkout:
        """The address is in `token`, but for later gmpay, which has the coin there."""
        if text(told, "order_id", NUMBER) != new.attempt.number:
            raise MalformedCallback("another order")
        if money(told.get("amount"), self._currency) != new.attempt.amount:
            raise MalformedCallback("another amount")
        address = text(told, "receive_address" if "receive_address" in told else "token", _ADDRESS)
        exactly = str(text(told, "actual_amount", _CRYPTO))
        link = told.get("payment_url")
        end = moment(told.get("expiration_time"), self._clock())
        return Checkout(
            link=link if isinstance(link, str) and LINK.fullmatch(link) else None,
            qr=address,
            external_id=text(told, "trade_id", _TRADE),
            transfer=Transfer(address, exactly, "USDT", self._network),
            expires_at=end if end and end < new.expires_at else None,
        )

    def _news(self, status: str, trade: str, number: str, amount: Money) -> News | None:
        if status == _PAID:
            return PaymentEvent(self.code, self.account, self.live, trade, number, amount)
        if status in self._dialect.ended:
            return Ended(self.code, number)
        if status == self._dialect.confirming:
            return Confirming(self.code, number, seen=1, needed=2)
        return None

    async def _find(self, trade: str, number: str, amount: Money) -> News | None:
        """The gateway's own word on a trade.

        Only BEpusdt tells its amount. The others match nothing but the exact amount that they
        have asked for, so a paid trade is paid in full: `amount`.
        """
        if self._name == "bepusdt":
            asked = as_json({"trade_id": trade})
            told = await self._ask("POST", "/api/v1/pay/info", asked)
        else:
            told = await self._ask("GET", f"/pay/check-status/{trade}")
        if told["status_code"] == self._dialect.unknown:
            return None
        try:
            data = nested(told, "data")
            about = (told["status_code"], data.get("trade_id"), data.get("order_id", number))
            if about != ("200", trade, number):
                raise MalformedCallback("answered about another order")
            if self._name == "bepusdt":
                amount = money(data.get("money"), data.get("fiat"))
            return self._news(text(data, "status", _CODE), trade, number, amount)
        except MalformedCallback as error:
            raise ProviderUnavailable(self.code, str(error)) from None

    async def _signed(self, path: str, asked: Mapping[str, str]) -> dict[str, object]:
        signed = {**asked, "signature": signature(asked, self._token, self._algorithm)}
        return await self._ask("POST", path, as_json(signed))

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, object]:
        """An answer's `status_code` counts, whatever HTTP's is; numbers come as written."""
        headers = {"Content-Type": "application/json"} if body else None
        reply = await self._service.ask(method, path, body=body, headers=headers)
        try:
            told = json_object(reply.body, literal=True)
            text(told, "status_code", _CODE)
        except MalformedCallback:
            raise ProviderUnavailable(self.code, "nonsense") from None
        return told

    def _authentic(self, body: bytes) -> dict[str, str]:
        told = json_object(body, literal=True)
        texts = {name: value for name, value in told.items() if isinstance(value, str)}
        if len(texts) != sum(value is not None for value in told.values()):
            raise MalformedCallback("a field is neither a text nor a number")
        expected = signature(texts, self._token, self._algorithm)
        given = texts.get("signature", "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(expected.encode(), given):
            raise InvalidSignature("the signature is not the gateway's")
        return texts


def _trade(attempt: Attempt) -> str | None:
    return attempt.checkout.external_id if attempt.checkout else None
