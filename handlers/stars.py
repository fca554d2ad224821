"""Giving Stars back, through the bot's own account."""

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest

from domain.errors import ProviderRejected, ProviderUnavailable

_PROVIDER = "stars"


class BotStars:
    """Telegram's side of the Stars provider."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def refund(self, user_id: int, charge_id: str) -> None:
        """Give a charge back in full; one given back before is no error.

        Raises `ProviderRejected` for what Telegram refuses, and `ProviderUnavailable` for
        whatever else may have become of the call.
        """
        try:
            await self._bot.refund_star_payment(
                user_id=user_id, telegram_payment_charge_id=charge_id
            )
        except TelegramBadRequest as error:
            code = error.message.removeprefix("Bad Request: ")
            if code != "CHARGE_ALREADY_REFUNDED":
                raise ProviderRejected(_PROVIDER, code) from error
        except TelegramAPIError as error:
            # By its kind only: a network error's text may hold the URL, and that the token.
            raise ProviderUnavailable(_PROVIDER, type(error).__name__) from None
