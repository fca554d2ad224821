"""Invoices, payments and refunds in the local Telegram."""

import asyncio
from typing import Any

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LabeledPrice,
    Message,
    PreCheckoutQuery,
    ShippingOption,
    ShippingQuery,
    TransactionPartnerUser,
)

from bot.sandbox.telegram import LocalTelegram
from tests.chat.local_telegram import ANN, BEN, local_telegram, next_update
from tests.people import Json, Refusal

STARS = [LabeledPrice(label="Game key", amount=250)]
EUROS = [LabeledPrice(label="Mug", amount=900), LabeledPrice(label="VAT", amount=100)]


async def invoice(bot: Bot, **more: Any) -> Message:  # whatever sendInvoice takes
    fields: dict[str, Any] = {
        "chat_id": ANN,
        "title": "Game key",
        "description": "One key",
        "payload": "order-7",
        "currency": "XTR",
        "prices": STARS,
        "start_parameter": "p_GAME",
    }
    return await bot.send_invoice(**{**fields, **more})


def stars_of(telegram: LocalTelegram, person_id: int = ANN) -> int:
    return telegram.world.chat(person_id).person.stars


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"provider_token": "TEST:1"}, "STARS_INVOICE_INVALID"),
        ({"prices": EUROS}, "STARS_INVOICE_INVALID"),
        ({"is_flexible": True}, "STARS_INVOICE_INVALID"),
        ({"title": "x" * 33}, "INVOICE_TITLE_INVALID"),
        ({"description": "x" * 256}, "INVOICE_DESCRIPTION_INVALID"),
        ({"payload": "ж" * 65}, "INVOICE_PAYLOAD_INVALID"),
        ({"title": ""}, 'parameter "title" is required'),
        ({"prices": []}, "expected an Array of labeled prices"),
        ({"prices": [LabeledPrice(label="Free", amount=0)]}, "CURRENCY_TOTAL_AMOUNT_INVALID"),
        ({"currency": "EUR"}, "PAYMENT_PROVIDER_INVALID"),
        ({"currency": "EUR", "provider_token": "284685063:LIVE:x"}, "PAYMENT_PROVIDER_INVALID"),
        ({"currency": "euro", "provider_token": "TEST:1"}, "CURRENCY_INVALID"),
    ],
)
async def test_bad_invoice_is_refused(change: Json, description: str) -> None:
    async with local_telegram() as local:
        with pytest.raises(TelegramBadRequest) as refusal:
            await invoice(local.bot, **change)
        assert refusal.value.message == f"Bad Request: {description}"


async def test_pay_button_is_added_or_must_come_first() -> None:
    async with local_telegram() as local:
        await invoice(local.bot)
        assert await local.ann.buttons() == ["Pay ⭐️250"]
        pay = InlineKeyboardButton(text="Pay now", pay=True)
        cancel = InlineKeyboardButton(text="Cancel", callback_data="cancel")
        markup = InlineKeyboardMarkup(inline_keyboard=[[pay], [cancel]])
        await invoice(local.bot, reply_markup=markup)
        assert await local.ann.buttons() == ["Pay now", "Cancel"]
        for keyboard in ([[cancel], [pay]], [[cancel]]):
            with pytest.raises(TelegramBadRequest, match="BUTTON_TYPE_INVALID"):
                await invoice(
                    local.bot, reply_markup=InlineKeyboardMarkup(inline_keyboard=keyboard)
                )


async def test_payment_in_stars_from_checkout_to_refund() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        sent = await invoice(local.bot)
        assert sent.invoice is not None
        assert (sent.invoice.currency, sent.invoice.total_amount) == ("XTR", 250)
        payment = group.create_task(local.ann.pays())
        query = (await next_update(local)).pre_checkout_query
        assert query is not None
        assert (query.currency, query.total_amount) == ("XTR", 250)
        assert query.invoice_payload == "order-7"
        assert stars_of(local.telegram) == 1000
        await query.answer(ok=True)
        outcome = await payment
        assert outcome["ok"] is True
        message = (await next_update(local)).message
        assert message is not None
        paid = message.successful_payment
        assert paid is not None
        assert paid.telegram_payment_charge_id == outcome["charge_id"]
        assert paid.provider_payment_charge_id
        assert (paid.invoice_payload, paid.total_amount) == ("order-7", 250)
        assert stars_of(local.telegram) == 750

        await local.bot.refund_star_payment(ANN, outcome["charge_id"])
        assert stars_of(local.telegram) == 1000
        message = (await next_update(local)).message
        assert message is not None
        assert message.refunded_payment is not None
        assert message.refunded_payment.telegram_payment_charge_id == outcome["charge_id"]
        with pytest.raises(TelegramBadRequest, match="CHARGE_ALREADY_REFUNDED"):
            await local.bot.refund_star_payment(ANN, outcome["charge_id"])
        for person_id, charge_id in ((ANN, "unknown"), (BEN, outcome["charge_id"])):
            with pytest.raises(TelegramBadRequest, match="CHARGE_ID_INVALID"):
                await local.bot.refund_star_payment(person_id, charge_id)

        paid_in, given_back = (await local.bot.get_star_transactions()).transactions
        assert paid_in.id == given_back.id == outcome["charge_id"]
        assert isinstance(paid_in.source, TransactionPartnerUser)
        assert isinstance(given_back.receiver, TransactionPartnerUser)
        assert paid_in.source.invoice_payload == "order-7"
        assert (paid_in.receiver, given_back.source) == (None, None)
        second = await local.bot.get_star_transactions(offset=1, limit=1)
        assert [transaction.receiver for transaction in second.transactions] == [
            given_back.receiver
        ]


async def test_payment_the_bot_declines_moves_no_money() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        await invoice(local.bot)
        payment = group.create_task(local.ann.presses("Pay"))
        query = (await next_update(local)).pre_checkout_query
        assert query is not None
        with pytest.raises(TelegramBadRequest, match='parameter "error_message" is required'):
            await query.answer(ok=False)
        await query.answer(ok=False, error_message="This order has expired.")
        assert await payment == {"ok": False, "error": "This order has expired."}
        with pytest.raises(TelegramBadRequest, match="query ID is invalid"):
            await query.answer(ok=True)
        assert stars_of(local.telegram) == 1000
        assert (await local.bot.get_star_transactions()).transactions == []


async def test_payment_the_bot_answers_late_moves_no_money() -> None:
    async with local_telegram(payment_timeout=0.05) as local:
        await invoice(local.bot)
        outcome = await local.ann.pays()
        assert outcome == {"ok": False, "error": "The bot did not answer in time."}
        query = (await next_update(local)).pre_checkout_query
        assert query is not None
        with pytest.raises(TelegramBadRequest, match="query is too old"):
            await query.answer(ok=True)
        assert stars_of(local.telegram) == 1000


async def test_empty_balance_cannot_pay() -> None:
    async with local_telegram() as local:
        await local.http.patch(f"{local.url}/sandbox/people/{ANN}", json={"stars": 249})
        await invoice(local.bot)
        outcome = await local.ann.pays()
        assert outcome["error"] == "There are not enough Stars on this account."
        assert await local.bot.get_updates() == []


async def test_two_payments_at_once_do_not_overdraw() -> None:
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        await local.http.patch(f"{local.url}/sandbox/people/{ANN}", json={"stars": 300})
        await invoice(local.bot)
        payments = [group.create_task(local.ann.pays()) for _ in range(2)]
        offset = 0
        for _ in payments:
            [update] = await local.bot.get_updates(offset=offset, limit=1, timeout=5)
            offset = update.update_id + 1
            assert update.pre_checkout_query is not None
            await update.pre_checkout_query.answer(ok=True)
        assert sorted([(await payment)["ok"] for payment in payments]) == [False, True]
        assert stars_of(local.telegram) == 50


def cashier(**shipping: Any) -> Dispatcher:  # whatever answerShippingQuery takes
    """A bot that accepts every payment."""
    dispatcher = Dispatcher()

    @dispatcher.pre_checkout_query()
    async def confirm(query: PreCheckoutQuery) -> None:
        await query.answer(ok=True)

    @dispatcher.shipping_query()
    async def ship(query: ShippingQuery) -> None:
        await query.answer(**shipping)

    @dispatcher.message(F.successful_payment)
    async def thank(message: Message) -> None:
        paid = message.successful_payment
        assert paid is not None
        await message.answer(f"Paid {paid.total_amount} {paid.currency}")

    return dispatcher


async def test_link_is_paid_by_whoever_has_it() -> None:
    dispatcher = cashier()
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        link = await local.bot.create_invoice_link("Key", "One", "order-8", "XTR", STARS)
        assert link.startswith(f"{local.url}/sandbox/invoice/")
        status, shown = await local.get(link.removeprefix(local.url))
        assert (status, shown["title"], shown["total_amount"]) == (200, "Key", 250)
        assert (await local.ben.pays_link(link))["ok"] is True
        await local.ben.reads("Paid 250 XTR")
        with pytest.raises(Refusal, match="There is no such invoice link"):
            await local.ben.pays_link("nowhere")
        await dispatcher.stop_polling()


async def test_forwarded_copy_is_payable_only_without_start_parameter() -> None:
    dispatcher = cashier()
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        await invoice(local.bot)
        with pytest.raises(Refusal, match="leads to the bot and cannot be paid"):
            await local.ann.pays(payer=BEN)
        await invoice(local.bot, start_parameter=None)
        assert (await local.ann.pays(payer=BEN))["ok"] is True
        await local.ben.reads("Paid 250 XTR", ever=True)
        assert (stars_of(local.telegram, ANN), stars_of(local.telegram, BEN)) == (1000, 750)
        await dispatcher.stop_polling()


async def test_card_payment_asks_for_shipping() -> None:
    post = ShippingOption(id="post", title="Post", prices=[LabeledPrice(label="Post", amount=300)])
    drone = ShippingOption(
        id="drone", title="Drone", prices=[LabeledPrice(label="Drone", amount=2000)]
    )
    dispatcher = cashier(ok=True, shipping_options=[post, drone])
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        await invoice(
            local.bot, currency="EUR", provider_token="TEST:1", prices=EUROS, is_flexible=True
        )
        outcome = await local.ann.pays()
        assert (outcome["ok"], outcome["shipping"]["chosen"]) == (True, "post")
        await local.ann.reads("Paid 1300 EUR")
        outcome = await local.ann.pays(
            shipping_option_id="drone", shipping_address={"country_code": "FR", "city": "Lyon"}
        )
        await local.ann.reads("Paid 3000 EUR")
        paid = local.telegram.chat(ANN)[-2]["successful_payment"]
        assert paid["shipping_option_id"] == "drone"
        assert paid["order_info"]["shipping_address"]["city"] == "Lyon"
        assert stars_of(local.telegram) == 1000
        await dispatcher.stop_polling()


async def test_address_the_bot_does_not_ship_to_ends_the_payment() -> None:
    dispatcher = cashier(ok=False, error_message="Not to the Moon.")
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        await invoice(
            local.bot, currency="EUR", provider_token="1:TEST:1", prices=EUROS, is_flexible=True
        )
        assert await local.ann.pays() == {"ok": False, "error": "Not to the Moon."}
        await dispatcher.stop_polling()


async def test_subscription_link_tells_when_it_ends() -> None:
    dispatcher = cashier()
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        link = await local.bot.create_invoice_link(
            "Club", "A month", "club", "XTR", STARS, subscription_period=2_592_000
        )
        assert (await local.ann.pays_link(link))["ok"] is True
        await local.ann.reads("Paid 250 XTR")
        message = local.telegram.chat(ANN)[0]
        ends = message["successful_payment"]["subscription_expiration_date"]
        assert ends == pytest.approx(message["date"] + 2_592_000, abs=1)
        with pytest.raises(TelegramBadRequest, match="SUBSCRIPTION_PERIOD_INVALID"):
            await local.bot.create_invoice_link(
                "Club", "A week", "club", "XTR", STARS, subscription_period=604_800
            )
        await dispatcher.stop_polling()


async def test_blocked_bot_cannot_be_paid_but_can_refund() -> None:
    dispatcher = cashier()
    async with local_telegram() as local, asyncio.TaskGroup() as group:
        group.create_task(dispatcher.start_polling(local.bot, handle_signals=False))
        await invoice(local.bot)
        charge_id = (await local.ann.pays())["charge_id"]
        await local.ann.blocks()
        with pytest.raises(Refusal, match="Ann has blocked the bot"):
            await local.ann.pays()
        await local.bot.refund_star_payment(ANN, charge_id)
        assert stars_of(local.telegram) == 1000
        await dispatcher.stop_polling()
