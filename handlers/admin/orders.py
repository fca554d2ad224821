"""/resend, /refund and /confirm: typed, or asked for step by step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from markupsafe import Markup

from domain import deciding, reviewing
from domain.catalog import plain
from domain.customers import Customer, Permission
from domain.payments import PaymentProvider
from domain.ports import UnitOfWork
from handlers import errors
from handlers.admin.dialogs import Choosing, Confirming, Dialog, order_number
from handlers.admin.giving_back import give_back
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_sales
from handlers.views import admin_settling as settling
from handlers.views.view import View

routes = Routes()

Providers = Mapping[str, PaymentProvider]
TRANSACTION_LENGTH = 128
REASON_LENGTH = 300
# What each command that asks for an order needs; checked again when the answer comes.
NEEDED = {
    "order": Permission.ORDERS,
    "resend": Permission.ORDERS,
    "refund": Permission.MONEY,
    "confirm": Permission.MONEY,
}


@dataclass(frozen=True)
class Desk:
    """Whoever settles orders, and what it takes."""

    uow: UnitOfWork
    customer: Customer
    providers: Providers
    now: datetime
    t: Texts

    async def do(self, verb: str, args: str, dialog: Dialog) -> None:
        """One of the commands, with what stands behind it: an order's number first."""
        number, _, rest = plain(args).partition(" ")
        if not number:
            await dialog.ask(Choosing.number, admin_sales.ask_number(self.t), verb=verb)
        elif verb == "confirm":
            await self.confirm(order_number(number), rest, dialog)
        else:
            await dialog.end(await self._done(verb, order_number(number), rest))

    async def confirm(self, number: str, rest: str, dialog: Dialog) -> None:
        """A payment seen elsewhere: its transaction and a reason are needed."""
        found = await reviewing.open_file(self.uow, number)
        transaction, _, reason = rest.strip().partition(" ")
        transaction = transaction[:TRANSACTION_LENGTH]
        if not transaction:
            question = settling.ask_transaction(found.order.number, self.t)
            await dialog.ask(Confirming.transaction, question, number=number)
        elif not reason.strip():
            question = settling.ask_reason(self.t)
            known = {"number": number, "transaction": transaction}
            await dialog.ask(Confirming.reason, question, **known)
        else:
            await dialog.end(await self._confirmed(number, transaction, reason.strip()))

    async def file(self, number: str, news: Markup | None = None) -> View:
        found = await reviewing.open_file(self.uow, number)
        return admin_sales.file(found, self.customer, self.t, news)

    async def _done(self, verb: str, number: str, rest: str) -> View:
        if verb == "resend":
            await self._resend(number)
            return await self.file(number, settling.resent(self.t))
        if verb == "refund":
            return await self._refunded(number, rest[:REASON_LENGTH])
        return await self.file(number)

    async def _refunded(self, number: str, reason: str) -> View:
        """All of it; where only one payment is too many, the admin is asked which is meant."""
        found = await reviewing.open_file(self.uow, number)
        if settling.returned_alone(found.order, found.order.exception):
            return settling.confirm_refund(found, self.t)
        news = await give_back(
            self.uow, self.providers, number, reason, self.customer, self.now, self.t
        )
        return await self.file(number, news)

    async def _resend(self, number: str) -> None:
        by, now = self.customer.id, self.now
        if not await deciding.resend(self.uow, number, actor_id=by, now=now):
            await reviewing.resend(self.uow, number, actor_id=by, now=now)

    async def _confirmed(self, number: str, transaction: str, reason: str) -> View:
        settlement = await reviewing.confirm(
            self.uow,
            number,
            transaction,
            reason[:REASON_LENGTH],
            actor_id=self.customer.id,
            now=self.now,
        )
        return await self.file(number, settling.confirmed(settlement.outcome, self.t))


@routes.command("resend", permission=Permission.ORDERS)
@routes.command("refund", permission=Permission.MONEY)
@routes.command("confirm", permission=Permission.MONEY)
async def settle(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    await Desk(uow, customer, providers, now, t).do(command.name, command.args, dialog)


@routes.answer(Choosing.number, permission=Permission.ORDERS)
async def number_given(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    verb = await dialog.known("verb")
    if verb not in NEEDED or not customer.may(NEEDED[verb]):
        await dialog.end(View(errors.unknown_command(t)))
        return
    await Desk(uow, customer, providers, now, t).do(verb, message.text or "", dialog)


@routes.button(buttons.Confirm, permission=Permission.MONEY)
async def begin_confirming(
    query: CallbackQuery,
    data: buttons.Confirm,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog.behind(query, bot, state, t)
    await Desk(uow, customer, providers, now, t).confirm(data.number, "", dialog)


@routes.answer(Confirming.transaction, permission=Permission.MONEY)
@routes.answer(Confirming.reason, permission=Permission.MONEY)
async def confirming(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    providers: Providers,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    known = f"{await dialog.known('transaction')} {plain(message.text or '')}"
    desk = Desk(uow, customer, providers, now, t)
    await desk.confirm(await dialog.known("number"), known, dialog)
