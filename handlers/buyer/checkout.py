"""Buying: what it would be, placing the order, choosing how to pay it, leaving it."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from aiogram import Bot
from aiogram.types import CallbackQuery, LabeledPrice

from domain import browsing, checkout
from domain.checkout import Placed, Request
from domain.customers import Customer
from domain.errors import PriceChanged
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt, PaymentProvider
from domain.ports import UnitOfWork
from domain.rules import Rules
from handlers import screen
from handlers.routes import Popup, Routes
from handlers.texts import Texts
from handlers.views import checkout as previews
from handlers.views import invoice as invoices
from handlers.views import order as orders
from handlers.views.buttons import Buy, Cancel, Methods, PayWith, Place, ShowOrder
from handlers.views.view import View

routes = Routes()

Providers = Mapping[str, PaymentProvider]
_NONCE_BYTES = 6  # 8 characters in a button


@routes.button(Buy)
async def preview(
    query: CallbackQuery, data: Buy, uow: UnitOfWork, providers: Providers, t: Texts
) -> None:
    await _preview(query, data.variant_id, data.count, uow, providers, t)


@routes.button(Place)
async def place(
    query: CallbackQuery,
    data: Place,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    rules: Rules,
    t: Texts,
    now: datetime,
) -> Popup | None:
    provider = checkout.provider_named(providers, data.provider)
    shown = Money(data.shown, data.currency)
    request = Request(data.nonce, customer.id, data.variant_id, data.count, shown)
    try:
        placed = await checkout.buy(uow, provider, request, rules, now=now)
    except PriceChanged:
        await _preview(query, data.variant_id, data.count, uow, providers, t)
        return Popup(previews.new_price(t))
    is_first = placed.order.message_id is None
    await _show(query, placed, provider, uow, providers, t)
    if is_first:
        await _send_invoice(bot, placed, t)
    return None


@routes.button(Methods)
async def other_ways(
    query: CallbackQuery,
    data: Methods,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    t: Texts,
    now: datetime,
) -> None:
    placed = await checkout.show(uow, data.number, customer.id)
    placed.order.check_payable(now)
    view = orders.choose(placed.order, able(providers, placed.order), t)
    await _put(query, placed.order, view, uow)


@routes.button(PayWith)
async def pay_with(
    query: CallbackQuery,
    data: PayWith,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    t: Texts,
    now: datetime,
) -> None:
    provider = checkout.provider_named(providers, data.provider)
    placed = await checkout.pay_with(uow, provider, data.number, customer.id, now=now)
    await _show(query, placed, provider, uow, providers, t)
    await _send_invoice(bot, placed, t)


@routes.button(ShowOrder)
async def show_order(
    query: CallbackQuery,
    data: ShowOrder,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    t: Texts,
) -> None:
    """Back from the other ways to pay."""
    placed = await checkout.show(uow, data.number, customer.id)
    await _put(query, placed.order, view_of(placed, providers, t), uow)


@routes.button(Cancel)
async def cancel(
    query: CallbackQuery, data: Cancel, uow: UnitOfWork, customer: Customer, t: Texts
) -> str:
    order = await checkout.cancel(uow, data.number, customer.id)
    await _put(query, order, orders.order(order, None, t), uow)
    return t.label("Cancelled")


def view_of(placed: Placed, providers: Providers, t: Texts) -> View:
    """The order's message, as its buyer sees it."""
    several = len(able(providers, placed.order)) > 1
    return orders.order(placed.order, placed.attempt, t, other_methods=several)


def able(providers: Providers, order: Order) -> list[PaymentProvider]:
    """The methods that can take the order, in the order to be shown."""
    return [p for p in providers.values() if p.quote(order.lines) is not None]


async def _preview(
    query: CallbackQuery,
    variant_id: int,
    count: int,
    uow: UnitOfWork,
    providers: Providers,
    t: Texts,
) -> None:
    offered = await browsing.preview(
        uow, list(providers.values()), variant_id=variant_id, quantity=count
    )
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    await screen.show(query, previews.preview(offered, nonce, t))


async def _show(
    query: CallbackQuery,
    placed: Placed,
    provider: PaymentProvider,
    uow: UnitOfWork,
    providers: Providers,
    t: Texts,
) -> None:
    view = view_of(placed, providers, t)
    if placed.attempt is None:
        view = orders.failed(placed.order, provider.code, able(providers, placed.order), t)
    await _put(query, placed.order, view, uow)


async def _put(query: CallbackQuery, order: Order, view: View, uow: UnitOfWork) -> None:
    """The order in the pressed button's message, which is the order's from now on."""
    message = await screen.show(query, view)
    if message.message_id != order.message_id:
        await checkout.remember_message(uow, order.number, message.message_id)


async def _send_invoice(bot: Bot, placed: Placed, t: Texts) -> None:
    """The invoice below the order's message, where the method is Telegram's own."""
    attempt = placed.attempt
    if attempt is None or attempt.checkout is None or not attempt.checkout.in_chat:
        return
    if placed.order.is_pending:
        await _invoice(bot, placed.order, attempt, t)


async def _invoice(bot: Bot, order: Order, attempt: Attempt, t: Texts) -> None:
    shown = invoices.invoice(order, t)
    await bot.send_invoice(
        order.buyer_id,
        title=shown.title,
        description=shown.description,
        payload=attempt.number,
        currency=attempt.amount.currency,
        prices=[LabeledPrice(label=shown.title, amount=attempt.amount.amount)],
        provider_token="",  # Stars need none
        start_parameter=shown.start_parameter,
    )
