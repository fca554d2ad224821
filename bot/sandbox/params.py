"""A Bot API call's parameters: from a query, JSON, a form, or multipart with files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import BodyPartReader, MultipartReader, web

from bot.sandbox.errors import ApiError, bad_request
from bot.sandbox.wire import Json

# Bot API, "Sending files": 50 MB for anything uploaded.
UPLOAD_LIMIT = 50 * 1024 * 1024
# A stranger reading the log of calls must not learn these.
SECRET = frozenset({"secret_token", "provider_token"})


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a call."""

    name: str
    content: bytes = field(repr=False)
    content_type: str = ""


@dataclass(slots=True)
class Params:
    """Reads parameters as Telegram does: leniently, strings for numbers and JSON included."""

    values: Json = field(default_factory=dict, repr=False)
    uploads: dict[str, Upload] = field(default_factory=dict)
    # Whether the client has hung up.
    gone: Callable[[], bool] = lambda: False

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return value if isinstance(value, str) else "" if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise bad_request(f'parameter "{name}" is required')
        return value

    def integer(self, name: str, default: int = 0) -> int:
        try:
            return int(self.text(name))
        except ValueError:
            return default

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "yes", "1")

    # JSON of whatever shape the caller sent; each method checks the shape that it needs.
    def json(self, name: str, *, what: str) -> Any:
        """The parsed value, or None when there is none; `what` names it in the 400."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {what} JSON object") from error

    def summary(self) -> Json:
        """For the log of calls: files by name and size, secrets left out."""
        shown = {key: "…" if key in SECRET else value for key, value in self.values.items()}
        files = {
            key: {"file": upload.name, "size": len(upload.content)}
            for key, upload in self.uploads.items()
        }
        return {**shown, **files}


async def of_request(request: web.Request) -> Params:
    """Raises `ApiError` 400 for what cannot be parsed, 413 for a file that is too big."""
    params = await _of_body(request.content_type, request.content, request.headers)
    params.values = {**request.query, **params.values}
    params.gone = lambda: request.transport is None or request.transport.is_closing()
    return params


async def of_webhook_reply(response: aiohttp.ClientResponse) -> Params:
    """The method call in the body of a webhook's answer; empty when there is none."""
    return await _of_body(response.content_type, response.content, response.headers)


async def of_form(reader: MultipartReader, limit: int = UPLOAD_LIMIT) -> Params:
    """A multipart form whose files hold at most `limit` bytes each."""
    params = Params()
    too_big = False
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise bad_request("can't parse request body")
        content = await _content(part, limit)
        if content is None:
            # Read on to the end, or the client would see a broken connection, not the answer.
            too_big = True
        elif part.filename is None:
            params.values[part.name or ""] = content.decode()
        else:
            kind = part.headers.get("Content-Type", "")
            params.uploads[part.name or ""] = Upload(part.filename, content, kind)
    if too_big:
        raise ApiError(413, "Request Entity Too Large")
    return params


async def _of_body(
    content_type: str,
    stream: aiohttp.StreamReader,
    headers: Any,  # either side's header mapping
) -> Params:
    try:
        if content_type == "multipart/form-data":
            return await of_form(MultipartReader(headers, stream))
        body = (await stream.read()).decode()
        return Params(_flat(content_type, body))
    except ValueError as error:
        raise bad_request("can't parse request body") from error


def _flat(content_type: str, body: str) -> Json:
    if content_type == "application/json" and body:
        values = json.loads(body)
        if not isinstance(values, dict):
            raise ValueError(body)
        return values
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body, keep_blank_values=True))
    return {}


async def _content(part: BodyPartReader, limit: int) -> bytes | None:
    content = bytearray()
    size = 0
    while chunk := await part.read_chunk(1 << 16):
        size += len(chunk)
        if size <= limit:
            content += chunk
    return bytes(content) if size <= limit else None
