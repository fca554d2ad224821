"""Methods about the bot itself and the people it talks to."""

import re

from bot.sandbox.errors import bad_request
from bot.sandbox.outgoing import recipient
from bot.sandbox.params import Params
from bot.sandbox.wire import Json, Methods
from bot.sandbox.world import World

COMMANDS_LIMIT = 100
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SCOPES = frozenset(
    {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    }
)
# A scope with its chat, and a language: "" for everybody without one of their own.
Audience = tuple[str, int, str]


class Profile:
    def __init__(self, world: World) -> None:
        self._world = world
        self._commands: dict[Audience, list[Json]] = {}
        self._texts: dict[tuple[str, str], str] = {}

    def methods(self) -> Methods:
        return {
            "getMe": self.get_me,
            "setMyCommands": self.set_commands,
            "getMyCommands": self.get_commands,
            "deleteMyCommands": self.delete_commands,
            "setMyName": self.set_name,
            "getMyName": self.get_name,
            "setMyDescription": self.set_description,
            "getMyDescription": self.get_description,
            "setMyShortDescription": self.set_short_description,
            "getMyShortDescription": self.get_short_description,
            "getChat": self.get_chat,
            "getChatMember": self.get_chat_member,
        }

    async def get_me(self, params: Params) -> Json:
        abilities = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
        return {**self._world.bot, **abilities}

    def commands_for(self, person_id: int | None, language: str) -> list[Json]:
        """What a person's menu shows: the narrowest scope wins (Bot API, BotCommandScope)."""
        scopes = [("chat", person_id or 0), ("all_private_chats", 0), ("default", 0)]
        for scope, chat_id in scopes:
            for code in (language, ""):
                if (scope, chat_id, code) in self._commands:
                    return self._commands[scope, chat_id, code]
        return []

    async def set_commands(self, params: Params) -> bool:
        commands = params.json("commands", what="commands")
        if not isinstance(commands, list):
            raise bad_request("expected an Array of BotCommand")
        if len(commands) > COMMANDS_LIMIT:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        self._commands[_audience(params)] = [_command(command) for command in commands]
        self._world.events.publish("commands")
        return True

    async def get_commands(self, params: Params) -> list[Json]:
        return self._commands.get(_audience(params), [])

    async def delete_commands(self, params: Params) -> bool:
        self._commands.pop(_audience(params), None)
        self._world.events.publish("commands")
        return True

    async def set_name(self, params: Params) -> bool:
        self._set_text(params, "name", limit=64)
        return True

    async def get_name(self, params: Params) -> Json:
        return {"name": self._text(params, "name") or self._world.bot["first_name"]}

    async def set_description(self, params: Params) -> bool:
        self._set_text(params, "description", limit=512)
        return True

    async def get_description(self, params: Params) -> Json:
        return {"description": self._text(params, "description")}

    async def set_short_description(self, params: Params) -> bool:
        self._set_text(params, "short_description", limit=120)
        return True

    async def get_short_description(self, params: Params) -> Json:
        return {"short_description": self._text(params, "short_description")}

    async def get_chat(self, params: Params) -> Json:
        gifts = (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        )
        full = {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, True),
        }
        return {**recipient(self._world, params).person.as_chat(), **full}

    async def get_chat_member(self, params: Params) -> Json:
        chat = recipient(self._world, params)
        members = {chat.person.id: chat.person.as_user(), self._world.bot["id"]: self._world.bot}
        user = members.get(params.integer("user_id"))
        if user is None:
            raise bad_request("user not found")
        return {"status": "member", "user": user}

    def _set_text(self, params: Params, name: str, *, limit: int) -> None:
        if len(params.text(name)) > limit:
            raise bad_request(f"BOT_{name.upper()}_INVALID")
        self._texts[name, params.text("language_code")] = params.text(name)

    def _text(self, params: Params, name: str) -> str:
        own = self._texts.get((name, params.text("language_code")), "")
        return own or self._texts.get((name, ""), "")


def _audience(params: Params) -> Audience:
    scope = params.json("scope", what="BotCommandScope") or {"type": "default"}
    if not isinstance(scope, dict) or scope.get("type") not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    return scope["type"], Params(scope).integer("chat_id"), params.text("language_code")


def _command(given: object) -> Json:
    if not isinstance(given, dict):
        raise bad_request("expected an Array of BotCommand")
    command = Params(given)
    name, description = command.text("command").removeprefix("/"), command.text("description")
    if not _COMMAND.fullmatch(name):
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}
