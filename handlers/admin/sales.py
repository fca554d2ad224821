"""/sales, and any order's file."""

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import reviewing
from domain.catalog import Page
from domain.customers import Customer, Permission
from domain.orders import Order, OrderStatus
from domain.ports import UnitOfWork
from handlers import errors, screen
from handlers.admin.dialogs import Choosing, Dialog, order_number
from handlers.routes import Command, Popup, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_sales as views

routes = Routes()


@routes.command("sales", permission=Permission.ORDERS)
async def sales(message: Message, command: Command, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    which = command.args.lower() or views.ALL
    if not is_filter(which):
        await screen.send(bot, message.chat.id, views.no_such_status(which, t))
        return
    await screen.send(bot, message.chat.id, views.sales(await _page(uow, which, 0), which, t))


@routes.button(buttons.Sales, permission=Permission.ORDERS)
async def turn(
    query: CallbackQuery, data: buttons.Sales, uow: UnitOfWork, t: Texts
) -> Popup | None:
    if not is_filter(data.which):
        return Popup(errors.stale_button(t))
    page = await _page(uow, data.which, data.page)
    await screen.show(query, views.sales(page, data.which, t))
    return None


async def show_file(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    t: Texts,
) -> None:
    """`/order NUMBER` for whoever may see everybody's; without a number it is asked for."""
    if not command.args:
        dialog = Dialog(bot, message.chat.id, state, t)
        await dialog.ask(Choosing.number, views.ask_number(t), verb="order")
        return
    found = await reviewing.open_file(uow, order_number(command.args))
    await screen.send(bot, message.chat.id, views.file(found, customer, t))


@routes.button(buttons.OpenFile, permission=Permission.ORDERS)
async def open_file(
    query: CallbackQuery,
    data: buttons.OpenFile,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    t: Texts,
) -> None:
    if await state.get_state() == Choosing.number.state:
        await state.clear()  # the question for a number is answered by this
    found = await reviewing.open_file(uow, data.number)
    await screen.show(query, views.file(found, customer, t))


def is_filter(which: str) -> bool:
    return which in {views.ALL, views.REVIEW, *OrderStatus}


async def _page(uow: UnitOfWork, which: str, number: int) -> Page[Order]:
    """Of one status, of all, or of what is before a person."""
    status = OrderStatus(which) if which not in {views.ALL, views.REVIEW} else None
    return await reviewing.sales(
        uow, status=status, needs_person=which == views.REVIEW, page=number
    )
