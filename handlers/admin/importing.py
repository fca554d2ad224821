"""/import: keys from a file or a message, in the background, to one report with its Undo."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiogram import Bot
from aiogram.fsm.context import FSMContext
from aiogram.types import CallbackQuery, Message

from domain import assortment, importing
from domain.catalog import sku as checked_sku
from domain.customers import Customer, Permission
from domain.ports import UnitOfWork, Vault
from handlers import screen
from handlers.admin.dialogs import Dialog, Importing
from handlers.admin.import_job import ImportJob, Layout, name_of
from handlers.admin.key_message import KeyMessage
from handlers.admin.notice import Notice
from handlers.routes import Popup, Routes
from handlers.shop import Background, OpenKeyFile
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_import as views
from handlers.views import admin_products, admin_stock
from handlers.views.view import View

routes = Routes()

NewUow = Callable[[], UnitOfWork]
CHAT_FILE_BYTES: Final = 20 * 1024 * 1024  # Bot API, getFile


@dataclass(frozen=True)
class Importer:
    """What every way to begin an import needs."""

    bot: Bot
    new_uow: NewUow
    vault: Vault
    background: Background
    open_key_file: OpenKeyFile
    customer: Customer
    now: datetime
    t: Texts

    async def begin(self, keys: KeyMessage, sku: str) -> None:
        """With a message of its own below the keys."""
        if _is_too_big(keys):
            await screen.send(self.bot, keys.source.chat.id, views.too_big(sku, self.t))
            return
        notice = await Notice.below(keys.source, _reading(keys, self.t), self.bot)
        self._start(keys, sku, Layout(), notice)

    async def go_on(self, question: Message, sku: str, layout: Layout) -> str | Popup | None:
        """In the message that asked, whose answer was missing: it hangs below the keys."""
        source = question.reply_to_message
        keys = KeyMessage.found_again(source, sku) if source is not None else None
        if keys is None or keys.is_empty:
            return Popup(views.gone(self.t))
        if _is_too_big(keys):
            await question.edit_text(views.too_big(sku, self.t).text)
            return None
        await question.edit_text(_reading(keys, self.t).text)
        self._start(keys, sku, layout, Notice(self.bot, question))
        return None

    def _start(self, keys: KeyMessage, sku: str, layout: Layout, notice: Notice) -> None:
        job = ImportJob(
            bot=self.bot,
            uow=self.new_uow(),
            vault=self.vault,
            open_key_file=self.open_key_file,
            actor_id=self.customer.id,
            now=self.now,
            t=self.t,
            sku=sku,
            keys=keys,
            layout=layout,
            notice=notice,
        )
        self.background.start(job.run(), name="import")


@routes.command("import", permission=Permission.STOCK)
async def import_keys(
    message: Message,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    new_uow: NewUow,
    vault: Vault,
    background: Background,
    open_key_file: OpenKeyFile,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    keys = KeyMessage.read(message)
    if not keys.sku:
        await _ask_sku(keys, bot, uow, t)
        return
    sku = checked_sku(keys.sku)
    await assortment.look_up(uow, sku)
    if keys.is_empty:
        dialog = Dialog(bot, message.chat.id, state, t)
        await dialog.ask(Importing.keys, views.ask_keys(sku, t), sku=sku)
        return
    importer = Importer(bot, new_uow, vault, background, open_key_file, customer, now, t)
    await importer.begin(keys, sku)


@routes.button(buttons.ImportInto, permission=Permission.STOCK)
async def import_into(
    query: CallbackQuery,
    data: buttons.ImportInto,
    bot: Bot,
    state: FSMContext,
    uow: UnitOfWork,
    new_uow: NewUow,
    vault: Vault,
    background: Background,
    open_key_file: OpenKeyFile,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> str | Popup | None:
    """Below keys that are there, import them; anywhere else, ask for some."""
    await assortment.look_up(uow, data.sku)
    question = query.message
    if not isinstance(question, Message) or question.reply_to_message is None:
        dialog = Dialog.behind(query, bot, state, t)
        await dialog.ask(Importing.keys, views.ask_keys(data.sku, t), sku=data.sku)
        return None
    if not await _first_press(question, state):
        return views.under_way(t)
    importer = Importer(bot, new_uow, vault, background, open_key_file, customer, now, t)
    return await importer.go_on(question, data.sku, Layout())


@routes.answer(Importing.keys, permission=Permission.STOCK)
async def answered(
    message: Message,
    bot: Bot,
    state: FSMContext,
    new_uow: NewUow,
    vault: Vault,
    background: Background,
    open_key_file: OpenKeyFile,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    dialog = Dialog(bot, message.chat.id, state, t)
    sku = await dialog.known("sku")
    keys = KeyMessage.found_again(message, sku)
    if keys.is_empty:
        await dialog.say(admin_stock.no_keys(t))
        return
    await state.clear()
    importer = Importer(bot, new_uow, vault, background, open_key_file, customer, now, t)
    await importer.begin(keys, sku)


@routes.button(buttons.Layout, permission=Permission.STOCK)
async def layout_chosen(
    query: CallbackQuery,
    data: buttons.Layout,
    bot: Bot,
    state: FSMContext,
    new_uow: NewUow,
    vault: Vault,
    background: Background,
    open_key_file: OpenKeyFile,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> str | Popup | None:
    question = query.message
    if not isinstance(question, Message):
        return Popup(views.gone(t))
    step = "column" if data.column else "delimiter"
    if not await _first_press(question, state, step):
        return views.under_way(t)
    importer = Importer(bot, new_uow, vault, background, open_key_file, customer, now, t)
    return await importer.go_on(question, data.sku, Layout(data.column, data.delimiter))


@routes.button(buttons.Undo, permission=Permission.STOCK)
async def undo(
    query: CallbackQuery,
    data: buttons.Undo,
    uow: UnitOfWork,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> None:
    batch, count = await importing.undo(uow, data.batch, actor_id=customer.id, now=now)
    await screen.show(query, views.undone(batch, count, t))


async def _ask_sku(keys: KeyMessage, bot: Bot, uow: UnitOfWork, t: Texts) -> None:
    """Below the keys, where there are any, so that they need not be sent again."""
    page = await assortment.skus(uow)
    view = admin_products.choose(page, buttons.Purpose.IMPORT, t)
    if keys.is_empty:
        await screen.send(bot, keys.source.chat.id, view)
    else:
        await Notice.below(keys.source, view, bot)


async def _first_press(question: Message, state: FSMContext, step: str = "sku") -> bool:
    """False for the second tap of two: its import would overwrite the report of the first."""
    pressed = f"{question.message_id} {step}"
    if (await state.get_data()).get("pressed") == pressed:
        return False
    await state.update_data(pressed=pressed)
    return True


def _is_too_big(keys: KeyMessage) -> bool:
    return keys.file is not None and (keys.file.file_size or 0) > CHAT_FILE_BYTES


def _reading(keys: KeyMessage, t: Texts) -> View:
    name = name_of(keys.file) if keys.file is not None else t.label("message")
    return views.reading(name, t)
