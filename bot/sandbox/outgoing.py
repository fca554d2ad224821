"""The way every message of the bot takes into a chat."""

from bot.sandbox.chats import Chat
from bot.sandbox.errors import bad_request, forbidden
from bot.sandbox.params import Params
from bot.sandbox.text import FormattedText
from bot.sandbox.wire import Json, without_blanks
from bot.sandbox.world import World


def recipient(world: World, params: Params) -> Chat:
    """The chat that `chat_id` names. Raises 400 when unknown, 403 when closed to the bot."""
    if not params.text("chat_id"):
        raise bad_request("chat_id is empty")
    chat = world.chats.get(params.integer("chat_id"))
    if chat is None:
        raise bad_request("chat not found")
    if not chat.person.started:
        raise forbidden("bot can't initiate conversation with a user")
    if chat.person.blocked:
        raise forbidden("bot was blocked by the user")
    return chat


def send(world: World, params: Params, content: Json, markup: Json | None) -> Json:
    """Check the rest, count it against the limits, and put it into the chat."""
    chat = recipient(world, params)
    fields = envelope(world, chat, params)
    world.limits.take(chat.person.id)
    return chat.post({**fields, **content, **_shown(chat, markup)})


def envelope(world: World, chat: Chat, params: Params) -> Json:
    """Sender, date, reply and flags of a new message."""
    fields = {
        "reply_to_message": _replied(chat, params),
        "has_protected_content": params.flag("protect_content"),
        "effect_id": params.text("message_effect_id"),
    }
    return {"from": world.bot, "date": world.date, **without_blanks(fields)}


def as_text(written: FormattedText) -> Json:
    return without_blanks({"text": written.text, "entities": written.entities})


def as_caption(written: FormattedText) -> Json:
    return without_blanks({"caption": written.text, "caption_entities": written.entities})


def link_preview(params: Params) -> Json:
    options = params.json("link_preview_options", what="link preview options")
    return {"link_preview_options": options} if options else {}


def quoted(message: Json) -> Json:
    """A message as it stands inside a reply to it: without the reply that it is itself."""
    return {key: value for key, value in message.items() if key != "reply_to_message"}


def _replied(chat: Chat, params: Params) -> Json | None:
    reply = params.json("reply_parameters", what="reply parameters") or {}
    if not isinstance(reply, dict):
        raise bad_request("object expected as reply parameters")
    options = Params(reply)
    message_id = options.integer("message_id", params.integer("reply_to_message_id"))
    if not message_id:
        return None
    message = chat.get(message_id)
    if message is not None:
        return quoted(message)
    if options.flag("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def _shown(chat: Chat, markup: Json | None) -> Json:
    """An inline keyboard belongs to the message, the other kinds to the chat."""
    if markup is None:
        return {}
    if "inline_keyboard" in markup:
        return {"reply_markup": markup}
    chat.show_keyboard(markup)
    return {}
