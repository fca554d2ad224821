"""The test provider's own side: the page where a buyer pays, and the notices to the shop."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Template
from typing import Final

import aiohttp
from aiohttp import web
from markupsafe import Markup, escape

from payments.testpay import FAILED, PAID, SIGNATURE_HEADER, PayLink, signature_header

_PAGE: Final = Template(Path(__file__).with_name("pay_page.html").read_text(encoding="utf-8"))
_DETAILS: Final = Markup("""<p class="amount">{amount}</p>
<dl><div><dt>For</dt><dd>{title}</dd></div>
<div><dt>Payment</dt><dd class="number">{number}</dd></div></dl>""")
_BUTTONS: Final = Markup("""
<form method="post" autocomplete="off">
<button class="pay" name="outcome" value="pay">Pay</button>
<button class="fail" name="outcome" value="fail">Fail</button>
</form>""")
_TIMEOUT: Final = aiohttp.ClientTimeout(total=8)
_EVENTS: Final = {"pay": PAID, "fail": FAILED}


class TestProvider:
    """Signs with the shop's `secret`, and repeats a notice after each of `delays` (seconds)."""

    __test__ = False  # it is no test, whatever its name tells pytest

    def __init__(
        self,
        http: aiohttp.ClientSession,
        secret: bytes,
        *,
        notify_url: str,
        delays: Sequence[float] = (0.2, 1, 3),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._secret = secret
        self._notify_url = notify_url
        self._delays = tuple(delays)
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox/pay/{number}", self.ask),
            web.post("/sandbox/pay/{number}", self.settle),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        link = self._link(request)
        return _missing() if link is None else _asking(link)

    async def settle(self, request: web.Request) -> web.Response:
        """Tell the shop what the buyer pressed, and the buyer what became of it."""
        link = self._link(request)
        if link is None:
            return _missing()
        event = _EVENTS.get(str((await request.post()).get("outcome")))
        if event is None:
            return _asking(link)
        if not await self._notified(link, event):
            return _unheard(link)
        return _paid(link) if event == PAID else _failed(link)

    def _link(self, request: web.Request) -> PayLink | None:
        return PayLink.read(self._secret, request.match_info["number"], request.query)

    async def _notified(self, link: PayLink, event: str) -> bool:
        """Whether the shop took the notice: repeated, as providers do, unless it is refused."""
        for delay in (*self._delays, None):
            status = await self._notify(link, event)
            if status < 500:
                return status < 300
            if delay is not None:
                await asyncio.sleep(delay)
        return False

    async def _notify(self, link: PayLink, event: str) -> int:
        """The status of the shop's answer; 503 where there is none."""
        body = json.dumps(_notice(link, event)).encode()
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature_header(self._secret, int(self._clock()), body),
        }
        try:
            async with self._http.post(
                self._notify_url, data=body, headers=headers, timeout=_TIMEOUT
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 503


def _notice(link: PayLink, event: str) -> dict[str, str | int]:
    """Pressing again repeats the transaction: it is one per payment."""
    return {
        "event": event,
        "transaction": f"T{link.number}",
        "number": link.number,
        "amount": link.amount.amount,
        "currency": link.amount.currency,
    }


def _asking(link: PayLink) -> web.Response:
    sentence = "Choose how this payment ends."
    return _page("ask", "Pay with test money", sentence, link, buttons=_BUTTONS)


def _paid(link: PayLink) -> web.Response:
    return _page("paid", "Paid", "Go back to the chat: your order is on its way.", link)


def _failed(link: PayLink) -> web.Response:
    sentence = "Nothing was paid. Go back to the chat, or try again here."
    return _page("failed", "Payment failed", sentence, link, buttons=_BUTTONS)


def _unheard(link: PayLink) -> web.Response:
    sentence = "The shop did not take the notice of this payment. Try again."
    heading = "The shop does not answer"
    return _page("failed", heading, sentence, link, buttons=_BUTTONS, status=502)


def _missing() -> web.Response:
    sentence = "This payment link is not valid. Open it again from the chat."
    return _page("missing", "No such payment", sentence, status=404)


def _page(
    state: str,
    heading: str,
    sentence: str,
    link: PayLink | None = None,
    *,
    buttons: str = "",
    status: int = 200,
) -> web.Response:
    details = Markup()
    if link is not None:
        details = _DETAILS.format(amount=link.amount, title=link.title, number=link.number)
    text = _PAGE.substitute(
        state=state,
        heading=escape(heading),
        sentence=escape(sentence),
        details=details + buttons,
    )
    return web.Response(
        text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"}
    )
