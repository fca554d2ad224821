"""The local Telegram over HTTP: its routes, for any aiohttp application."""

from collections.abc import Sequence

from aiohttp import web

from bot.sandbox.bot_api import BotApi
from bot.sandbox.console_api import ConsoleApi
from bot.sandbox.people_api import PeopleApi
from bot.sandbox.telegram import LocalTelegram


def routes(telegram: LocalTelegram) -> Sequence[web.RouteDef]:
    """The Bot API's side, the people's side and the page.

    An application that stops before `telegram` is left should call `telegram.close()` on
    shutdown: open polls and watchers would hold it up.
    """
    apis = (BotApi(telegram), PeopleApi(telegram), ConsoleApi(telegram))
    return [route for api in apis for route in api.routes()]
