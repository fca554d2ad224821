"""/resend, /refund and /confirm: typed, or asked for step by step."""

from dataclasses import dataclass
from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message
from markupsafe import Markup

from domain import deciding, managing, reviewing
from domain.catalog import plain
from domain.customers import Customer, Permission
from domain.money import CURRENCIES, Money
from domain.ports import UnitOfWork
from domain.refunding import Wanted
from handlers import errors
from handlers.admin.dialogs import Choosing, Confirming, Dialog, Refunding, order_number
from handlers.admin.giving_back import give_back
from handlers.routes import Command, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_sales
from handlers.views import admin_settling as settling
from handlers.views.methods import Ways
from handlers.views.view import View

routes = Routes()

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
    ways: Ways
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
            return await self._refunded(number, rest)
        return await self.file(number)

    async def _refunded(self, number: str, rest: str) -> View:
        """All of it, or the amount that is named; where only one payment is too many, the admin is
        asked which is meant.
        """
        found = await reviewing.open_file(self.uow, number)
        amount, reason = read_part(rest)
        if amount is None and settling.returned_alone(found.order, found.order.exception):
            return settling.confirm_refund(found, self.t)
        wanted = Wanted(amount=amount)
        reason = reason[:REASON_LENGTH]
        news = await give_back(
            self.uow, self.ways.providers, number, reason, wanted, self.customer, self.now, self.t
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
            self.ways.rules,
            actor_id=self.customer.id,
            now=self.now,
        )
        return await self.file(number, settling.confirmed(settlement.outcome, self.t))


def read_part(text: str) -> tuple[Money | None, str]:
    """`2.50 USD reason`: an amount with its currency in capitals; everything else is the reason,
    so that "2 keys were dead" gives nobody two dollars.
    """
    number, _, rest = text.strip().partition(" ")
    currency, _, reason = rest.strip().partition(" ")
    if currency not in CURRENCIES:
        return None, text.strip()
    return Money.parse(number, currency), reason.strip()


@routes.button(buttons.AskPart, permission=Permission.MONEY)
async def ask_part(
    query: CallbackQuery,
    data: buttons.AskPart,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    t: Texts,
) -> None:
    found = await reviewing.open_file(uow, data.number)
    dialog = Dialog.behind(query, bot, state, t)
    await dialog.ask(Refunding.amount, settling.ask_part(found, t), number=data.number)


@routes.answer(Refunding.amount, permission=Permission.MONEY)
async def part_given(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    """The dialog goes on until an amount fits, or is left with /cancel."""
    dialog = Dialog(bot, message.chat.id, state, t)
    number = await dialog.known("number")
    found = await reviewing.open_file(uow, number)
    currency = found.payments[-1].amount.currency if found.payments else ""
    amount, reason = managing.read_price(message.text or "", currency)
    news = await give_back(
        uow, ways.providers, number, reason, Wanted(amount=amount), customer, now, t
    )
    await dialog.end(await Desk(uow, customer, ways, now, t).file(number, news))


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
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    await Desk(uow, customer, ways, now, t).do(command.name, command.args, dialog)


@routes.answer(Choosing.number, permission=Permission.ORDERS)
async def number_given(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    verb = await dialog.known("verb")
    if verb not in NEEDED or not customer.may(NEEDED[verb]):
        await dialog.end(View(errors.unknown_command(t)))
        return
    await Desk(uow, customer, ways, now, t).do(verb, message.text or "", dialog)


@routes.button(buttons.Confirm, permission=Permission.MONEY)
async def begin_confirming(
    query: CallbackQuery,
    data: buttons.Confirm,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog.behind(query, bot, state, t)
    await Desk(uow, customer, ways, now, t).confirm(data.number, "", dialog)


@routes.answer(Confirming.transaction, permission=Permission.MONEY)
@routes.answer(Confirming.reason, permission=Permission.MONEY)
async def confirming(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    known = f"{await dialog.known('transaction')} {plain(message.text or '')}"
    desk = Desk(uow, customer, ways, now, t)
    await desk.confirm(await dialog.known("number"), known, dialog)
