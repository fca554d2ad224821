"""A product's card, its variants and its quantity."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, Message

from domain import browsing
from domain.catalog import Offer
from domain.errors import OutOfStock
from domain.ports import UnitOfWork
from handlers import screen
from handlers.routes import Routes
from handlers.texts import Texts
from handlers.views import card as cards
from handlers.views.buttons import MAX_COUNT, AskQuantity, Card, Quantity
from handlers.views.view import View

routes = Routes()

_MOST_DIGITS: Final = len(str(MAX_COUNT))


class Ordering(StatesGroup):
    quantity = State()


@routes.button(Card)
async def card(query: CallbackQuery, data: Card, uow: UnitOfWork, t: Texts) -> None:
    offers = await browsing.look_at(uow, data.variant_id)
    await _show(query, cards.card(offers, cards.opening_count(offers[0]), t))


@routes.button(Quantity)
async def quantity(query: CallbackQuery, data: Quantity, uow: UnitOfWork, t: Texts) -> None:
    offers = await browsing.look_at(uow, data.variant_id)
    _check(offers[0], data.count)
    await _show(query, cards.card(offers, data.count, t))


@routes.button(AskQuantity)
async def ask_quantity(
    query: CallbackQuery, data: AskQuantity, bot: Bot, uow: UnitOfWork, state: FSMContext, t: Texts
) -> None:
    offers = await browsing.look_at(uow, data.variant_id)
    await state.set_state(Ordering.quantity)
    await state.set_data({"variant_id": data.variant_id})
    await screen.send(bot, query.from_user.id, View(cards.ask_quantity(offers[0], t)))


@routes.answer(Ordering.quantity)
async def typed_quantity(
    message: Message, bot: Bot, uow: UnitOfWork, state: FSMContext, t: Texts
) -> None:
    """The dialog goes on until a quantity fits, or is left with /cancel."""
    known = await state.get_data()
    offers = await browsing.look_at(uow, known.get("variant_id", 0))
    count = _number(message.text or "")
    if count is None:
        await screen.send(bot, message.chat.id, View(cards.no_number(offers[0], t)))
        return
    _check(offers[0], count)
    await state.clear()
    await send_card(bot, message.chat.id, offers, count, t)


async def send_card(bot: Bot, chat_id: int, offers: Sequence[Offer], count: int, t: Texts) -> None:
    view = cards.card(offers, count, t)
    try:
        await screen.send(bot, chat_id, view)
    except TelegramBadRequest:
        if view.photo is None:
            raise
        await screen.send(bot, chat_id, _without_photo(view))


async def _show(query: CallbackQuery, view: View) -> None:
    try:
        await screen.show(query, view)
    except TelegramBadRequest:
        if view.photo is None:
            raise
        await screen.show(query, _without_photo(view))


def _without_photo(view: View) -> View:
    """A photo's id dies with the bot that got it; the card is of use without."""
    return replace(view, photo=None)


def _check(offer: Offer, count: int) -> None:
    """Raises `BadQuantity` and `OutOfStock`."""
    offer.product.check_quantity(count)
    if offer.left_count < count:
        raise OutOfStock(offer.variant.id, offer.left_count)


def _number(text: str) -> int | None:
    """Digits of any script, as people type them."""
    digits = text.strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None
