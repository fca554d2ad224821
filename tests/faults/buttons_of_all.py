"""Every button that the shop knows, with something in it."""

from types import ModuleType
from typing import Any

from aiogram.filters.callback_data import CallbackData

from domain.orders import OrderException
from handlers.views import admin_buttons, buttons
from handlers.views.admin_buttons import Purpose


def classes(module: ModuleType) -> list[type[CallbackData]]:
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, CallbackData) and kind is not CallbackData
    ]


BUYERS = classes(buttons)
ADMINS = classes(admin_buttons)


def filled(kind: type[CallbackData], number: str, sku: str, user_id: int) -> str:
    """The button's data, sound in every field. Raises KeyError for a field that is new here."""
    values: dict[str, Any] = {
        **{"number": number, "sku": sku, "user_id": user_id, "role": "owner"},
        **{"variant_id": 1, "category_id": 1, "page": 0, "count": 1, "words": "game"},
        **{"provider": "test", "shown": 499, "currency": "USD", "nonce": "abcdefgh"},
        **{"code": "en", "purpose": Purpose.EDIT, "field": "price", "value": "1", "column": 1},
        **{"delimiter": 1, "batch": 1, "which": "all", "what": "keys", "whole": True},
        **{"amount": 1000, "to_balance": True},
        "why": OrderException.LATE,
    }
    return kind.model_validate({name: values[name] for name in kind.model_fields}).pack()
