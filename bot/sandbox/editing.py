"""Methods that change or delete messages."""

from bot.sandbox.chats import Chat
from bot.sandbox.errors import bad_request
from bot.sandbox.keyboards import has_pay_button, inline_only
from bot.sandbox.media import input_file
from bot.sandbox.outgoing import as_caption, as_text, link_preview, recipient
from bot.sandbox.params import Params
from bot.sandbox.text import caption, message_text
from bot.sandbox.wire import Json, Methods
from bot.sandbox.world import World

DELETE_LIMIT = 100
TEXT = ("text", "entities", "link_preview_options")
CAPTION = ("caption", "caption_entities")
MEDIA = ("photo", "document")


class Editing:
    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Methods:
        return {
            "editMessageText": self.edit_text,
            "editMessageCaption": self.edit_caption,
            "editMessageMedia": self.edit_media,
            "editMessageReplyMarkup": self.edit_reply_markup,
            "deleteMessage": self.delete,
            "deleteMessages": self.delete_many,
        }

    async def edit_text(self, params: Params) -> Json:
        content = {**as_text(message_text(params)), **link_preview(params)}
        chat, message = self._editable(params)
        if "text" not in message:
            raise bad_request("there is no text in the message to edit")
        return self._replace(chat, message, TEXT, content, params)

    async def edit_caption(self, params: Params) -> Json:
        content = as_caption(caption(params))
        chat, message = self._editable(params)
        if not any(kind in message for kind in MEDIA):
            raise bad_request("there is no caption in the message to edit")
        return self._replace(chat, message, CAPTION, content, params)

    async def edit_media(self, params: Params) -> Json:
        content = self._media(params)
        chat, message = self._editable(params)
        if "invoice" in message:
            raise bad_request("message can't be edited")
        return self._replace(chat, message, (*TEXT, *CAPTION, *MEDIA), content, params)

    async def edit_reply_markup(self, params: Params) -> Json:
        chat, message = self._editable(params)
        return self._replace(chat, message, (), {}, params)

    async def delete(self, params: Params) -> bool:
        chat = recipient(self._world, params)
        message_id = _message_id(params)
        if chat.get(message_id) is None:
            raise bad_request("message to delete not found")
        chat.remove([message_id])
        return True

    async def delete_many(self, params: Params) -> bool:
        """Ids that are not there are passed over."""
        chat = recipient(self._world, params)
        message_ids = params.json("message_ids", what="message identifiers")
        if not isinstance(message_ids, list) or not message_ids:
            raise bad_request("message identifiers are not specified")
        if len(message_ids) > DELETE_LIMIT:
            raise bad_request("too many message identifiers specified")
        chat.remove(Params({"id": message_id}).integer("id") for message_id in message_ids)
        return True

    def _editable(self, params: Params) -> tuple[Chat, Json]:
        chat = recipient(self._world, params)
        message = chat.get(_message_id(params))
        if message is None:
            raise bad_request("message to edit not found")
        if message["from"]["id"] != self._world.bot["id"]:
            raise bad_request("message can't be edited")
        return chat, message

    def _media(self, params: Params) -> Json:
        media = params.json("media", what="media")
        if not isinstance(media, dict) or media.get("type") not in MEDIA:
            raise bad_request("can't parse InputMedia: type photo or document expected")
        item = Params(media, params.uploads)
        file = input_file(self._world.files, item, "media", media["type"])
        return {**file.as_content(), **as_caption(caption(item))}

    def _replace(
        self, chat: Chat, message: Json, replaced: tuple[str, ...], content: Json, params: Params
    ) -> Json:
        """Put `content` in the place of the `replaced` fields. The old keyboard always goes."""
        markup = inline_only(params)
        if has_pay_button(markup) and "invoice" not in message:
            raise bad_request("BUTTON_TYPE_INVALID")
        gone = {*replaced, "reply_markup"}
        edited = {key: value for key, value in message.items() if key not in gone}
        edited |= content | ({"reply_markup": markup} if markup else {})
        if edited == message:
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        return chat.replace({**edited, "edit_date": self._world.date})


def _message_id(params: Params) -> int:
    message_id = params.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    return message_id
