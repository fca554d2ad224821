"""The buyer's balance: what is on it, and more of it."""

from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from domain import checkout, managing, spending, wallet
from domain.customers import Customer
from domain.errors import BadAmount
from domain.money import Money
from domain.ports import UnitOfWork
from handlers import screen
from handlers.routes import Routes
from handlers.texts import Texts
from handlers.views import balance as views
from handlers.views import order as orders
from handlers.views.buttons import TopUp
from handlers.views.methods import Ways

routes = Routes()


class ToppingUp(StatesGroup):
    amount = State()


@routes.command("balance")
async def balance(
    message: Message, bot: Bot, uow: UnitOfWork, customer: Customer, ways: Ways, t: Texts
) -> None:
    owed = await wallet.balances(uow, customer.id)
    await screen.send(bot, message.chat.id, views.balance(owed, ways.rules, t))


@routes.button(TopUp)
async def top_up(
    query: CallbackQuery,
    data: TopUp,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    if data.amount:
        money = Money(data.amount, ways.rules.rates.base)
        await _place(money, bot, uow, customer, ways, t, now)
        return
    await state.set_state(ToppingUp.amount)
    await screen.send(bot, customer.id, views.ask_amount(ways.rules, t))


@routes.answer(ToppingUp.amount)
async def amount_given(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    """The dialog goes on until a sum fits, or is left with /cancel."""
    money, rest = managing.read_price(message.text or "", ways.rules.rates.base)
    if rest:
        raise BadAmount(message.text or "", money.currency)
    await _place(money, bot, uow, customer, ways, t, now)
    await state.clear()


async def _place(
    money: Money,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    order = await spending.top_up(uow, customer.id, money, ways.rules, now=now)
    nothing = Money(0, money.currency)  # a balance does not pay for itself
    message = await screen.send(bot, customer.id, orders.choose(order, nothing, ways, t))
    await checkout.remember_message(uow, order.number, message.message_id)
