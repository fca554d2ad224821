"""/admins and /audit: who may do what, and who did what."""

from datetime import datetime
from typing import Final

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import administering
from domain.administering import read_user_id
from domain.catalog import Page
from domain.customers import Customer, Permission, Role
from domain.ports import UnitOfWork
from handlers import screen
from handlers.admin.dialogs import Appointing, Dialog
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_people as views
from handlers.views.view import View

routes = Routes()

PAGE_SIZE: Final = 15
NONE: Final = "none"


@routes.command("admins", permission=Permission.ADMINS)
async def admins(
    message: Message,
    command: Command,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    word, *rest = command.args.split() or [""]
    if message.forward_origin is not None:
        view = views.by_id_only(t)  # somebody else's words, even where an owner passes them on
    elif not word:
        view = views.admins(page_of(await administering.admins(uow), 0), t)
    elif not word.isdigit():
        view = views.by_id_only(t)
    elif not rest:
        view = views.choose_role(user_id_of(word), t)
    elif (role := rest[0].lower()) not in {NONE, *Role}:
        view = views.no_such_role(role, t)
    else:
        new = Role(role) if role != NONE else None
        view = await _appoint(user_id_of(word), new, uow, customer, now, t)
    await screen.send(bot, message.chat.id, view)


@routes.button(buttons.Admins, permission=Permission.ADMINS)
async def turn(query: CallbackQuery, data: buttons.Admins, uow: UnitOfWork, t: Texts) -> None:
    everybody = await administering.admins(uow)
    await screen.show(query, views.admins(page_of(everybody, data.page), t))


@routes.button(buttons.AskAdmin, permission=Permission.ADMINS)
async def ask_user_id(query: CallbackQuery, bot: Bot, state: FSMContext, t: Texts) -> None:
    dialog = Dialog.behind(query, bot, state, t)
    await dialog.ask(Appointing.user_id, views.ask_user_id(t))


@routes.answer(Appointing.user_id, permission=Permission.ADMINS)
async def user_id_given(message: Message, bot: Bot, state: FSMContext, t: Texts) -> None:
    """A number that was typed: not a contact, nor a message that somebody else wrote."""
    dialog, text = Dialog(bot, message.chat.id, state, t), (message.text or "").strip()
    if message.forward_origin is not None or not text.isdigit():
        await dialog.say(views.by_id_only(t))
        return
    await dialog.end(views.choose_role(user_id_of(text), t))


@routes.button(buttons.Appoint, permission=Permission.ADMINS)
async def appoint(
    query: CallbackQuery,
    data: buttons.Appoint,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    view = await _appoint(data.user_id, data.role, uow, customer, now, t)
    await screen.show(query, view)


@routes.command("audit", permission=Permission.ADMINS)
async def audit(message: Message, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    await screen.send(bot, message.chat.id, views.audit(await administering.audit(uow), t))


@routes.button(buttons.Audit, permission=Permission.ADMINS)
async def turn_audit(query: CallbackQuery, data: buttons.Audit, uow: UnitOfWork, t: Texts) -> None:
    page = await administering.audit(uow, page=data.page)
    await screen.show(query, views.audit(page, t))


def page_of(everybody: list[Customer], number: int) -> Page[Customer]:
    first, last = number * PAGE_SIZE, (number + 1) * PAGE_SIZE
    return Page(everybody[first:last], number, more=len(everybody) > last)


def user_id_of(text: str) -> int:
    """Raises `BadUserId`."""
    return read_user_id(text.lstrip("0") or "0")


async def _appoint(
    user_id: int,
    role: Role | None,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> View:
    found = await administering.appoint(uow, user_id, role, actor=customer, now=now)
    return views.appointed(user_id, found, role, t)
