"""The catalogue, and searching it by typing."""

from typing import Final

from aiogram import Bot
from aiogram.enums import ContentType
from aiogram.types import CallbackQuery, Message

from domain import browsing
from domain.ports import UnitOfWork
from handlers import screen
from handlers.routes import Routes
from handlers.texts import Texts
from handlers.views import shelf
from handlers.views.buttons import FoundPage, ShelfPage
from handlers.views.view import View

routes = Routes()

# What Telegram itself puts into a chat: nobody said anything.
_SERVICE: Final = frozenset(
    {
        ContentType.PINNED_MESSAGE,
        ContentType.MESSAGE_AUTO_DELETE_TIMER_CHANGED,
        ContentType.WRITE_ACCESS_ALLOWED,
        ContentType.CONNECTED_WEBSITE,
        ContentType.CHAT_BACKGROUND_SET,
        ContentType.BOOST_ADDED,
    }
)


@routes.command("catalog")
async def catalog(message: Message, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    await screen.send(bot, message.chat.id, shelf.shelf(await browsing.browse(uow), t))


@routes.button(ShelfPage)
async def turn(query: CallbackQuery, data: ShelfPage, uow: UnitOfWork, t: Texts) -> None:
    found = await browsing.browse(uow, category_id=data.category_id, page=data.page)
    await screen.show(query, shelf.shelf(found, t, page=data.page))


@routes.button(FoundPage)
async def turn_found(query: CallbackQuery, data: FoundPage, uow: UnitOfWork, t: Texts) -> None:
    found = await browsing.search(uow, data.words, page=data.page)
    await screen.show(query, shelf.found(data.words, found, t))


@routes.otherwise
async def search(message: Message, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    """Whatever is typed is looked for; what cannot be read gets a sentence."""
    if message.content_type in _SERVICE:
        return
    words = FoundPage(words=message.text or "").words
    if not words:
        await screen.send(bot, message.chat.id, View(shelf.only_text(t)))
        return
    found = await browsing.search(uow, words)
    await screen.send(bot, message.chat.id, shelf.found(words, found, t))
