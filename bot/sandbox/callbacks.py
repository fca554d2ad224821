"""Presses of inline buttons, from the press to the bot's answer."""

import secrets

from bot.sandbox.errors import Refused, bad_request
from bot.sandbox.params import Params
from bot.sandbox.questions import Questions
from bot.sandbox.utf16 import length
from bot.sandbox.wire import Json, Methods, without_blanks
from bot.sandbox.world import World

# Bot API, answerCallbackQuery: 0-200 characters.
ANSWER_LIMIT = 200


class Callbacks:
    """A press waits `seconds` for its answer; afterwards the query is too old."""

    def __init__(self, world: World, *, seconds: float) -> None:
        self._world = world
        self.queries = Questions(seconds=seconds)
        self._chat_instances: dict[int, str] = {}

    def methods(self) -> Methods:
        return {"answerCallbackQuery": self.answer}

    async def answer(self, params: Params) -> bool:
        query_id = params.text("callback_query_id")
        self.queries.require_open(query_id)
        text, url = params.text("text"), params.text("url")
        if length(text) > ANSWER_LIMIT:
            raise bad_request("MESSAGE_TOO_LONG")
        own = (
            f"https://t.me/{self._world.bot['username']}?",
            f"t.me/{self._world.bot['username']}?",
        )
        if url and not url.startswith(own):
            raise bad_request("URL_INVALID")
        shown = {"text": text, "show_alert": params.flag("show_alert"), "url": url or None}
        self.queries.answer(query_id, shown)
        return True

    async def click(
        self, person_id: int, *, message_id: int, data: str, inaccessible: bool = False
    ) -> Json:
        """Press a button with this data, forged or not; return how the bot answered."""
        chat = self._world.chat(person_id)
        message = chat.get(message_id)
        if inaccessible:
            message = {"chat": chat.person.as_chat(), "message_id": message_id, "date": 0}
        if message is None:
            raise Refused(f"There is no message {message_id} in this chat.", 404)
        query_id = self.queries.ask()
        query = {"id": query_id, "from": chat.person.as_user(), "message": message}
        instance = self._chat_instances.setdefault(person_id, str(secrets.randbits(62)))
        content = {**query, "chat_instance": instance, "data": data}
        self._world.updates.add("callback_query", person_id, content)
        answer = await self.queries.answer_to(query_id)
        if answer is None:
            return {"answered": False}
        if answer["text"]:
            shown = without_blanks({"text": answer["text"]})
            self._world.events.publish(
                "answer", person=person_id, show_alert=answer["show_alert"], **shown
            )
        return {"answered": True, **answer}
