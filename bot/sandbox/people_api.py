"""The people's side over HTTP: their accounts, their chats and what they do there."""

import re
from dataclasses import asdict
from urllib.parse import quote

from aiohttp import web

from bot.sandbox.answers import (
    answering,
    body_of,
    integer,
    optional_integer,
    person_of,
    text,
)
from bot.sandbox.chats import Chat
from bot.sandbox.errors import Refused
from bot.sandbox.files import Kind
from bot.sandbox.invoices import Invoice
from bot.sandbox.params import of_form
from bot.sandbox.telegram import LocalTelegram
from bot.sandbox.wire import Json

# The chat's revision just before what the person did: whatever is newer may be its outcome.
REVISION_HEADER = "X-Chat-Revision"
# People may upload more than a bot can download, so that a bot can be tried with it.
UPLOAD_LIMIT = 100 * 1024 * 1024
WAIT_LIMIT_SECONDS = 60.0


class PeopleApi:
    def __init__(self, telegram: LocalTelegram) -> None:
        self._telegram = telegram
        self._world = telegram.world

    def routes(self) -> list[web.RouteDef]:
        person = "/sandbox/people/{person}"
        return [
            web.get("/sandbox/people", answering(self.people)),
            web.post("/sandbox/people", answering(self.add)),
            web.patch(person, answering(self.change)),
            web.get(f"{person}/messages", answering(self.messages)),
            web.get(f"{person}/keyboard", answering(self.keyboard)),
            web.post(f"{person}/say", answering(self.say)),
            web.post(f"{person}/upload", answering(self.upload)),
            web.post(f"{person}/click", answering(self.click)),
            web.post(f"{person}/pay", answering(self.pay)),
            web.post(f"{person}/block", answering(self.block)),
            web.post(f"{person}/clear", answering(self.clear)),
            web.get("/sandbox/files/{file_id}", answering(self.file)),
            web.get("/sandbox/invoice/{slug}", answering(self.invoice)),
        ]

    async def people(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(chat.person) for chat in self._world.chats.values()])

    async def add(self, request: web.Request) -> web.Response:
        person = self._telegram.actions.add(await body_of(request))
        return web.json_response(asdict(person), status=201)

    async def change(self, request: web.Request) -> web.Response:
        person = self._telegram.actions.change(person_of(request), await body_of(request))
        return web.json_response(asdict(person))

    async def messages(self, request: web.Request) -> web.Response:
        """All of them; with `after_revision`, only those sent or edited since, the latest change
        last, for which the request may `wait` some seconds."""
        chat = self._chat(request)
        after = optional_integer(request.query.get("after_revision"), "after_revision")
        if after is None:
            return web.json_response(list(chat))
        await chat.changed.until(
            lambda: chat.revision > after,
            seconds=_wait(request),
            gone=lambda: request.transport is None or request.transport.is_closing(),
        )
        changed = {"revision": chat.revision, "messages": chat.changed_since(after)}
        return web.json_response(changed)

    async def keyboard(self, request: web.Request) -> web.Response:
        """The reply keyboard that the chat shows, or null."""
        return web.json_response(self._chat(request).reply_keyboard)

    async def say(self, request: web.Request) -> web.Response:
        chat, body = self._chat(request), await body_of(request)
        reply_to = optional_integer(body.get("reply_to_message_id"), "reply_to_message_id")
        before = chat.revision
        said = self._telegram.actions.say(chat.person.id, text(body, "text"), reply_to=reply_to)
        return _acted(said, before)

    async def upload(self, request: web.Request) -> web.Response:
        chat = self._chat(request)
        if request.content_type != "multipart/form-data":
            raise Refused("An upload is a multipart form.")
        form = await of_form(await request.multipart(), UPLOAD_LIMIT)
        file = form.uploads.get("file")
        if file is None:
            raise Refused("There is no file in the upload.")
        reply_to = form.text("reply_to_message_id")
        before = chat.revision
        message = self._telegram.actions.upload(
            chat.person.id,
            file,
            _kind(form.text("as") or "document"),
            caption=form.text("caption"),
            reply_to=optional_integer(reply_to, "reply_to_message_id"),
        )
        return _acted(message, before)

    async def click(self, request: web.Request) -> web.Response:
        chat, body = self._chat(request), await body_of(request)
        before = chat.revision
        answer = await self._telegram.callbacks.click(
            chat.person.id,
            message_id=integer(body.get("message_id"), "message_id"),
            data=text(body, "data"),
            inaccessible=body.get("inaccessible") is True,
        )
        return _acted(answer, before)

    async def pay(self, request: web.Request) -> web.Response:
        chat, body = self._chat(request), await body_of(request)
        invoice = self._invoice(chat, body)
        payer = optional_integer(body.get("payer"), "payer") or chat.person.id
        if payer != chat.person.id and invoice.start_parameter:
            raise Refused("A forwarded copy of this invoice leads to the bot and cannot be paid.")
        before = chat.revision
        return _acted(await self._telegram.purchases.pay(payer, invoice, body), before)

    async def block(self, request: web.Request) -> web.Response:
        chat, body = self._chat(request), await body_of(request)
        if not isinstance(body.get("blocked"), bool):
            raise Refused("blocked must be true or false.")
        before = chat.revision
        self._telegram.actions.block(chat.person.id, blocked=body["blocked"])
        return _acted(asdict(chat.person), before)

    async def clear(self, request: web.Request) -> web.Response:
        chat = self._chat(request)
        self._telegram.actions.clear(chat.person.id)
        return _acted({}, chat.revision)

    async def file(self, request: web.Request) -> web.Response:
        file = self._world.files.get(request.match_info["file_id"])
        if file is None:
            raise Refused("There is no such file.", 404)
        shown = "inline" if file.kind == "photo" else "attachment"
        disposition = f"{shown}; filename*=UTF-8''{quote(file.name, safe='')}"
        return web.Response(
            body=file.content,
            content_type=file.mime_type,
            headers={"Content-Disposition": disposition},
        )

    async def invoice(self, request: web.Request) -> web.Response:
        """What an invoice link asks for; it is paid through a person's `pay`."""
        invoice = self._telegram.invoices.linked(request.match_info["slug"])
        return web.json_response(invoice.as_content())

    def _chat(self, request: web.Request) -> Chat:
        return self._world.chat(person_of(request))

    def _invoice(self, chat: Chat, body: Json) -> Invoice:
        """By message, or by an invoice link or its slug."""
        if "invoice" in body:
            slug = text(body, "invoice").rpartition("/")[2]
            return self._telegram.invoices.linked(slug)
        message_id = integer(body.get("message_id"), "message_id")
        return self._telegram.invoices.sent(chat.person.id, message_id)


def _acted(result: Json, revision: int) -> web.Response:
    return web.json_response(result, headers={REVISION_HEADER: str(revision)})


def _wait(request: web.Request) -> float:
    given = request.query.get("wait", "0")
    if not re.fullmatch(r"\d+(\.\d+)?", given):
        raise Refused("wait must be a number of seconds.")
    return min(float(given), WAIT_LIMIT_SECONDS)


def _kind(name: str) -> Kind:
    kinds: dict[str, Kind] = {"photo": "photo", "document": "document"}
    if name not in kinds:
        raise Refused("An upload goes as photo or document.")
    return kinds[name]
