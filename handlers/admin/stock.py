"""/stock and /withdraw."""

from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import assortment, importing, managing
from domain.catalog import Page
from domain.catalog import sku as checked_sku
from domain.customers import Customer, Permission
from domain.importing import TypedKeys
from domain.ports import UnitOfWork, Vault
from domain.stock import StockCount
from handlers import screen
from handlers.admin.dialogs import Dialog, Withdrawing
from handlers.admin.key_message import KeyMessage
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_products
from handlers.views import admin_stock as views
from handlers.views.view import View

routes = Routes()

PAGE_SIZE = 10


@routes.command("stock", permission=Permission.STOCK)
async def stock(message: Message, command: Command, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    if not command.args:
        view = views.stock(page_of(await managing.stock(uow), 0), t)
    else:
        (count,) = await managing.stock(uow, checked_sku(command.args))
        view = views.one(count, t)
    await screen.send(bot, message.chat.id, view)


@routes.button(buttons.Stock, permission=Permission.STOCK)
async def turn(query: CallbackQuery, data: buttons.Stock, uow: UnitOfWork, t: Texts) -> None:
    await screen.show(query, views.stock(page_of(await managing.stock(uow), data.page), t))


@routes.command("withdraw", permission=Permission.STOCK)
async def withdraw(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    read = KeyMessage.read(message)
    dialog = Dialog(bot, message.chat.id, state, t)
    if not read.sku:
        page = await assortment.skus(uow)
        await dialog.say(admin_products.choose(page, buttons.Purpose.WITHDRAW, t))
        return
    sku = checked_sku(read.sku)
    if read.typed is None:
        await assortment.look_up(uow, sku)
        await dialog.ask(Withdrawing.keys, views.ask_keys(sku, t), sku=sku)
        return
    await dialog.say(await _withdraw(read.typed, sku, uow, vault, customer, now, t))


@routes.button(buttons.WithdrawFrom, permission=Permission.STOCK)
async def withdraw_from(
    query: CallbackQuery,
    data: buttons.WithdrawFrom,
    bot: Bot,
    state: FSMContext,
    t: Texts,
) -> None:
    dialog = Dialog.behind(query, bot, state, t)
    await dialog.ask(Withdrawing.keys, views.ask_keys(data.sku, t), sku=data.sku)


@routes.answer(Withdrawing.keys, permission=Permission.STOCK)
async def answered(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    typed, sku = TypedKeys(message.text or ""), await dialog.known("sku")
    if not message.text:
        await dialog.say(views.no_keys(t))
        return
    await dialog.end(await _withdraw(typed, sku, uow, vault, customer, now, t))


def page_of(counts: list[StockCount], number: int) -> Page[StockCount]:
    first, last = number * PAGE_SIZE, (number + 1) * PAGE_SIZE
    return Page(counts[first:last], number, more=len(counts) > last)


async def _withdraw(
    typed: TypedKeys,
    sku: str,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> View:
    keys = list(dict.fromkeys(key for _, key in typed.lines() if key is not None))
    count = await importing.withdraw(uow, vault, keys, sku=sku, actor_id=customer.id, now=now)
    return views.withdrawn(sku, count, len(keys), t)
