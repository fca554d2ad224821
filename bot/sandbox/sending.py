"""Methods that send messages, and getFile."""

import secrets
from typing import get_args

from bot.sandbox.errors import bad_request
from bot.sandbox.files import Kind
from bot.sandbox.keyboards import refuse_pay_button, reply_markup
from bot.sandbox.media import input_file
from bot.sandbox.outgoing import as_caption, as_text, envelope, link_preview, recipient, send
from bot.sandbox.params import Params
from bot.sandbox.text import caption, message_text
from bot.sandbox.wire import Json, Methods
from bot.sandbox.world import World

ALBUM_LIMIT = 10
# Bot API, getFile: bots can download files of up to 20 MB.
DOWNLOAD_LIMIT = 20 * 1024 * 1024
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


class Sending:
    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Methods:
        return {
            "sendMessage": self.send_message,
            "sendPhoto": self.send_photo,
            "sendDocument": self.send_document,
            "sendMediaGroup": self.send_media_group,
            "sendChatAction": self.send_chat_action,
            "getFile": self.get_file,
        }

    async def send_message(self, params: Params) -> Json:
        content = as_text(message_text(params))
        return self._send(params, {**content, **link_preview(params)})

    async def send_photo(self, params: Params) -> Json:
        return self._send(params, self._content(params, "photo", "photo"))

    async def send_document(self, params: Params) -> Json:
        return self._send(params, self._content(params, "document", "document"))

    async def send_media_group(self, params: Params) -> list[Json]:
        contents = [self._album_item(item, params) for item in _album(params)]
        chat = recipient(self._world, params)
        fields = envelope(self._world, chat, params)
        if len(contents) > 1:
            fields["media_group_id"] = str(secrets.randbits(48))
        self._world.limits.take(chat.person.id, len(contents))
        return [chat.post({**fields, **content}) for content in contents]

    async def send_chat_action(self, params: Params) -> bool:
        action = params.text("action")
        if action not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        chat = recipient(self._world, params)
        self._world.events.publish("action", person=chat.person.id, action=action)
        return True

    async def get_file(self, params: Params) -> Json:
        file = self._world.files.get(params.text("file_id"))
        if file is None:
            raise bad_request("invalid file_id")
        if len(file.content) > DOWNLOAD_LIMIT:
            raise bad_request("file is too big")
        about = {"file_id": file.id, "file_unique_id": file.unique_id}
        return {**about, "file_size": len(file.content), "file_path": file.path}

    def _send(self, params: Params, content: Json) -> Json:
        markup = reply_markup(params)
        refuse_pay_button(markup)
        return send(self._world, params, content, markup)

    def _content(self, params: Params, name: str, kind: Kind) -> Json:
        written = as_caption(caption(params))
        return {**input_file(self._world.files, params, name, kind).as_content(), **written}

    def _album_item(self, item: Json, params: Params) -> Json:
        return self._content(Params(item, params.uploads), "media", item["type"])


def _album(params: Params) -> list[Json]:
    media = params.json("media", what="media")
    if not isinstance(media, list) or not all(isinstance(item, dict) for item in media):
        raise bad_request("expected an Array of InputMedia")
    if not media:
        raise bad_request("there are no messages to send")
    if len(media) > ALBUM_LIMIT:
        raise bad_request("too many messages to send as an album")
    kinds = {item.get("type") for item in media}
    if len(kinds) > 1 or not kinds <= set(get_args(Kind)):
        raise bad_request("can't use the media of the specified type in the album")
    return media
