"""How the people's side answers over HTTP: JSON, and sentences for what cannot be done."""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.sandbox.errors import ApiError, Refused
from bot.sandbox.wire import Json

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(handler: Handler) -> Handler:
    """Turns a refusal into its status and `{"error": sentence}`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as error:
            return web.json_response({"error": str(error)}, status=error.status)
        except ApiError as error:
            sentence = f"Telegram does not take this: {error.description}."
            return web.json_response({"error": sentence}, status=error.code)

    return answer


async def body_of(request: web.Request) -> Json:
    """The JSON object in a request's body."""
    try:
        body = json.loads(await request.content.read())
    except ValueError as error:
        raise Refused("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise Refused("The body is no JSON object.")
    return body


def person_of(request: web.Request) -> int:
    return integer(request.match_info["person"], "person")


def integer(value: object, name: str) -> int:
    """Raises `Refused` for what is no whole number."""
    try:
        return int(str(value))
    except ValueError as error:
        raise Refused(f"{name} must be a whole number.") from error


def optional_integer(value: object, name: str) -> int | None:
    return None if value in (None, "") else integer(value, name)


def text(body: Json, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Refused(f"{name} must be a string.")
    return value
