"""Help, terms, support, the language, and the way out of a dialog."""

from aiogram import Bot
from aiogram.types import CallbackQuery, Message

from domain import preferences
from domain.customers import Customer
from domain.ports import UnitOfWork
from handlers import errors, screen
from handlers.routes import Popup, Routes
from handlers.shop import ShopInfo
from handlers.texts import LANGUAGES, Texts, texts
from handlers.views import info
from handlers.views.buttons import ChooseLanguage, Languages

routes = Routes()


@routes.command("help")
async def help_page(message: Message, bot: Bot, customer: Customer, t: Texts) -> None:
    await screen.send(bot, message.chat.id, info.help_page(t, is_admin=customer.is_admin))


@routes.command("terms")
async def terms(message: Message, bot: Bot, shop: ShopInfo, t: Texts) -> None:
    await screen.send(bot, message.chat.id, info.terms(shop, t))


@routes.command("support")
async def support(
    message: Message, bot: Bot, customer: Customer, shop: ShopInfo, t: Texts
) -> None:
    await screen.send(bot, message.chat.id, info.support(shop, customer.id, t))


@routes.command("paysupport")
async def paysupport(message: Message, bot: Bot, shop: ShopInfo, t: Texts) -> None:
    await screen.send(bot, message.chat.id, info.paysupport(shop, t))


@routes.command("language")
async def language(message: Message, bot: Bot, t: Texts) -> None:
    await screen.send(bot, message.chat.id, info.languages(t))


@routes.button(Languages)
async def languages(query: CallbackQuery, t: Texts) -> None:
    await screen.show(query, info.languages(t))


@routes.button(ChooseLanguage)
async def choose_language(
    query: CallbackQuery,
    data: ChooseLanguage,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    t: Texts,
) -> str | Popup:
    """The first screen in the new language shows that it was understood."""
    if data.code not in LANGUAGES:
        return Popup(errors.stale_button(t))
    await preferences.choose_language(uow, customer.id, data.code)
    chosen = texts(data.code)
    await screen.show(query, info.welcome(shop, chosen))
    return chosen.label("From now on we speak English.")


@routes.command("cancel")
async def cancel(message: Message, bot: Bot, t: Texts, raw_state: str | None = None) -> None:
    """The routes leave the dialog at any command; `raw_state` is what it was."""
    view = info.left_dialog(t) if raw_state else info.nothing_to_leave(t)
    await screen.send(bot, message.chat.id, view)
