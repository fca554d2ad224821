"""Invoices in the chat beside Stars: cards, what is refused before they are paid, and freight."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiogram.types import LabeledPrice

from bot.payment_settings import TelegramCardSettings
from domain import wallet
from domain.errors import DatabaseAway
from domain.money import Money
from domain.orders import OrderStatus
from tests import invariants
from tests.chat.broken import Broken
from tests.chat.buying import (
    keys,
    let_time_pass,
    number_in,
    place,
    put_on_sale,
    stored,
)
from tests.chat.counter import asks, known
from tests.chat.shop_chat import ANN, BEN, TOKEN, ShopChat, open_shop
from tests.logscan import plant
from tests.people import Json

PROVIDER_TOKEN: Final = "284685063:TEST:OTk4ZTUxNmRh"


@pytest.fixture
async def shop(tmp_path: Path, sqlite_url: str) -> AsyncIterator[ShopChat]:
    """With cards and Stars."""
    plant(PROVIDER_TOKEN)
    block: dict[str, Any] = {"_env_file": None, "provider_token": PROVIDER_TOKEN}
    providers = {"telegram": TelegramCardSettings(**block)}
    async with open_shop(tmp_path, sqlite_url, stars_rate=50, providers=providers) as opened:
        yield opened


async def invoices_in(shop: ShopChat) -> list[Json]:
    return [m["invoice"] for m in await shop.ann.messages() if "invoice" in m]


async def link(shop: ShopChat, payload: str, amount: int = 499, **more: Any) -> str:
    """An invoice with this payload, made with the bot's token: forged, or from long ago."""
    return await shop.app.bot.create_invoice_link(
        title="A game",
        description="A key",
        payload=payload,
        currency="USD",
        prices=[LabeledPrice(label="A game", amount=amount)],
        provider_token=PROVIDER_TOKEN,
        **more,
    )


# --- Cards ----------------------------------------------------------------------------------


async def test_a_key_is_bought_by_card(shop: ShopChat) -> None:
    [bought] = await put_on_sale(shop, keys=keys(1))
    order = await place(shop.ann, "Card — $4.99")
    assert "Pay $4.99 with the invoice in this chat (Card)" in order["text"]
    charge = (await shop.ann.pays())["charge_id"]
    [invoice] = await invoices_in(shop)
    assert (invoice["currency"], invoice["total_amount"]) == ("USD", 499)
    await shop.ann.reads("🔑")
    assert await shop.ann.codes() == [bought]
    bought_by = await stored(shop, number_in(order))
    async with shop.app.new_uow() as uow:
        [paid] = await uow.payments.of_order(bought_by.id)
    assert (paid.provider, paid.account, paid.live) == ("telegram", TOKEN.split(":")[0], False)
    assert (paid.external_id, paid.amount) == (charge, Money(499, "USD"))
    await invariants.check(shop.app.database, shop.app.vault)


async def test_the_invoice_carries_the_providers_token(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    for method, calls in [("Card", 1), ("Telegram Stars", 2)]:
        await place(shop.ann, method)
        sent = [call for call in shop.telegram.log if call.method == "sendInvoice"]
        assert len(sent) == calls
        assert sent[-1].ok
        await shop.ann.presses("Cancel")


async def test_a_card_payment_that_is_refunded_goes_to_the_balance(shop: ShopChat) -> None:
    """Telegram has no method that gives it back."""
    owner = await known(shop.owner)
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    await shop.ann.pays()
    await shop.ann.reads("🔑")
    await asks(owner, f"/refund {number} dead", "Given back to the buyer's balance: $4.99")
    assert await wallet.balances(shop.app.new_uow(), ANN) == [Money(499, "USD")]
    assert (await stored(shop, number)).status is OrderStatus.REFUNDED


async def test_a_top_up_is_paid_by_card(shop: ShopChat) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("$10.00")
    await ann.presses("Card", message=await ann.reads("Top-up"))
    assert (await ann.pays())["ok"]
    await ann.reads("put on your balance", ever=True)
    assert await wallet.balances(shop.app.new_uow(), ANN) == [Money(1000, "USD")]


# --- The last question before ---------------------------------------------------------------


async def test_an_invoice_whose_attempt_was_closed_is_refused(shop: ShopChat) -> None:
    """The balance has paid a part since: the invoice asks for too much."""
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    await asks(ann, "/balance", "Your balance")
    await ann.presses("Another amount")
    await ann.reads("How much?")
    await ann.says("2")
    await ann.presses("Test payment", message=await ann.reads("Top-up"))
    await shop.pays_at_the_page(await ann.reads("Press Pay"))
    await ann.reads("put on your balance")
    order = await place(ann, "Card")
    await ann.presses("Other ways to pay", message=order)
    await ann.presses("Balance — $2.00 of it")
    await ann.reads("Left to pay: $2.99")
    refused = await ann.pays()
    assert (refused["ok"], refused["error"]) == (
        False,
        "The price has changed. Open the product again.",
    )
    await ann.presses("Other ways to pay")
    await ann.presses("Card — $2.99")
    assert (await ann.pays())["ok"]
    await ann.reads("🔑")
    assert await wallet.balances(shop.app.new_uow(), ANN) == []
    await invariants.check(shop.app.database, shop.app.vault)


async def test_an_invoice_of_a_cancelled_order_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    await place(shop.ann, "Card")
    await shop.ann.presses("Cancel")
    refused = await shop.ann.pays()
    assert not refused["ok"]
    assert "cancelled" in refused["error"]


@pytest.mark.parametrize("amount", [100, 498, 500])
async def test_an_invoice_over_another_amount_is_refused(shop: ShopChat, amount: int) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    refused = await shop.ann.pays_link(await link(shop, f"{number}01", amount))
    assert not refused["ok"]
    assert "price has changed" in refused["error"]
    assert (await stored(shop, number)).is_pending


# --- Freight --------------------------------------------------------------------------------


async def test_telegram_hears_that_goods_in_the_chat_cost_no_freight(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    paid = await shop.ann.pays_link(await link(shop, f"{number}01", is_flexible=True))
    assert paid["ok"]
    assert paid["shipping"]["chosen"] == "chat"
    [option] = paid["shipping"]["options"]
    assert option["title"] == "Delivered in this chat"
    assert [price["amount"] for price in option["prices"]] == [0]
    await shop.ann.reads("🔑", ever=True)


async def test_an_address_for_no_order_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    await shop.ben.says("/start")
    for person, payload in [(shop.ann, "NOSUCHORDER101"), (shop.person(BEN), f"{number}01")]:
        refused = await person.pays_link(await link(shop, payload, is_flexible=True))
        assert not refused["ok"]
        assert "There is no such order" in refused["error"]


async def test_an_address_for_an_expired_order_is_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    flexible = await link(shop, f"{number}01", is_flexible=True)
    await let_time_pass(shop, number)
    refused = await shop.ann.pays_link(flexible)
    assert not refused["ok"]
    assert f"Order {number}" in refused["error"]


@pytest.mark.parametrize("error", [DatabaseAway("away"), TimeoutError("slow")])
async def test_an_address_is_answered_though_the_database_is_away(
    shop: ShopChat, error: Exception
) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Card"))
    flexible = await link(shop, f"{number}01", is_flexible=True)
    shop.app.dispatcher["new_uow"] = lambda: Broken(error)
    refused = await shop.ann.pays_link(flexible)
    assert not refused["ok"]
    assert "went wrong on our side" in refused["error"]
