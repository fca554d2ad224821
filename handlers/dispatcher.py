"""aiogram's dispatcher over the shop's routes."""

from collections.abc import Callable
from typing import Any

import structlog
from aiogram import Dispatcher
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.exceptions import TelegramAPIError
from aiogram.fsm.storage.base import BaseStorage
from aiogram.types import ErrorEvent, Message, Update, User

from domain.ports import UnitOfWork, Vault
from handlers import admin, buyer, errors
from handlers.buyer import paying, start
from handlers.middlewares import PersonMiddleware, Throttle
from handlers.routes import RETAKEN, Routes
from handlers.shop import Background, OpenKeyFile, OpenSheet, ShopInfo
from handlers.texts import Texts, language_of, texts
from handlers.views.methods import Ways

log = structlog.get_logger(__name__)


def build_dispatcher(
    *,
    storage: BaseStorage,
    new_uow: Callable[[], UnitOfWork],
    throttle: Throttle,
    ways: Ways,
    shop: ShopInfo,
    vault: Vault,
    background: Background,
    open_key_file: OpenKeyFile,
    open_sheet: OpenSheet,
) -> Dispatcher:
    """What is named here, handlers get by asking for it by name."""
    dispatcher = Dispatcher(
        storage=storage,
        new_uow=new_uow,
        throttle=throttle,
        ways=ways,
        shop=shop,
        vault=vault,
        background=background,
        open_key_file=open_key_file,
        open_sheet=open_sheet,
    )
    dispatcher.update.outer_middleware(PersonMiddleware(new_uow))
    dispatcher.errors.register(on_error)
    _register(dispatcher)
    return dispatcher


def _register(dispatcher: Dispatcher) -> None:
    routes = Routes()
    routes.include(buyer.routes, admin.routes)
    dispatcher.pre_checkout_query.register(paying.on_pre_checkout)
    dispatcher.shipping_query.register(paying.on_shipping)
    dispatcher.my_chat_member.register(start.on_member_update)
    dispatcher.callback_query.register(routes.on_button)
    dispatcher.message.register(paying.on_payment, _has("successful_payment"))
    dispatcher.message.register(paying.on_refunded, _has("refunded_payment"))
    dispatcher.message.register(routes.on_message)


def _has(content: str) -> Callable[[Message], Any]:
    async def check(message: Message) -> bool:
        return getattr(message, content) is not None

    return check


async def on_error(event: ErrorEvent) -> Any:
    """The edge for what no handler expects: logged, and the person is told.

    What is only put off, because the database is away, is taken again with its update.
    """
    if isinstance(event.exception, RETAKEN):
        return UNHANDLED
    log.error("update failed", update=event.update.update_id, exc_info=event.exception)
    await _apologise(event.update)
    return None


async def _apologise(update: Update) -> None:
    try:
        if query := update.callback_query:
            sorry = errors.went_wrong(_texts_for(query.from_user))
            await query.answer(str(sorry.striptags()), show_alert=True)
        elif (message := update.message) and message.from_user:
            await message.answer(errors.went_wrong(_texts_for(message.from_user)))
    except TelegramAPIError as error:
        log.warning("could not say so either", why=type(error).__name__)


def _texts_for(user: User) -> Texts:
    return texts(language_of(None, user.language_code))
