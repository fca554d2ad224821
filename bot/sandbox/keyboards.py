"""Reply markups, checked as Telegram checks them."""

import re
from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.params import Params
from bot.sandbox.utf16 import length
from bot.sandbox.wire import Json

BUTTONS_LIMIT = 100
CALLBACK_DATA_LIMIT = 64
COPY_TEXT_LIMIT = 256
STYLES = frozenset({"danger", "success", "primary"})
ACTIONS = frozenset(
    {
        "url",
        "callback_data",
        "web_app",
        "login_url",
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
        "disabled",
    }
)
_URL = re.compile(r"(?:https?|tg|ton)://[^\s/]+\S*|[\w-]+(\.[\w-]+)+(/\S*)?")


def reply_markup(params: Params) -> Json | None:
    """What the call brings: an inline keyboard, or one of the other three kinds, or None.

    An inline keyboard without a button counts as none. Raises 400 for a malformed one.
    """
    markup = params.json("reply_markup", what="reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return _inline(_rows(markup, "inline_keyboard"))
    if "keyboard" in markup:
        _check_reply_keyboard(_rows(markup, "keyboard"))
    return markup or None


def inline_only(params: Params) -> Json | None:
    """For edits, which take no other kind."""
    markup = reply_markup(params)
    if markup is not None and "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    return markup


def has_pay_button(markup: Json | None) -> bool:
    rows = (markup or {}).get("inline_keyboard", [])
    return any("pay" in button for row in rows for button in row)


def refuse_pay_button(markup: Json | None) -> None:
    """Only an invoice has one."""
    if has_pay_button(markup):
        raise bad_request("BUTTON_TYPE_INVALID")


# Buttons are whatever JSON the bot sent until each is checked.
def _rows(markup: Json, name: str) -> list[list[Any]]:
    rows = markup[name]
    if not isinstance(rows, list):
        raise bad_request(f'field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise bad_request(f'field "{name}" must be an Array of Arrays')
    return rows


def _inline(rows: list[list[Any]]) -> Json | None:
    keyboard = [[_button(button) for button in row] for row in rows if row]
    if sum(len(row) for row in keyboard) > BUTTONS_LIMIT:
        raise bad_request("reply markup is too long")
    if any("pay" in button for button in [b for row in keyboard for b in row][1:]):
        raise bad_request("BUTTON_TYPE_INVALID")
    return {"inline_keyboard": keyboard} if keyboard else None


def _button(button: object) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    text = button.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    actions = [key for key in button if key in ACTIONS and button[key] is not None]
    if not actions:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    if len(actions) > 1:
        raise bad_request("BUTTON_TYPE_INVALID")
    _check_style(button)
    _check_action(actions[0], button[actions[0]])
    kept = ("text", "style", "icon_custom_emoji_id", actions[0])
    return {key: button[key] for key in kept if button.get(key) is not None}


def _check_style(button: Json) -> None:
    style = button.get("style")
    if style is not None and style not in STYLES:
        raise bad_request("invalid button style specified")


def _check_action(kind: str, value: object) -> None:
    match kind:
        case "callback_data":
            size = len(str(value).encode(errors="replace"))
            if not 1 <= size <= CALLBACK_DATA_LIMIT:
                raise bad_request("BUTTON_DATA_INVALID")
        case "copy_text":
            text = value.get("text", "") if isinstance(value, dict) else ""
            if not 1 <= length(str(text)) <= COPY_TEXT_LIMIT:
                raise bad_request("BUTTON_COPY_TEXT_INVALID")
        case "url":
            if not _URL.fullmatch(str(value)):
                raise bad_request(
                    f"inline keyboard button URL '{value}' is invalid: Wrong HTTP URL specified"
                )


def _check_reply_keyboard(rows: list[list[Any]]) -> None:
    for button in (button for row in rows for button in row):
        text = button if isinstance(button, str) else None
        if isinstance(button, dict):
            text = button.get("text")
        if not isinstance(text, str) or not text.strip():
            raise bad_request("keyboard button text must be non-empty")
