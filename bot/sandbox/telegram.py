"""The local Telegram: a Bot API server of the project's own, with people in it."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, Unpack

from bot.sandbox.actions import Actions
from bot.sandbox.callbacks import Callbacks
from bot.sandbox.calls import Call, Calls
from bot.sandbox.editing import Editing
from bot.sandbox.errors import ApiError
from bot.sandbox.faults import Fault, FaultDetails, Faults, Kind
from bot.sandbox.invoices import Invoices
from bot.sandbox.limits import FloodLimits
from bot.sandbox.params import Params
from bot.sandbox.people import Person
from bot.sandbox.polling import Polling
from bot.sandbox.profile import Profile
from bot.sandbox.purchases import Purchases
from bot.sandbox.sending import Sending
from bot.sandbox.signals import Signal
from bot.sandbox.stars import Stars
from bot.sandbox.webhook import RETRY_DELAYS, Webhook
from bot.sandbox.wire import Json, Method, Methods
from bot.sandbox.world import World

__all__ = ["LocalTelegram", "Person"]


class LocalTelegram:
    """One bot and its people. Enter it to run the webhook; leaving it ends every wait.

    Times are seconds: `callback_timeout` and `payment_timeout` are how long a press and a
    checkout wait for the bot, `webhook_delays` come before each repeated push. `clock` drives
    the flood limits, `now` dates the messages.
    """

    def __init__(
        self,
        token: str,
        people: Iterable[Person] = (),
        *,
        rate_limits: bool = True,
        name: str = "Local shop",
        username: str = "local_shop_bot",
        callback_timeout: float = 15.0,
        payment_timeout: float = 10.0,
        webhook_delays: Sequence[float] = RETRY_DELAYS,
        webhook_timeout: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self._now = now
        user = {"id": int(token.partition(":")[0]), "is_bot": True}
        self.world = World(
            {**user, "first_name": name, "username": username},
            people,
            limits=FloodLimits(clock, enforced=rate_limits),
            now=now,
        )
        self.stopping = Signal()
        self.faults = Faults()
        self.log = Calls()
        self.actions = Actions(self.world)
        self.callbacks = Callbacks(self.world, seconds=callback_timeout)
        self.profile = Profile(self.world)
        self.invoices = Invoices(self.world)
        stars = Stars(self.world)
        self.purchases = Purchases(self.world, stars, seconds=payment_timeout)
        self._webhook = Webhook(
            self.world.updates, self.call, delays=webhook_delays, timeout=webhook_timeout
        )
        self._tasks = asyncio.TaskGroup()
        self._methods = _by_lower_name(
            Polling(self.world.updates, self._webhook).methods(),
            Sending(self.world).methods(),
            Editing(self.world).methods(),
            self.callbacks.methods(),
            self.invoices.methods(),
            self.purchases.methods(),
            stars.methods(),
            self.profile.methods(),
        )

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._pusher = self._tasks.create_task(self._webhook.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._pusher.cancel()
        # Not told of an error in the block, which it would wrap into a group.
        await self._tasks.__aexit__(None, None, None)

    def close(self) -> None:
        """End every wait: polls, presses, checkouts, watchers."""
        self.stopping.close()
        self.callbacks.queries.close()
        self.purchases.close()
        self.world.close()

    @property
    def calls(self) -> list[Call]:
        """The bot's calls in order, without the polls that went well."""
        return list(self.log)

    def chat(self, person_id: int) -> list[Json]:
        """The messages of a person's chat as they stand: edits applied, deleted ones gone."""
        return list(self.world.chat(person_id))

    def fault(
        self,
        kind: Kind,
        method: str | None = None,
        count: int = 1,
        **details: Unpack[FaultDetails],
    ) -> None:
        """Make the next `count` matching calls fail in this way; see `Fault`."""
        self.faults.add(Fault(kind, method, count, **details))
        self.world.events.publish("faults")

    def method_name(self, name: str) -> str | None:
        """Telegram's spelling of a method, whose case does not matter; None if unknown."""
        known = self._methods.get(name.lower())
        return known[0] if known else None

    async def call(self, name: str, params: Params, *, fault: ApiError | None = None) -> object:
        """Run a method and log it. Raises `ApiError`: the method's own, or the given fault."""
        started = time.perf_counter()
        number = self.log.next_number()
        known = self._methods.get(name.lower())
        error: ApiError | None = None
        try:
            if fault is not None:
                raise fault
            if known is None:
                raise ApiError(404, "Not Found")
            return await known[1](params)
        except ApiError as refused:
            error = refused
            raise
        finally:
            took = (time.perf_counter() - started) * 1000
            self._log(number, known[0] if known else name, params, error, took)

    def _log(
        self, number: int, method: str, params: Params, error: ApiError | None, ms: float
    ) -> None:
        if method == "getUpdates" and error is None:
            return
        call = Call(
            n=number,
            method=method,
            params=params.summary(),
            ok=error is None,
            error_code=(error.code or None) if error else None,
            description=error.description if error else "",
            ms=round(ms, 1),
            at=self._now(),
        )
        self.log.add(call)
        self.world.events.publish("call", call=call.as_json())


def _by_lower_name(*groups: Methods) -> dict[str, tuple[str, Method]]:
    return {name.lower(): (name, method) for group in groups for name, method in group.items()}
