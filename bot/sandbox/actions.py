"""What people do in their chats, beside pressing buttons and paying."""

from collections.abc import Mapping
from types import NoneType
from typing import get_args

from bot.sandbox import outgoing, text
from bot.sandbox.chats import Chat
from bot.sandbox.errors import ApiError, Refused
from bot.sandbox.files import Kind
from bot.sandbox.media import keep
from bot.sandbox.params import Upload
from bot.sandbox.people import Person, Role
from bot.sandbox.utf16 import length
from bot.sandbox.wire import Json
from bot.sandbox.world import World


class Actions:
    """Everything raises `Refused` for what the person cannot do."""

    def __init__(self, world: World) -> None:
        self._world = world

    def say(self, person_id: int, words: str, *, reply_to: int | None = None) -> Json:
        chat = self._world.chat(person_id)
        written = text.plain(words)
        if not written.text:
            raise Refused("A message needs some text.")
        if length(written.text) > text.TEXT_LIMIT:
            raise Refused(f"A message holds at most {text.TEXT_LIMIT} characters.")
        content = outgoing.as_text(written)
        return self._world.receive(chat, {**_reply(chat, reply_to), **content})

    def upload(
        self,
        person_id: int,
        upload: Upload,
        kind: Kind,
        *,
        caption: str = "",
        reply_to: int | None = None,
    ) -> Json:
        chat = self._world.chat(person_id)
        written = text.plain(caption)
        if length(written.text) > text.CAPTION_LIMIT:
            raise Refused(f"A caption holds at most {text.CAPTION_LIMIT} characters.")
        try:
            file = keep(self._world.files, upload, kind)
        except ApiError as error:
            raise Refused(f"Telegram does not take this file: {error.description}.") from error
        content = {**file.as_content(), **outgoing.as_caption(written)}
        return self._world.receive(chat, {**_reply(chat, reply_to), **content})

    def block(self, person_id: int, *, blocked: bool) -> None:
        """Block or unblock the bot; it learns of it by `my_chat_member`."""
        chat = self._world.chat(person_id)
        if chat.person.blocked == blocked:
            return
        chat.person.blocked = blocked
        before, after = self._membership(blocked=not blocked), self._membership(blocked=blocked)
        change = {"old_chat_member": before, "new_chat_member": after}
        origin = {"chat": chat.person.as_chat(), "from": chat.person.as_user()}
        self._world.updates.add(
            "my_chat_member", person_id, {**origin, "date": self._world.date, **change}
        )
        self._world.events.publish("people")

    def clear(self, person_id: int) -> None:
        """Forget the chat's messages, as a person who deletes the history."""
        chat = self._world.chat(person_id)
        chat.remove([message["message_id"] for message in chat])

    def add(self, given: Mapping[str, object]) -> Person:
        _check(given)
        if not given.keys() >= {"id", "first_name"}:
            raise Refused("A person needs an id and a first_name.")
        person = Person(**given)  # type: ignore[arg-type]  # checked field by field above
        self._world.add(person)
        return person

    def change(self, person_id: int, given: Mapping[str, object]) -> Person:
        """Everything but the id and whether they block the bot can be changed."""
        person = self._world.chat(person_id).person
        _check(given)
        if given.keys() & {"id", "blocked"}:
            raise Refused("The id stays, and blocking has a call of its own.")
        for name, value in given.items():
            setattr(person, name, value)
        self._world.events.publish("people")
        return person

    def _membership(self, *, blocked: bool) -> Json:
        if blocked:
            return {"user": self._world.bot, "status": "kicked", "until_date": 0}
        return {"user": self._world.bot, "status": "member"}


def _reply(chat: Chat, message_id: int | None) -> Json:
    if message_id is None:
        return {}
    message = chat.get(message_id)
    if message is None:
        raise Refused(f"There is no message {message_id} in this chat.", 404)
    return {"reply_to_message": outgoing.quoted(message)}


def _check(given: Mapping[str, object]) -> None:
    """Each field must be one of a `Person`, and of its kind."""
    for name, value in given.items():
        if name not in _KINDS:
            raise Refused(f"A person has no field {name}.")
        if type(value) not in _KINDS[name]:
            raise Refused(f"The field {name} holds something of a wrong kind.")
    if given.get("role", "buyer") not in get_args(Role):
        raise Refused("A role is buyer or admin.")


_KINDS: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "first_name": (str,),
    "last_name": (str,),
    "username": (str, NoneType),
    "language_code": (str,),
    "role": (str,),
    "stars": (int,),
    "blocked": (bool,),
    "started": (bool,),
}
