"""What every update brings along: its person, their language, a unit of work, the time."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from aiogram import BaseMiddleware
from aiogram.enums import ChatType
from aiogram.types import Chat, TelegramObject, Update, User

from domain.catalog import plain
from domain.customers import Customer
from domain.ports import UnitOfWork
from handlers.texts import language_of, texts

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Throttle(Protocol):
    """Keeps one person from keeping the shop busy."""

    async def allows(self, person_id: int) -> bool: ...
    async def tells(self, person_id: int) -> bool:
        """Whether somebody who is not allowed has to hear of it once more."""


class PersonMiddleware(BaseMiddleware):
    """Who it is, as the shop knows them. Roles are read anew at every update."""

    def __init__(self, new_uow: Callable[[], UnitOfWork]) -> None:
        self._new_uow = new_uow

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        user: User | None = data.get("event_from_user")
        chat: Chat | None = data.get("event_chat")
        if user is None or user.is_bot or (chat is not None and chat.type != ChatType.PRIVATE):
            return None  # in groups the shop says nothing
        if isinstance(event, Update) and (event.pre_checkout_query or event.shipping_query):
            return await handler(event, data)  # answered in time, whatever the database does
        uow = self._new_uow()
        customer = await self._known(uow, user)
        data["uow"] = uow
        data["customer"] = customer
        data["now"] = datetime.now(UTC)
        data["t"] = texts(language_of(customer.language, customer.telegram_language))
        return await handler(event, data)

    async def _known(self, uow: UnitOfWork, user: User) -> Customer:
        name = plain(user.full_name)[:129]
        async with uow:
            customer = await uow.customers.get(user.id)
            seen = (name, user.username, user.language_code)
            if customer is None:
                customer = Customer(user.id, name)
            elif (customer.name, customer.username, customer.telegram_language) == seen:
                return customer
            customer.name, customer.username, customer.telegram_language = seen
            await uow.customers.save(customer)
            await uow.commit()
            return await uow.customers.get(user.id) or customer
