"""Coming in: /start with its links, the first screen, blocking the bot and coming back."""

from datetime import datetime
from typing import Final

from aiogram import Bot
from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message

from domain import delivery, linking, preferences
from domain.customers import Customer
from domain.ports import UnitOfWork
from handlers import screen
from handlers.buyer.product import send_card
from handlers.routes import Command, Routes
from handlers.shop import ShopInfo
from handlers.texts import Texts
from handlers.views import info
from handlers.views.buttons import Home
from handlers.views.card import opening_count
from handlers.views.view import View

routes = Routes()

_PRODUCT: Final = "p_"


@routes.command("start")
async def start(
    message: Message,
    command: Command,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    t: Texts,
    now: datetime,
) -> None:
    """A link to a product opens it; whoever was away gets what could not be sent meanwhile."""
    waiting = await delivery.hand_over_again(uow, customer, now=now)
    if waiting:
        await screen.send(bot, message.chat.id, View(info.on_their_way(waiting, t)))
    if command.args.startswith(_PRODUCT):
        offers = await linking.linked(uow, command.args.removeprefix(_PRODUCT))
        await send_card(bot, message.chat.id, offers, opening_count(offers[0]), t)
        return
    await screen.send(bot, message.chat.id, info.welcome(shop, t))


@routes.button(Home)
async def home(query: CallbackQuery, shop: ShopInfo, t: Texts) -> None:
    await screen.show(query, info.welcome(shop, t))


async def on_member_update(
    update: ChatMemberUpdated, uow: UnitOfWork, customer: Customer, now: datetime
) -> None:
    """The person has blocked the bot, or is back."""
    if update.chat.type != ChatType.PRIVATE:
        return
    if update.new_chat_member.status == ChatMemberStatus.KICKED:
        await preferences.shut_out(uow, customer.id)
    else:
        await delivery.hand_over_again(uow, customer, now=now)
