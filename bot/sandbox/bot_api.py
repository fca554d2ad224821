"""The Bot API over HTTP: calls and file downloads."""

from aiohttp import web

from bot.sandbox.errors import ApiError
from bot.sandbox.faults import Fault
from bot.sandbox.params import Params, of_request
from bot.sandbox.telegram import LocalTelegram
from bot.sandbox.wire import Json

UNAUTHORIZED = ApiError(401, "Unauthorized")
NOT_FOUND = ApiError(404, "Not Found")


class BotApi:
    def __init__(self, telegram: LocalTelegram) -> None:
        self._telegram = telegram

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/bot{token}/{method}", self.call),
            web.get("/file/bot{token}/{path:.+}", self.download),
        ]

    async def call(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._telegram.token:
            return _refusal(UNAUTHORIZED)
        self._telegram.world.origin = str(request.url.origin())
        name = request.match_info["method"]
        name = self._telegram.method_name(name) or name
        try:
            params = await of_request(request)
        except ApiError as error:
            return _refusal(error)
        fault = self._telegram.faults.take(name, params)
        if fault is None:
            return await self._answer(name, params)
        self._telegram.world.events.publish("faults")
        return await self._answer_badly(request, name, params, fault)

    async def download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._telegram.token:
            return _refusal(UNAUTHORIZED)
        file = self._telegram.world.files.at(request.match_info["path"])
        if file is None:
            return _refusal(NOT_FOUND)
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def _answer(
        self, name: str, params: Params, error: ApiError | None = None
    ) -> web.Response:
        try:
            result = await self._telegram.call(name, params, fault=error)
        except ApiError as refused:
            return _refusal(refused)
        return web.json_response({"ok": True, "result": result})

    async def _answer_badly(
        self, request: web.Request, name: str, params: Params, fault: Fault
    ) -> web.StreamResponse:
        match fault.kind:
            case "slow":
                await self._wait(params, fault.seconds)
                return await self._answer(name, params)
            case "cut_after":
                answer = await self._answer(name, params)
            case "hang":
                await self._wait(params, float("inf"))
                answer = await self._answer(name, params, ApiError(0, "Never answered"))
            case "cut":
                answer = await self._answer(name, params, ApiError(0, "Connection cut"))
            case _:
                return await self._answer(name, params, fault.error)
        if request.transport is not None:
            request.transport.abort()
        return answer

    async def _wait(self, params: Params, seconds: float) -> None:
        """Until the client hangs up, at most."""
        await self._telegram.stopping.until(lambda: False, seconds=seconds, gone=params.gone)


def _refusal(error: ApiError) -> web.Response:
    answer: Json = {"ok": False, "error_code": error.code, "description": error.description}
    if error.parameters:
        answer["parameters"] = error.parameters
    return web.json_response(answer, status=error.code or 500)
