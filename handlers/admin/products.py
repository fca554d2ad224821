"""/newproduct and /newvariant: in one line, or asked for step by step."""

from dataclasses import dataclass
from datetime import datetime

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import assortment, managing
from domain.catalog import Product, Variant
from domain.catalog import sku as checked_sku
from domain.customers import Customer, Permission
from domain.orders import Bill, OrderLine
from domain.ports import UnitOfWork
from handlers import screen
from handlers.admin.dialogs import Adding, Dialog
from handlers.routes import Command, Routes
from handlers.shop import ShopInfo
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_products as views
from handlers.views.methods import Ways

routes = Routes()


@dataclass(frozen=True)
class Draft:
    """What is known of a new product; of a new variant where `of`, its product's SKU, is."""

    of: str = ""
    sku: str = ""
    price: str = ""
    name: str = ""

    @classmethod
    def read(cls, text: str, currency: str, of: str = "") -> "Draft":
        """`SKU PRICE NAME…`, from the left. Raises `BadSku`, `BadAmount`."""
        word, *rest = text.split(maxsplit=1)
        sku = checked_sku(word)
        if not rest:
            return cls(of, sku)
        return cls(of, sku).priced(rest[0], currency)

    def priced(self, text: str, currency: str) -> "Draft":
        """With a price, and the name where one stands behind it. Raises `BadAmount`."""
        price, name = managing.read_price(text, currency)
        return Draft(self.of, self.sku, str(price), name)


@dataclass(frozen=True)
class Adder:
    """What adding needs besides the draft."""

    uow: UnitOfWork
    customer: Customer
    shop: ShopInfo
    ways: Ways
    now: datetime

    async def go_on(self, dialog: Dialog, draft: Draft) -> None:
        """Ask for what is missing, or add it."""
        t, known = dialog.t, {"of": draft.of, "sku": draft.sku, "price": draft.price}
        if not draft.sku:
            await dialog.ask(Adding.sku, views.ask_sku(t), **known)
        elif not draft.price:
            await assortment.require_free(self.uow, draft.sku)
            await dialog.ask(Adding.price, views.ask_price(self.shop.currency, t), **known)
        elif not draft.name:
            await dialog.ask(Adding.name, views.ask_name(t), **known)
        else:
            product, variant = await self._add(draft)
            payable = can_be_paid(product, variant, self.ways)
            await dialog.end(views.added(product, variant, t, can_be_paid=payable))

    async def _add(self, draft: Draft) -> tuple[Product, Variant]:
        price, _ = managing.read_price(draft.price, self.shop.currency)
        by, now = self.customer.id, self.now
        if draft.of:
            return await managing.new_variant(
                self.uow,
                of_sku=draft.of,
                sku=draft.sku,
                price=price,
                name=draft.name,
                actor_id=by,
                now=now,
            )
        return await managing.new_product(
            self.uow, sku=draft.sku, price=price, name=draft.name, actor_id=by, now=now
        )


def can_be_paid(product: Product, variant: Variant, ways: Ways) -> bool:
    """Whether any method that is on takes a single piece."""
    return bool(ways.quotes(Bill([OrderLine.of(variant, product.name, 1)], variant.price)))


@routes.command("newproduct", permission=Permission.CATALOG)
async def new_product(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    draft = Draft.read(command.args, shop.currency) if command.args else Draft()
    dialog = Dialog(bot, message.chat.id, state, t)
    await Adder(uow, customer, shop, ways, now).go_on(dialog, draft)


@routes.command("newvariant", permission=Permission.CATALOG)
async def new_variant(
    message: Message,
    command: Command,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    if not command.args:
        page = await assortment.skus(uow)
        view = views.choose(page, buttons.Purpose.VARIANT, t)
        await screen.send(bot, message.chat.id, view)
        return
    word, *rest = command.args.split(maxsplit=1)
    of = checked_sku(word)
    await assortment.look_up(uow, of)
    draft = Draft.read(rest[0], shop.currency, of) if rest else Draft(of)
    dialog = Dialog(bot, message.chat.id, state, t)
    await Adder(uow, customer, shop, ways, now).go_on(dialog, draft)


@routes.button(buttons.NewProduct, permission=Permission.CATALOG)
async def begin_product(query: CallbackQuery, bot: Bot, state: FSMContext, t: Texts) -> None:
    await Dialog.behind(query, bot, state, t).ask(Adding.sku, views.ask_sku(t))


@routes.button(buttons.VariantOf, permission=Permission.CATALOG)
async def begin_variant(
    query: CallbackQuery,
    data: buttons.VariantOf,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    t: Texts,
) -> None:
    await assortment.look_up(uow, data.sku)
    await Dialog.behind(query, bot, state, t).ask(Adding.sku, views.ask_sku(t), of=data.sku)


@routes.answer(Adding.sku, permission=Permission.CATALOG)
@routes.answer(Adding.price, permission=Permission.CATALOG)
@routes.answer(Adding.name, permission=Permission.CATALOG)
async def answered(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    customer: Customer,
    shop: ShopInfo,
    ways: Ways,
    now: datetime,
    t: Texts,
) -> None:
    """The next piece of a draft; a wrong one leaves the question open."""
    dialog = Dialog(bot, message.chat.id, state, t)
    draft = Draft(await dialog.known("of"), await dialog.known("sku"), await dialog.known("price"))
    if text := (message.text or "").strip():
        draft = _with(draft, text, shop.currency)
    await Adder(uow, customer, shop, ways, now).go_on(dialog, draft)


def _with(draft: Draft, text: str, currency: str) -> Draft:
    """The draft with what was asked for next, and whatever was said along with it."""
    if not draft.sku:
        return Draft.read(text, currency, draft.of)
    if not draft.price:
        return draft.priced(text, currency)
    return Draft(draft.of, draft.sku, draft.price, text)
