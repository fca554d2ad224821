"""Buyers and admins: who somebody is to the shop."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a role may do; checked at every action."""

    CATALOG = "catalog"  # products and prices
    STOCK = "stock"  # see, import, withdraw and export keys
    ORDERS = "orders"  # see orders, resend, support buyers
    MONEY = "money"  # confirm and refund payments
    ADMINS = "admins"  # appoint admins, read the audit log


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    STOCK = "stock"
    SUPPORT = "support"


_P = Permission
PERMISSIONS: Final = {
    Role.OWNER: frozenset(Permission),
    Role.MANAGER: frozenset({_P.CATALOG, _P.STOCK, _P.ORDERS, _P.MONEY}),
    Role.STOCK: frozenset({_P.CATALOG, _P.STOCK}),
    Role.SUPPORT: frozenset({_P.ORDERS}),
}


@dataclass
class Customer:
    """A person in the chat. `id` is Telegram's user id, and the private chat's too."""

    id: int
    name: str
    username: str | None = None
    language: str | None = None  # chosen with /language; None: as Telegram says
    telegram_language: str | None = None
    blocked: bool = False  # has blocked the bot
    banned: bool = False
    role: Role | None = None

    def may(self, permission: Permission) -> bool:
        return self.role is not None and permission in PERMISSIONS[self.role]

    @property
    def is_admin(self) -> bool:
        return self.role is not None
