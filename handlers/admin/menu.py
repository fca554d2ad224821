"""/admin: everything that admins can do."""

from aiogram import Bot
from aiogram.types import CallbackQuery, Message

from domain.customers import Customer
from handlers import errors, screen
from handlers.routes import Popup, Routes
from handlers.texts import Texts
from handlers.views import admin_buttons as buttons
from handlers.views import admin_menu
from handlers.views.view import View

routes = Routes()


@routes.command("admin")
async def menu(message: Message, bot: Bot, customer: Customer, t: Texts) -> None:
    """Open to every role, whatever it may do."""
    known = customer.is_admin
    view = admin_menu.menu(customer, t) if known else View(errors.unknown_command(t))
    await screen.send(bot, message.chat.id, view)


@routes.button(buttons.Menu)
async def back_to_menu(query: CallbackQuery, customer: Customer, t: Texts) -> Popup | None:
    if not customer.is_admin:
        return Popup(errors.stale_button(t))
    await screen.show(query, admin_menu.menu(customer, t))
    return None
