"""A buyer's own orders, and their keys once more."""

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import checkout, delivery, history
from domain.customers import Customer, Permission
from domain.orders import read_number
from domain.ports import UnitOfWork, Vault
from handlers import screen
from handlers.admin import sales
from handlers.messenger import TelegramMessenger
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views.buttons import HistoryPage, OpenOrder, ShowKeys
from handlers.views.history import history as history_page
from handlers.views.methods import Ways
from handlers.views.order import Shown
from handlers.views.order import order as order_view

routes = Routes()


@routes.command("orders")
async def my_orders(
    message: Message, bot: Bot, uow: UnitOfWork, customer: Customer, t: Texts
) -> None:
    found = await history.own_orders(uow, customer.id)
    await screen.send(bot, message.chat.id, history_page(found, t))


@routes.button(HistoryPage)
async def turn(
    query: CallbackQuery, data: HistoryPage, uow: UnitOfWork, customer: Customer, t: Texts
) -> None:
    found = await history.own_orders(uow, customer.id, page=data.page)
    await screen.show(query, history_page(found, t))


@routes.command("order")
async def order(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    ways: Ways,
    t: Texts,
) -> None:
    """One's own order; any order, with its file, for those who may see everybody's."""
    if customer.may(Permission.ORDERS):
        await sales.show_file(message, command, bot, state, uow, customer, t)
    elif command.args:
        await _open(read_number(command.args), bot, uow, vault, customer, ways, t)
    else:
        await my_orders(message, bot, uow, customer, t)


@routes.button(OpenOrder)
async def open_order(
    query: CallbackQuery,
    data: OpenOrder,
    bot: Bot,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    ways: Ways,
    t: Texts,
) -> None:
    await _open(data.number, bot, uow, vault, customer, ways, t)


@routes.button(ShowKeys)
async def show_keys(
    query: CallbackQuery,
    data: ShowKeys,
    bot: Bot,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    ways: Ways,
) -> None:
    await _send_keys(data.number, bot, uow, vault, customer, ways)


async def _open(
    number: str,
    bot: Bot,
    uow: UnitOfWork,
    vault: Vault,
    customer: Customer,
    ways: Ways,
    t: Texts,
) -> None:
    """A message of its own, which is kept up to date from now on; the keys below it."""
    placed = await checkout.show(uow, number, customer.id)
    shown = Shown(placed.order, placed.attempt)
    message = await screen.send(bot, customer.id, order_view(shown, ways, t))
    await checkout.remember_message(uow, number, message.message_id)
    if placed.order.is_paid:
        await _send_keys(number, bot, uow, vault, customer, ways)


async def _send_keys(
    number: str, bot: Bot, uow: UnitOfWork, vault: Vault, customer: Customer, ways: Ways
) -> None:
    goods = await delivery.keys_of(uow, vault, number, customer.id)
    messenger = TelegramMessenger(bot, ways)
    for part in messenger.compose(goods):
        await messenger.send(customer.id, part)
