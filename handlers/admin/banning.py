"""/ban and /unban, and the button under a chargeback."""

from datetime import datetime

from aiogram import Bot
from aiogram.types import CallbackQuery, Message

from domain import administering
from domain.customers import Customer, Permission
from domain.ports import UnitOfWork
from handlers import screen
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_people as views
from handlers.views.view import View

routes = Routes()


@routes.command("ban", "unban", permission=Permission.MONEY)
async def ban(
    message: Message,
    command: Command,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    if not command.args:
        await screen.send(bot, message.chat.id, View(views.how_to_ban(command.name, t)))
        return
    user_id = administering.read_user_id(command.args)
    banned = command.name == "ban"
    whom = await administering.ban(uow, user_id, banned=banned, actor_id=customer.id, now=now)
    says = views.banned(whom, user_id, t, banned=banned)
    await screen.send(bot, message.chat.id, View(says))


@routes.button(buttons.Ban, permission=Permission.MONEY)
async def ban_by_button(
    query: CallbackQuery,
    data: buttons.Ban,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> str:
    whom = await administering.ban(uow, data.user_id, banned=True, actor_id=customer.id, now=now)
    return str(views.banned(whom, data.user_id, t, banned=True).striptags())
