"""HTTP: Telegram's webhook, payment callbacks, health, metrics."""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

import structlog
from aiohttp import web

from bot import metrics
from bot.watches import Watches
from domain import news
from domain.errors import DatabaseAway, DomainError, ProviderUnavailable, TransactionAborted
from domain.payments import Event, PaymentProvider
from domain.ports import UnitOfWork
from domain.rules import Rules
from payments.provider import (
    MAX_CALLBACK_BYTES,
    Answer,
    CallbackProvider,
    InvalidSignature,
    RawCallback,
    SignatureProbe,
)

log = structlog.get_logger(__name__)

SETTLE_SECONDS: Final = 8.0  # then the provider is asked to send it again

_RETURN_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Back to the chat</title>
<style>body{font:18px/1.5 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;
margin:0 24px;text-align:center;color-scheme:light dark}</style>
<h1>Thank you!</h1><p>Go back to the chat in Telegram: your order is shown there as soon as the
payment is confirmed. You can close this page.</p></html>"""


class PaymentCallbacks:
    """`/payments/<provider>/…`: verified by the provider's adapter, settled, answered."""

    def __init__(
        self,
        providers: Mapping[str, PaymentProvider],
        rules: Rules,
        watches: Watches,
        new_uow: Callable[[], UnitOfWork],
        clock: Callable[[], datetime],
    ) -> None:
        self._all = providers
        self._providers = {
            code: provider
            for code, provider in providers.items()
            if isinstance(provider, CallbackProvider)
        }
        self._rules = rules
        self._watches = watches
        self._new_uow = new_uow
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/payments/{provider}/notify", self.notify),
            web.get("/payments/{provider}/return", self.came_back),
        ]

    async def notify(self, request: web.Request) -> web.Response:
        provider = self._providers.get(request.match_info["provider"])
        if provider is None:
            raise web.HTTPNotFound
        if request.method not in provider.methods:
            raise web.HTTPMethodNotAllowed(request.method, provider.methods)
        allowed = provider.methods[request.method]
        if allowed and request.content_type not in allowed:
            raise web.HTTPUnsupportedMediaType
        callback = RawCallback(
            method=request.method,
            headers=request.headers,
            query=request.rel_url.raw_query_string,
            body=await read_at_most(request, MAX_CALLBACK_BYTES),
        )
        with metrics.callback_seconds.time():
            answer = await self._take(provider, callback)
        reply = provider.reply(answer)
        return web.Response(status=reply.status, text=reply.body, content_type=reply.content_type)

    async def came_back(self, request: web.Request) -> web.Response:
        """A buyer's browser: proves nothing, changes nothing."""
        if request.match_info["provider"] not in self._providers:
            raise web.HTTPNotFound
        return web.Response(text=_RETURN_PAGE, content_type="text/html")

    async def _take(self, provider: CallbackProvider, callback: RawCallback) -> Answer:
        """Believed or not; recorded, or to be sent again."""
        outcome = "accepted"
        try:
            for event in await provider.parse(callback):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._tell(event)
        except (DatabaseAway, TransactionAborted, ProviderUnavailable, TimeoutError) as error:
            outcome = type(error).__name__
            log.warning("callback to be repeated", provider=provider.code, why=outcome)
            return Answer.RETRY
        except SignatureProbe:
            outcome = "probe"
            return Answer.REJECTED
        except DomainError as error:
            outcome = type(error).__name__
            log.warning("callback refused", provider=provider.code, why=outcome)
            if isinstance(error, InvalidSignature):
                await self._watches.forged(provider.code)
            return Answer.REJECTED
        finally:
            metrics.callbacks.labels(provider=provider.code, outcome=outcome).inc()
        return Answer.ACCEPTED

    async def _tell(self, event: Event) -> None:
        settlement = await news.take(
            self._new_uow(), self._all, event, self._rules, now=self._clock()
        )
        if settlement is None:
            log.info("news", provider=event.provider, kind=type(event).__name__)
            return
        metrics.settlements.labels(provider=event.provider, outcome=settlement.outcome).inc()
        log.info("payment", provider=event.provider, outcome=settlement.outcome)


async def read_at_most(request: web.Request, limit: int) -> bytes:
    """The body, refused with 413 before more than that is in memory."""
    if request.content_length is not None and request.content_length > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length)
    body = bytearray()
    async for chunk in request.content.iter_chunked(8192):
        body += chunk
        if len(body) > limit:
            raise web.HTTPRequestEntityTooLarge(limit, len(body))
    return bytes(body)


class Probes:
    """Health, readiness and metrics. `checks` are named questions to the shop's services, which
    answer soon.
    """

    def __init__(
        self, checks: Mapping[str, Callable[[], Awaitable[bool]]], metrics_token: str | None
    ) -> None:
        self._checks = checks
        self._metrics_token = metrics_token

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
        ]

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        away = [name for name, answers in self._checks.items() if not await answers()]
        if away:
            return web.Response(status=503, text=f"not ready: {', '.join(away)}\n")
        return web.Response(text="ready\n")

    async def metrics(self, request: web.Request) -> web.Response:
        if not self._may_see_metrics(request):
            raise web.HTTPForbidden(text="metrics are for private addresses or METRICS_TOKEN\n")
        return web.Response(
            body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    def _may_see_metrics(self, request: web.Request) -> bool:
        """By the connection's own address: what a proxy writes into headers can be forged."""
        authorization = request.headers.get("Authorization")
        if self._metrics_token is not None and authorization is not None:
            given = authorization.encode(errors="replace")
            return hmac.compare_digest(given, f"Bearer {self._metrics_token}".encode())
        try:
            address = ipaddress.ip_address(request.remote or "")
        except ValueError:
            return False
        return address.is_loopback or address.is_private
