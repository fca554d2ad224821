"""The rest of the page's side over HTTP: the bot, its calls, faults, and live events."""

import asyncio
from pathlib import Path

from aiohttp import web

from bot.sandbox.answers import answering, body_of, optional_integer
from bot.sandbox.errors import Refused
from bot.sandbox.events import Watcher
from bot.sandbox.faults import Fault
from bot.sandbox.telegram import LocalTelegram

PAGE = Path(__file__).with_name("page.html")
FIELDS = frozenset(Fault.__dataclass_fields__)


class ConsoleApi:
    def __init__(self, telegram: LocalTelegram) -> None:
        self._telegram = telegram
        self._page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", answering(self.page)),
            web.get("/sandbox/bot", answering(self.bot)),
            web.get("/sandbox/calls", answering(self.calls)),
            web.get("/sandbox/events", self.events),
            web.get("/sandbox/faults", answering(self.faults)),
            web.post("/sandbox/faults", answering(self.add_fault)),
            web.delete("/sandbox/faults", answering(self.clear_faults)),
        ]

    async def page(self, request: web.Request) -> web.Response:
        if self._page is None:
            raise Refused("The page is not part of this installation.", 404)
        return web.Response(text=self._page, content_type="text/html")

    async def bot(self, request: web.Request) -> web.Response:
        """With the commands that a person of this `language` sees, or this `person`."""
        person = optional_integer(request.query.get("person"), "person")
        language = request.query.get("language", "")
        bot = self._telegram.world.bot
        commands = self._telegram.profile.commands_for(person, language)
        shown = {key: bot[key] for key in ("id", "username", "first_name")}
        return web.json_response({**shown, "commands": commands})

    async def calls(self, request: web.Request) -> web.Response:
        after = optional_integer(request.query.get("after"), "after") or 0
        return web.json_response([call.as_json() for call in self._telegram.log.after(after)])

    async def faults(self, request: web.Request) -> web.Response:
        return web.json_response([fault.as_json() for fault in self._telegram.faults])

    async def add_fault(self, request: web.Request) -> web.Response:
        given = await body_of(request)
        if "kind" not in given or given.keys() - FIELDS:
            raise Refused(f"A fault has a kind and may have: {', '.join(sorted(FIELDS))}.")
        self._telegram.fault(**given)
        return await self.faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._telegram.faults.clear()
        self._telegram.world.events.publish("faults")
        return web.json_response([])

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=30)
        watcher = self._telegram.world.events.watch()
        try:
            await socket.prepare(request)
            async with asyncio.TaskGroup() as group:
                pushing = group.create_task(_push(watcher, socket))
                # Nothing is expected from the page: reading only tells when it has gone.
                async for _ in socket:
                    pass
                pushing.cancel()
        finally:
            self._telegram.world.events.leave(watcher)
        return socket


async def _push(watcher: Watcher, socket: web.WebSocketResponse) -> None:
    while (event := await watcher.next()) is not None:
        try:
            await socket.send_json(event)
        except ConnectionError:
            return
    await socket.close()
