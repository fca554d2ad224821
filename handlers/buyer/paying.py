"""Telegram's own payments: the last question before, the payment, and money given back."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from aiogram import Bot
from aiogram.types import (
    LabeledPrice,
    Message,
    PreCheckoutQuery,
    ShippingOption,
    ShippingQuery,
)

from domain import invoices, returns, settlement
from domain.customers import Customer
from domain.errors import DomainError
from domain.money import STARS, Money
from domain.payments import PaymentEvent, PaymentProvider, RefundEvent
from domain.ports import UnitOfWork
from handlers import errors, screen
from handlers.texts import Texts, language_of, texts
from handlers.views import payment
from handlers.views.methods import Ways
from handlers.views.view import View

log = structlog.get_logger(__name__)

Providers = Mapping[str, PaymentProvider]
_ANSWER_SECONDS: Final = 7.0  # of the 10 that Telegram gives


async def on_pre_checkout(
    query: PreCheckoutQuery, new_uow: Callable[[], UnitOfWork], t: Texts | None = None
) -> None:
    """Answered in time whatever happens: a sentence where the order may not be paid now."""
    t = t or texts(language_of(None, query.from_user.language_code))
    refusal = await _refusal(query, new_uow(), t)
    await query.answer(ok=refusal is None, error_message=refusal)


async def _refusal(query: PreCheckoutQuery, uow: UnitOfWork, t: Texts) -> str | None:
    amount = Money(query.total_amount, query.currency)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await invoices.approve(
                uow,
                query.invoice_payload,
                query.from_user.id,
                amount,
                now=datetime.now(UTC),
            )
    except DomainError as error:
        return str(errors.sentence(error, t).striptags())
    except TimeoutError:
        return str(errors.went_wrong(t).striptags())
    return None


async def on_shipping(
    query: ShippingQuery,
    new_uow: Callable[[], UnitOfWork],
    ways: Ways,
    t: Texts | None = None,
) -> None:
    """Where to, and for how much: goods that come into the chat cost no freight."""
    t = t or texts(language_of(None, query.from_user.language_code))
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await invoices.may_ship(
                new_uow(), query.invoice_payload, query.from_user.id, now=datetime.now(UTC)
            )
    except DomainError as error:
        refusal = str(errors.sentence(error, t).striptags())
        await query.answer(ok=False, error_message=refusal)
        return
    except TimeoutError:
        await query.answer(ok=False, error_message=str(errors.went_wrong(t).striptags()))
        return
    free = ShippingOption(
        id="chat",
        title=t.label("Delivered in this chat"),
        prices=[LabeledPrice(label=t.label("No freight"), amount=0)],
    )
    await query.answer(ok=True, shipping_options=[free])


async def on_payment(
    message: Message,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    """Money has come. The delivery is the answer; what is odd about it is said at once."""
    if message.successful_payment is None:
        return
    paid = message.successful_payment
    event = _event(
        paid.currency,
        paid.total_amount,
        paid.telegram_payment_charge_id,
        paid.invoice_payload,
        ways.providers,
    )
    settled = await settlement.settle(uow, event, ways.rules, now=now, source="chat")
    if (says := payment.received(settled, event.amount, t)) is not None:
        await screen.send(bot, customer.id, View(says))


async def on_refunded(
    message: Message,
    bot: Bot,
    uow: UnitOfWork,
    customer: Customer,
    ways: Ways,
    t: Texts,
    now: datetime,
) -> None:
    """Telegram has given a payment back, at the shop's asking or by itself."""
    if message.refunded_payment is None:
        return
    back = message.refunded_payment
    provider, account, _ = _receiver(back.currency, ways.providers)
    amount = Money(back.total_amount, back.currency)
    event = RefundEvent(provider, account, back.telegram_payment_charge_id, amount)
    gone = await returns.book(uow, event, ways.rules, now=now)
    number = await invoices.order_number_of(uow, back.invoice_payload, customer.id)
    log.info("payment given back", provider=provider, order=number, new=gone is not None)
    await screen.send(bot, customer.id, View(payment.returned(number, amount, t)))


def _event(
    currency: str, amount: int, charge_id: str, payload: str, providers: Providers
) -> PaymentEvent:
    provider, account, live = _receiver(currency, providers)
    return PaymentEvent(
        provider=provider,
        account=account,
        live=live,
        external_id=charge_id,
        attempt_number=payload,
        amount=Money(amount, currency),
    )


def _receiver(currency: str, providers: Providers) -> tuple[str, str, bool]:
    """Which of Telegram's methods took the money: its code, its account, whether it is live.

    One that has been switched off meanwhile has no account: the payment goes before a person.
    """
    code = "stars" if currency == STARS else "telegram"
    provider = providers.get(code)
    return (code, provider.account, provider.live) if provider else (code, "", True)
