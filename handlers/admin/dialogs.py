"""Questions to an admin, one after the other, until nothing is missing."""

from dataclasses import dataclass

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery

from domain.errors import OrderNotFound
from domain.orders import read_number
from handlers import screen
from handlers.texts import Texts
from handlers.views.view import View


class Adding(StatesGroup):
    """A product; a variant where the data names the product's SKU as `of`."""

    sku = State()
    price = State()
    name = State()


class Editing(StatesGroup):
    value = State()


class Importing(StatesGroup):
    keys = State()


class Withdrawing(StatesGroup):
    keys = State()


class Choosing(StatesGroup):
    """An order, for the command that the data names as `verb`."""

    number = State()


class Confirming(StatesGroup):
    transaction = State()
    reason = State()


class Refunding(StatesGroup):
    amount = State()


class Appointing(StatesGroup):
    user_id = State()


@dataclass(frozen=True)
class Dialog:
    """One admin's chat while something is still to be asked. The data never holds a key."""

    bot: Bot
    chat_id: int
    state: FSMContext
    t: Texts

    @classmethod
    def behind(cls, query: CallbackQuery, bot: Bot, state: FSMContext, t: Texts) -> "Dialog":
        """The dialog that a button begins: in the private chat of whoever pressed it."""
        return cls(bot, query.from_user.id, state, t)

    async def ask(self, step: State, question: View, **known: str) -> None:
        """Put a question; `known` is all that was answered before."""
        await self.state.set_state(step)
        await self.state.set_data(known)
        await screen.send(self.bot, self.chat_id, question)

    async def say(self, view: View) -> None:
        """Something in between: the question stays open."""
        await screen.send(self.bot, self.chat_id, view)

    async def end(self, view: View) -> None:
        await self.state.clear()
        await screen.send(self.bot, self.chat_id, view)

    async def known(self, name: str) -> str:
        """What was answered before; empty where it was not asked."""
        return str((await self.state.get_data()).get(name, ""))


def order_number(text: str) -> str:
    """As a person types it. Raises `OrderNotFound` for what cannot be one."""
    if not (number := read_number(text)):
        raise OrderNotFound
    return number
