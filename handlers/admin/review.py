"""The buttons under alerts and in an order's file: each settles an order, once."""

from dataclasses import dataclass
from datetime import datetime

from aiogram.types import CallbackQuery
from markupsafe import Markup

from domain import deciding, reviewing
from domain.customers import Customer, Permission
from domain.orders import OrderException
from domain.ports import UnitOfWork
from domain.refunding import Wanted
from domain.reviewing import File
from handlers import screen
from handlers.admin.giving_back import give_back
from handlers.routes import Popup, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_sales
from handlers.views import admin_settling as views
from handlers.views.methods import Ways

routes = Routes()


@dataclass(frozen=True)
class Decision:
    """A button that was pressed, by whom, and about which order."""

    query: CallbackQuery
    number: str
    why: OrderException | None
    uow: UnitOfWork
    customer: Customer
    t: Texts

    async def open_file(self) -> File | None:
        """None when the order is not what it was when the button was made."""
        found = await reviewing.open_file(self.uow, self.number)
        return found if found.order.exception is self.why else None

    async def done(self, news: Markup) -> None:
        """Show the order as it stands now."""
        found = await reviewing.open_file(self.uow, self.number)
        view = admin_sales.file(found, self.customer, self.t, news)
        await screen.show(self.query, view)

    async def too_late(self) -> Popup:
        """Somebody else was quicker, or it is the second press."""
        found = await reviewing.open_file(self.uow, self.number)
        await screen.show(self.query, admin_sales.file(found, self.customer, self.t))
        return Popup(views.settled_already(self.t))


@routes.button(buttons.Fulfil, permission=Permission.MONEY)
async def fulfil(
    query: CallbackQuery,
    data: buttons.Fulfil,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> Popup | None:
    decision = Decision(query, data.number, data.why, uow, customer, t)
    found = await decision.open_file()
    if found is None or not found.order.can_be_paid:
        return await decision.too_late()
    await reviewing.fulfil(uow, data.number, actor_id=customer.id, now=now)
    await decision.done(views.fulfilled(t))
    return None


@routes.button(buttons.Resend, permission=Permission.ORDERS)
async def resend(
    query: CallbackQuery,
    data: buttons.Resend,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> Popup | None:
    decision = Decision(query, data.number, data.why, uow, customer, t)
    if await decision.open_file() is None:
        return await decision.too_late()
    if data.why is OrderException.UNDELIVERABLE:
        if not await deciding.resend(uow, data.number, actor_id=customer.id, now=now):
            return await decision.too_late()
    else:
        await reviewing.resend(uow, data.number, actor_id=customer.id, now=now)
    await decision.done(views.resent(t))
    return None


@routes.button(buttons.Handled, permission=Permission.ORDERS)
async def handled(
    query: CallbackQuery,
    data: buttons.Handled,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> Popup | None:
    if not views.may_dismiss(customer, data.why):
        return Popup(views.not_allowed(t))
    decision = Decision(query, data.number, data.why, uow, customer, t)
    if not await deciding.dismiss(uow, data.number, data.why, actor_id=customer.id, now=now):
        return await decision.too_late()
    await decision.done(views.dismissed(t))
    return None


@routes.button(buttons.AskRefund, permission=Permission.MONEY)
async def ask_refund(
    query: CallbackQuery, data: buttons.AskRefund, uow: UnitOfWork, t: Texts
) -> None:
    found = await reviewing.open_file(uow, data.number)
    await screen.show(query, views.confirm_refund(found, t))


@routes.button(buttons.Refund, permission=Permission.MONEY)
async def refund(
    query: CallbackQuery,
    data: buttons.Refund,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> Popup | None:
    """Under an alert, what is odd goes back; goods that were earned meanwhile ask once more."""
    decision = Decision(query, data.number, data.why, uow, customer, t)
    found = await decision.open_file()
    if found is None or not views.can_refund(found):
        return await decision.too_late()
    alone = views.returned_alone(found.order, data.why) and not data.whole
    if not (alone or data.whole or views.refund_is_plain(found.order, data.why)):
        await screen.show(query, views.confirm_refund(found, t))
        return None
    reason = data.why.value if data.why else ""
    wanted = Wanted(surplus_only=alone, to_balance=data.to_balance)
    news = await give_back(uow, ways.providers, data.number, reason, wanted, customer, now, t)
    await decision.done(news)
    return None
