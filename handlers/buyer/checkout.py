"""Buying: what it would be, placing the order, choosing how to pay it, leaving it."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from aiogram import Bot
from aiogram.types import CallbackQuery, LabeledPrice

from domain import browsing, checkout, polling, spending, wallet
from domain.checkout import Placed, Request
from domain.customers import Customer
from domain.errors import PriceChanged
from domain.ledger import BALANCE
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt, InChatProvider
from domain.ports import UnitOfWork
from handlers import screen
from handlers.routes import Popup, Routes
from handlers.texts import Texts
from handlers.views import checkout as previews
from handlers.views import invoice as invoices
from handlers.views import order as orders
from handlers.views.buttons import Buy, Cancel, Methods, Paid, PayWith, Place, ShowOrder
from handlers.views.methods import Ways
from handlers.views.order import Shown
from handlers.views.view import View

routes = Routes()

_NONCE_BYTES = 6  # 8 characters in a button


@dataclass(frozen=True)
class Counter:
    """One buyer at the counter: what was pressed, and what it takes to answer."""

    query: CallbackQuery
    bot: Bot
    uow: UnitOfWork
    customer: Customer
    ways: Ways
    t: Texts
    now: datetime

    async def preview(self, variant_id: int, count: int) -> None:
        offered = await browsing.preview(
            self.uow,
            list(self.ways.providers.values()),
            self.ways.rules.rates,
            buyer_id=self.customer.id,
            variant_id=variant_id,
            quantity=count,
        )
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        await screen.show(self.query, previews.preview(offered, nonce, self.ways, self.t))

    async def place(self, code: str, request: Request) -> Placed:
        rules = self.ways.rules
        if code == BALANCE:
            return await spending.buy_from_balance(self.uow, request, rules, now=self.now)
        provider = checkout.provider_named(self.ways.providers, code)
        return await checkout.buy(self.uow, provider, request, rules, now=self.now)

    async def pay_with(self, code: str, number: str) -> Placed:
        buyer, now = self.customer.id, self.now
        if code == BALANCE:
            return await spending.pay_from_balance(self.uow, number, buyer, now=now)
        provider = checkout.provider_named(self.ways.providers, code)
        rules = self.ways.rules
        return await checkout.pay_with(self.uow, provider, number, buyer, rules, now=now)

    async def show(self, placed: Placed, code: str = "") -> None:
        """The order as it stands; the ways to pay where the one that was chosen failed."""
        order = placed.order
        if placed.attempt is None and order.is_pending and code:
            view = orders.failed(order, code, await self._balance(order), self.ways, self.t)
        else:
            view = orders.order(Shown(order, placed.attempt), self.ways, self.t)
        await self._put(order, view)

    async def choose(self, order: Order) -> None:
        view = orders.choose(order, await self._balance(order), self.ways, self.t)
        await self._put(order, view)

    async def refresh(self, number: str) -> Placed:
        placed = await checkout.show(self.uow, number, self.customer.id)
        await self.show(placed)
        return placed

    async def send_invoice(self, placed: Placed) -> None:
        """The invoice below the order's message, where the method is Telegram's own."""
        attempt = placed.attempt
        if attempt is None or attempt.checkout is None or not attempt.checkout.in_chat:
            return
        if placed.order.is_pending:
            provider = self.ways.providers[attempt.provider]
            token = provider.token if isinstance(provider, InChatProvider) else ""
            await _invoice(self.bot, placed.order, attempt, token, self.t)

    async def _balance(self, order: Order) -> Money:
        currency = order.total.currency
        owed = await wallet.balances(self.uow, self.customer.id)
        return next((m for m in owed if m.currency == currency), Money(0, currency))

    async def _put(self, order: Order, view: View) -> None:
        """The order in the pressed button's message, which is the order's from now on."""
        message = await screen.show(self.query, view)
        if message.message_id != order.message_id:
            await checkout.remember_message(self.uow, order.number, message.message_id)


@routes.button(Buy)
async def preview(
    query: CallbackQuery,
    data: Buy,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    counter = Counter(query, bot, uow, customer, ways, t, now)
    await counter.preview(data.variant_id, data.count)


@routes.button(Place)
async def place(
    query: CallbackQuery,
    data: Place,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> Popup | None:
    counter = Counter(query, bot, uow, customer, ways, t, now)
    shown = Money(data.shown, data.currency)
    request = Request(data.nonce, customer.id, data.variant_id, data.count, shown)
    try:
        placed = await counter.place(data.provider, request)
    except PriceChanged:
        await counter.preview(data.variant_id, data.count)
        return Popup(previews.new_price(t))
    is_first = placed.order.message_id is None
    await counter.show(placed, data.provider)
    if is_first:
        await counter.send_invoice(placed)
    return None


@routes.button(Methods)
async def other_ways(
    query: CallbackQuery,
    data: Methods,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    placed = await checkout.show(uow, data.number, customer.id)
    placed.order.check_payable(now)
    await Counter(query, bot, uow, customer, ways, t, now).choose(placed.order)


@routes.button(PayWith)
async def pay_with(
    query: CallbackQuery,
    data: PayWith,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    counter = Counter(query, bot, uow, customer, ways, t, now)
    placed = await counter.pay_with(data.provider, data.number)
    await counter.show(placed, data.provider)
    await counter.send_invoice(placed)


@routes.button(Paid)
async def paid(
    query: CallbackQuery,
    data: Paid,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    """The payment service is asked at once; the callback may be on its way, or lost."""
    counter = Counter(query, bot, uow, customer, ways, t, now)
    await polling.ask_now(uow, ways.providers, data.number, customer.id, ways.rules, now=now)
    await counter.refresh(data.number)


@routes.button(ShowOrder)
async def show_order(
    query: CallbackQuery,
    data: ShowOrder,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    """Back from the other ways to pay."""
    await Counter(query, bot, uow, customer, ways, t, now).refresh(data.number)


@routes.button(Cancel)
async def cancel(
    query: CallbackQuery,
    data: Cancel,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> str:
    """What was paid a moment ago is found first: then there is nothing to cancel."""
    counter = Counter(query, bot, uow, customer, ways, t, now)
    await polling.leave(uow, ways.providers, data.number, customer.id, ways.rules, now=now)
    await checkout.cancel(uow, data.number, customer.id, now=now)
    await counter.refresh(data.number)
    return t.label("Cancelled")


async def _invoice(bot: Bot, order: Order, attempt: Attempt, token: str, t: Texts) -> None:
    shown = invoices.invoice(order, t)
    await bot.send_invoice(
        order.buyer_id,
        title=shown.title,
        description=shown.description,
        payload=attempt.number,
        currency=attempt.amount.currency,
        prices=[LabeledPrice(label=shown.title, amount=attempt.amount.amount)],
        provider_token=token,
        start_parameter=shown.start_parameter,
    )
