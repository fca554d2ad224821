"""Paying with Stars: asked before, paid, paid late, repeated, given back; and the hand-over."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.types import LabeledPrice, Update

from domain import checkout
from domain.errors import DatabaseAway
from domain.orders import OrderStatus
from tests.chat.broken import Broken
from tests.chat.buying import (
    StandIn,
    keys,
    let_time_pass,
    number_in,
    offer,
    orders_of,
    place,
    put_on_sale,
    stored,
    texts_of,
)
from tests.chat.shop_chat import ANN, BEN, ShopChat
from tests.people import Json, Refusal, codes_of


async def payment_in(shop: ShopChat) -> Json:
    """The service message of the payment, as Telegram sent it."""
    return next(m for m in await shop.ann.messages() if "successful_payment" in m)


async def receives(shop: ShopChat, message: dict[str, Any]) -> None:
    """The program gets this message once more, or one that never was."""
    update = Update.model_validate({"update_id": 1, "message": message})
    await shop.app.dispatcher.feed_update(shop.app.bot, update)


def late_payment(shop: ShopChat, number: str) -> Json:
    """A `successful_payment` of 250 Stars for the order's first attempt."""
    chat = {"id": ANN, "type": "private", "first_name": "Ann"}
    return {
        "message_id": 9_999,
        "date": 1_790_000_000,
        "chat": chat,
        "from": {**chat, "is_bot": False},
        "successful_payment": {
            "currency": "XTR",
            "total_amount": 250,
            "invoice_payload": f"{number}01",
            "telegram_payment_charge_id": f"late-{number}",
            "provider_payment_charge_id": "",
        },
    }


async def test_keys_come_by_themselves_and_again_on_asking(shop: ShopChat) -> None:
    bought = await put_on_sale(shop, keys=keys(1))
    ann = shop.ann
    number = number_in(await place(ann, "Telegram Stars"))
    assert (await ann.pays())["ok"]
    delivered = await ann.reads("🔑")
    assert codes_of(delivered) == bought
    assert number in delivered["text"]
    await ann.reads("Paid and delivered")
    await ann.presses("Show keys")
    again = await ann.reads("🔑")
    assert again["text"] == delivered["text"]
    await ann.says(f"/order {number}")
    assert (await ann.reads("🔑"))["text"] == delivered["text"]


async def test_an_order_that_is_not_paid_shows_no_key(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    order = await place(shop.ann, "Test payment")
    await shop.ann.clicks(f"k:{number_in(order)}", message_id=order["message_id"])
    await shop.ann.reads("has no keys to show")
    assert await shop.ann.codes() == []


async def test_a_repeated_payment_update_does_nothing(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(2))
    await place(shop.ann, "Telegram Stars")
    await shop.ann.pays()
    await shop.ann.reads("Paid and delivered")
    told = texts_of(await shop.ann.messages())
    await receives(shop, await payment_in(shop))
    assert texts_of(await shop.ann.messages()) == told


async def test_an_expired_invoice_is_refused_in_the_buyers_language(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await let_time_pass(shop, number)
    async with shop.http.patch(
        f"{shop.url}/sandbox/people/{ANN}", json={"language_code": "zh-hans"}
    ) as response:
        response.raise_for_status()
    paid = await shop.ann.pays()
    assert (paid["ok"], paid["error"]) == (
        False,
        f"订单 {number} 已过期。请从 /catalog 重新下单。",
    )


async def test_a_cancelled_invoice_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    await place(shop.ann, "Telegram Stars")
    await shop.ann.presses("Cancel")
    paid = await shop.ann.pays()
    assert not paid["ok"]
    assert "cancelled" in paid["error"]


async def test_somebody_elses_invoice_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    await place(shop.ann, "Telegram Stars")
    with pytest.raises(Refusal, match="leads to the bot"):
        await shop.ann.pays(payer=BEN)


async def test_an_invoice_that_names_somebody_elses_order_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await shop.ben.says("/start")
    link = await shop.app.bot.create_invoice_link(
        title="Forged",
        description="Ann's order",
        payload=f"{number}01",
        currency="XTR",
        prices=[LabeledPrice(label="Forged", amount=250)],
        provider_token="",
    )
    paid = await shop.ben.pays_link(link)
    assert not paid["ok"]
    assert "There is no such order" in paid["error"]
    assert (await stored(shop, number)).is_pending


@pytest.mark.parametrize("error", [DatabaseAway("away"), TimeoutError("slow")])
async def test_a_pre_checkout_is_answered_though_the_database_is_away(
    shop: ShopChat, error: Exception
) -> None:
    await put_on_sale(shop, keys=keys(1))
    await place(shop.ann, "Telegram Stars")
    shop.app.dispatcher["new_uow"] = lambda: Broken(error)
    paid = await shop.ann.pays()
    assert not paid["ok"]
    assert "went wrong on our side" in paid["error"]


async def test_money_for_a_closed_order_with_stock_left_still_buys(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(2))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await checkout.cancel(shop.app.new_uow(), number, ANN, now=datetime.now(UTC))
    await receives(shop, late_payment(shop, number))
    told = await shop.ann.reads("Your goods were still there")
    assert f"250 ⭐ for order {number} came after the order had closed" in told["text"]
    await shop.ann.reads("🔑")
    assert (await stored(shop, number)).is_paid


async def test_f31_money_for_a_closed_order_without_stock_is_told(asking_shop: ShopChat) -> None:
    shop = asking_shop
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await checkout.cancel(shop.app.new_uow(), number, ANN, now=datetime.now(UTC))
    await place(shop.ben, "Test payment")
    await receives(shop, late_payment(shop, number))
    told = await shop.ann.reads("nothing left to hand over")
    assert number in told["text"]
    assert (await stored(shop, number)).status is OrderStatus.CANCELLED


async def test_a_second_payment_is_told(asking_shop: ShopChat) -> None:
    shop = asking_shop
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await shop.ann.pays()
    await shop.ann.reads("Paid and delivered")
    await receives(shop, late_payment(shop, number))
    await shop.ann.reads("which was paid or closed before. It is yours: the shop's people")


async def test_money_that_a_rule_credits_is_not_said_to_wait_for_people(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await checkout.cancel(shop.app.new_uow(), number, ANN, now=datetime.now(UTC))
    await place(shop.ben, "Test payment")
    await receives(shop, late_payment(shop, number))
    told = await shop.ann.reads("it is on your balance")
    assert f"250 ⭐ for order {number} came after the order had closed" in told["text"]
    said = texts_of(await shop.ann.messages())
    assert not [text for text in said if "shop's people have been told" in text]


async def test_a_second_payment_that_a_rule_credits_is_not_said_to_come_back(
    shop: ShopChat,
) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await shop.ann.pays()
    await shop.ann.reads("Paid and delivered")
    await receives(shop, late_payment(shop, number))
    await shop.ann.reads("it is on your balance")
    said = texts_of(await shop.ann.messages())
    assert not [text for text in said if "shop's people have been told" in text]


async def test_money_for_no_known_order_is_told(shop: ShopChat) -> None:
    await shop.ann.says("/start")
    await shop.ann.reads("Welcome")
    await receives(shop, late_payment(shop, "NOSUCHORDER1"))
    await shop.ann.reads("we cannot tell for which order")


async def test_stars_that_came_after_they_were_switched_off_are_not_lost(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    offer(shop, StandIn("stripe", "Stripe"))
    await receives(shop, late_payment(shop, number))
    await shop.ann.reads("does not fit it")
    async with shop.app.new_uow() as uow:
        order = await uow.orders.by_number(number)
        assert len(await uow.payments.of_order(order.id)) == 1


async def test_money_given_back_is_told_and_audited(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    charge = (await shop.ann.pays())["charge_id"]
    await shop.ann.reads("Paid and delivered")
    await shop.app.bot.refund_star_payment(user_id=ANN, telegram_payment_charge_id=charge)
    told = await shop.ann.reads("has given 250 ⭐ back")
    assert number in told["text"]
    async with shop.app.new_uow() as uow:
        entries = (await uow.audit.newest(page=0, size=5)).items
    assert ("money returned", number) in [(entry.action, entry.subject) for entry in entries]


async def test_somebody_elses_refund_names_no_order(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Telegram Stars"))
    await shop.ben.says("/start")
    await shop.ben.reads("Welcome")
    message = late_payment(shop, number)
    back = message.pop("successful_payment")
    chat = {"id": BEN, "type": "private", "first_name": "Ben"}
    message |= {"refunded_payment": back, "chat": chat, "from": {**chat, "is_bot": False}}
    await receives(shop, message)
    told = await shop.ben.reads("has given 250 ⭐ back")
    assert number not in told["text"]


async def test_f8_a_buyer_who_had_blocked_the_bot_gets_the_keys_on_return(
    shop: ShopChat,
) -> None:
    bought = await put_on_sale(shop, keys=keys(1))
    ann = shop.ann
    order = await place(ann, "Test payment")
    await ann.blocks()
    await shop.pays_at_the_page(order)
    await shop.owner.reads("blocked")
    await ann.unblocks()
    await ann.reads("🔑", ever=True)
    assert await ann.codes() == bought
    async with shop.app.new_uow() as uow:
        customer = await uow.customers.get(ANN)
    assert customer is not None
    assert not customer.blocked


async def test_what_could_not_be_sent_comes_at_start(shop: ShopChat) -> None:
    bought = await put_on_sale(shop, keys=keys(1))
    order = await place(shop.ann, "Test payment")
    shop.telegram.fault("400", method="sendMessage", description="Bad Request: PEER_FLOOD")
    await shop.pays_at_the_page(order)
    await shop.owner.reads(number_in(order))
    await shop.ann.says("/start")
    await shop.ann.reads("on their way again")
    await shop.ann.reads("🔑")
    assert await shop.ann.codes() == bought
    assert len(await orders_of(shop)) == 1
