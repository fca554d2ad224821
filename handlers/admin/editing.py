"""/setproduct: a product's fields, in one line or by buttons."""

from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import assortment, managing
from domain.catalog import sku as checked_sku
from domain.customers import Customer, Permission
from domain.errors import BadField
from domain.ports import UnitOfWork
from handlers import screen
from handlers.admin.dialogs import Dialog, Editing
from handlers.routes import Command, Routes
from handlers.shop import ShopInfo
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_products as views
from handlers.views.view import View

routes = Routes()

PHOTO = "photo"
NONE = "-"


@routes.command("setproduct", permission=Permission.CATALOG)
async def set_product(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    now: datetime,
    t: Texts,
) -> None:
    sku, field, value = _read(command.args)
    dialog = Dialog(bot, message.chat.id, state, t)
    if not sku:
        page = await assortment.skus(uow)
        await dialog.say(views.choose(page, buttons.Purpose.EDIT, t))
        return
    if not field:
        await dialog.say(views.card(*await assortment.look_up(uow, sku), t))
        return
    if field == PHOTO and value != NONE:
        value = _photo(message) or _photo(message.reply_to_message)
    if not value:
        await assortment.look_up(uow, sku)
        await _ask(dialog, sku, field)
        return
    await dialog.say(await _set(sku, field, value, uow, customer, shop, now, t))


@routes.button(buttons.Skus, permission=Permission.STOCK)
async def choose(query: CallbackQuery, data: buttons.Skus, uow: UnitOfWork, t: Texts) -> None:
    """A SKU for whatever it is needed for; what is chosen is checked by its own button."""
    page = await assortment.skus(uow, page=data.page)
    await screen.show(query, views.choose(page, data.purpose, t))


@routes.button(buttons.Edit, permission=Permission.CATALOG)
async def card(query: CallbackQuery, data: buttons.Edit, uow: UnitOfWork, t: Texts) -> None:
    await screen.show(query, views.card(*await assortment.look_up(uow, data.sku), t))


@routes.button(buttons.Field, permission=Permission.CATALOG)
async def choose_field(
    query: CallbackQuery,
    data: buttons.Field,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    t: Texts,
) -> None:
    await assortment.look_up(uow, data.sku)
    await _ask(Dialog.behind(query, bot, state, t), data.sku, data.field)


@routes.button(buttons.SetTo, permission=Permission.CATALOG)
async def set_to(
    query: CallbackQuery,
    data: buttons.SetTo,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    now: datetime,
    t: Texts,
) -> None:
    view = await _set(data.sku, data.field, data.value, uow, customer, shop, now, t)
    await state.clear()
    await screen.show(query, view)


@routes.answer(Editing.value, permission=Permission.CATALOG)
async def answered(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    sku, field = await dialog.known("sku"), await dialog.known("field")
    value = (message.text or "").strip()
    if field == PHOTO and value != NONE:
        value = _photo(message)
    if not value:
        await dialog.say(views.no_photo(t) if field == PHOTO else views.ask_value(sku, field, t))
        return
    await dialog.end(await _set(sku, field, value, uow, customer, shop, now, t))


def _read(args: str) -> tuple[str, str, str]:
    """`SKU FIELD VALUE…`; empty where it ends before. Raises `BadSku`, `BadField`."""
    sku, field, value = [*args.split(maxsplit=2), "", "", ""][:3]
    field = field.lower()
    if field and field not in managing.FIELDS:
        raise BadField(field[:32], ", ".join(managing.FIELDS))
    return checked_sku(sku) if sku else "", field, value.strip()


def _photo(message: Message | None) -> str:
    """Telegram's name for the largest size of a photo; empty where there is none."""
    return message.photo[-1].file_id if message and message.photo else ""


async def _ask(dialog: Dialog, sku: str, field: str) -> None:
    question = views.ask_value(sku, field, dialog.t)
    await dialog.ask(Editing.value, question, sku=sku, field=field)


async def _set(
    sku: str,
    field: str,
    value: str,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    now: datetime,
    t: Texts,
) -> View:
    product, variant = await managing.set_product(
        uow,
        sku=sku,
        field=field,
        value=value,
        currency=shop.currency,
        actor_id=customer.id,
        now=now,
    )
    return views.card(product, variant, t, t("Changed: {field}.", field=field))
