"""Pushes updates to the bot's webhook, as Telegram does: in order per chat, until taken."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import aiohttp

from bot.sandbox.errors import ApiError
from bot.sandbox.params import Params, of_webhook_reply
from bot.sandbox.updates import Update, Updates
from bot.sandbox.wire import Json, without_blanks

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # a header's name
SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]{0,256}")
# Seconds before each further attempt; the last one goes on repeating.
RETRY_DELAYS = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# Telegram gives an update up after a day.
GIVE_UP_AFTER = 24 * 60 * 60.0

Answered = Callable[[str, Params], Awaitable[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """Where updates go. `replaced` is set when they go there no longer."""

    url: str
    secret: str = field(repr=False)
    max_connections: int
    replaced: asyncio.Event = field(default_factory=asyncio.Event)


class Webhook:
    """`call` runs the method that a reply's body may hold."""

    def __init__(
        self,
        updates: Updates,
        call: Answered,
        *,
        delays: Sequence[float] = RETRY_DELAYS,
        timeout: float = 60.0,
    ) -> None:
        self.hook: Hook | None = None
        self._updates = updates
        self._call = call
        self._delays = delays
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._busy: set[int] = set()
        self._last_error: Json = {}

    def set(self, hook: Hook | None) -> None:
        if self.hook is not None:
            self.hook.replaced.set()
        self.hook = hook
        self._last_error = {}
        self._updates.changed.fire()

    def info(self) -> Json:
        """A Bot API `WebhookInfo`."""
        hook = self.hook
        more = {"max_connections": hook.max_connections, "ip_address": "127.0.0.1"} if hook else {}
        return {
            "url": hook.url if hook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates),
            **without_blanks({"allowed_updates": self._updates.allowed}),
            **more,
            **self._last_error,
        }

    async def run(self) -> None:
        """Push until cancelled."""
        async with (
            aiohttp.ClientSession(timeout=self._timeout) as http,
            asyncio.TaskGroup() as deliveries,
        ):
            while not self._updates.changed.closed:
                self._start(http, deliveries)
                await self._updates.changed.wait()

    def _start(self, http: aiohttp.ClientSession, deliveries: asyncio.TaskGroup) -> None:
        if self.hook is None:
            return
        free = max(0, self.hook.max_connections - len(self._busy))
        for update in self._updates.first_of_each_chat(self._busy)[:free]:
            self._busy.add(update.chat_id)
            deliveries.create_task(self._deliver(http, self.hook, update))

    async def _deliver(self, http: aiohttp.ClientSession, hook: Hook, update: Update) -> None:
        try:
            if await self._push_until_taken(http, hook, update):
                self._updates.discard(update.id)
        finally:
            self._busy.discard(update.chat_id)
            self._updates.changed.fire()

    async def _push_until_taken(
        self, http: aiohttp.ClientSession, hook: Hook, update: Update
    ) -> bool:
        """False when the hook is replaced first: the update stays for whoever comes next."""
        started = time.monotonic()
        for delay in self._schedule():
            await _pause(hook, delay)
            if hook.replaced.is_set():
                return False
            if await self._push(http, hook, update):
                return True
            if time.monotonic() - started > GIVE_UP_AFTER:
                return True
        return False

    def _schedule(self) -> Iterator[float]:
        return chain((0.0,), self._delays, repeat(self._delays[-1]))

    async def _push(self, http: aiohttp.ClientSession, hook: Hook, update: Update) -> bool:
        headers = {SECRET_HEADER: hook.secret} if hook.secret else {}
        try:
            async with http.post(
                hook.url, json=update.body, headers=headers, allow_redirects=False
            ) as response:
                if not response.ok or response.status >= 300:
                    reason = f"{response.status} {response.reason}"
                    return self._failed(hook, f"Wrong response from the webhook: {reason}")
                await self._obey(response)
        except TimeoutError:
            return self._failed(hook, "Read timeout expired")
        except aiohttp.ClientConnectorError:
            return self._failed(hook, "Connection refused")
        except aiohttp.ClientError:
            return self._failed(hook, "Connection closed unexpectedly")
        return True

    def _failed(self, hook: Hook, reason: str) -> bool:
        if not hook.replaced.is_set():
            self._last_error = {"last_error_date": int(time.time()), "last_error_message": reason}
            self._updates.changed.fire()
        return False

    async def _obey(self, response: aiohttp.ClientResponse) -> None:
        """Run the method in the reply. How it ends, the bot is not told (Bot API)."""
        try:
            params = await of_webhook_reply(response)
            method = params.text("method")
            if method:
                await self._call(method, params)
        except ApiError:
            # Refused calls stand in the log of calls; an unreadable reply is none.
            return


async def _pause(hook: Hook, seconds: float) -> None:
    """Wait, but not longer than the hook lives."""
    try:
        async with asyncio.timeout(seconds):
            await hook.replaced.wait()
    except TimeoutError:
        return
