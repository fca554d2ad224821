"""Buyers' balances in the chat: filled, spent, given back, and never spent twice."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from domain import wallet
from domain.ledger import BALANCE
from domain.money import Money
from domain.orders import Order, OrderStatus
from handlers.views.buttons import PayWith, Place, TopUp
from tests import invariants
from tests.chat.buying import (
    data_of,
    keys,
    labels,
    let_time_pass,
    number_in,
    orders_of,
    place,
    preview,
    put_on_sale,
    stored,
)
from tests.chat.counter import asks
from tests.chat.shop_chat import ANN, BEN, ShopChat, open_shop
from tests.people import Chat, Json

WHOLE: Final = "Balance — $4.99"
OFFERED: Final = ["$10.00", "$50.00", "$100.00", "Another amount"]


async def balances(shop: ShopChat, person_id: int = ANN) -> list[Money]:
    return await wallet.balances(shop.app.new_uow(), person_id)


async def wants(buyer: Chat, amount: str) -> Json:
    """Ask for a top-up of a sum that is typed; the message with the ways to pay it."""
    await asks(buyer, "/balance", "Your balance")
    await buyer.presses("Another amount")
    await buyer.reads("How much?")
    return await asks(buyer, amount, "Top-up of your balance")


async def pays(shop: ShopChat, buyer: Chat, wanted: Json) -> Json:
    """Pay a top-up by Test payment; what the bot says when the money is there."""
    await buyer.presses("Test payment", message=wanted)
    await shop.pays_at_the_page(await buyer.reads("Press Pay"))
    return await buyer.reads("put on your balance")


async def holds(shop: ShopChat, buyer: Chat, amount: str) -> None:
    await pays(shop, buyer, await wants(buyer, amount))


async def bought_by(shop: ShopChat, person_id: int = ANN) -> list[Order]:
    """Their orders that are no top-ups."""
    return [order for order in await orders_of(shop, person_id) if order.lines]


async def everything_holds(shop: ShopChat) -> None:
    await invariants.check(shop.app.database, shop.app.vault)


# --- Filling it -----------------------------------------------------------------------------


async def test_a_balance_begins_empty_and_offers_round_sums(shop: ShopChat) -> None:
    said = await asks(shop.ann, "/balance", "Your balance: empty")
    assert labels(said) == OFFERED
    assert await balances(shop) == []


async def test_a_top_up_by_button_is_credited_and_told(shop: ShopChat) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("$10.00")
    wanted = await ann.reads("Top-up of your balance")
    assert "Total: $10.00" in wanted["text"]
    assert "💰 $10.00" in (await pays(shop, ann, wanted))["text"]
    await ann.reads("Paid: the money is on your balance")
    assert await balances(shop) == [Money(1000, "USD")]
    await asks(ann, "/balance", "Your balance: $10.00")
    await everything_holds(shop)


async def test_a_top_up_is_paid_by_stars_at_the_rate(shop: ShopChat) -> None:
    ann = shop.ann
    await ann.presses("Telegram Stars — 250 ⭐", message=await wants(ann, "5"))
    assert (await ann.pays())["ok"]
    await ann.reads("put on your balance", ever=True)
    assert await balances(shop) == [Money(500, "USD")]


@pytest.mark.parametrize("typed", ["12.34", "12,34", " 12.34 ", "12.34 USD"])
async def test_a_sum_is_typed_as_people_write_it(shop: ShopChat, typed: str) -> None:
    wanted = await wants(shop.ann, typed)
    assert "Total: $12.34" in wanted["text"]


@pytest.mark.parametrize("typed", ["0.01", "0.99", "1000.01", "999999999999"])
async def test_a_sum_out_of_bounds_is_asked_for_once_more(shop: ShopChat, typed: str) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("Another amount")
    await ann.reads("Send a sum from $1.00 to $1,000.00")
    await asks(ann, typed, "Choose a sum from $1.00 to $1,000.00")
    assert await orders_of(shop) == []
    await asks(ann, "1000", "Total: $1,000.00")


@pytest.mark.parametrize(
    "typed", ["much", "-5", "0", "1e3", "NaN", "5.001", "1,000", "٥", "5 dollars"]
)
async def test_what_is_no_sum_is_asked_for_once_more(shop: ShopChat, typed: str) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("Another amount")
    await ann.reads("How much?")
    await asks(ann, typed, "is no price")
    assert await orders_of(shop) == []
    await asks(ann, "5", "Total: $5.00")


async def test_a_top_up_is_left_by_cancel(shop: ShopChat) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("Another amount")
    await ann.reads("How much?")
    await asks(ann, "/cancel", "never mind")
    await asks(ann, "5", "")
    assert await orders_of(shop) == []


async def test_the_owner_sets_the_bounds(tmp_path: Path, sqlite_url: str) -> None:
    async with open_shop(tmp_path, sqlite_url, top_up_min=20, top_up_max=60) as shop:
        said = await asks(shop.ann, "/balance", "Your balance")
        assert labels(said) == ["$50.00", "Another amount"]
        forged = TopUp(amount=1000).pack()
        answer = await shop.ann.clicks(forged, message_id=said["message_id"])
        assert answer["text"] == "Choose a sum from $20.00 to $60.00."
        assert await orders_of(shop) == []


async def test_top_ups_count_as_unpaid_orders(tmp_path: Path, sqlite_url: str) -> None:
    async with open_shop(tmp_path, sqlite_url, max_pending_orders=1) as shop:
        await wants(shop.ann, "5")
        said = await asks(shop.ann, "/balance", "Your balance")
        answer = await shop.ann.clicks(data_of(said, "$10.00"), message_id=said["message_id"])
        assert "Pay or cancel it first" in answer["text"]
        assert len(await orders_of(shop)) == 1


async def test_a_top_up_that_is_cancelled_credits_nothing(shop: ShopChat) -> None:
    ann = shop.ann
    wanted = await wants(ann, "5")
    await ann.presses("Cancel", message=wanted)
    await ann.reads("Cancelled")
    assert await balances(shop) == []


async def test_a_balance_does_not_fill_itself(shop: ShopChat) -> None:
    ann = shop.ann
    await holds(shop, ann, "10")
    wanted = await wants(ann, "5")
    assert not [label for label in labels(wanted) if "Balance" in label]
    forged = PayWith(number=number_in(wanted), provider=BALANCE).pack()
    answer = await ann.clicks(forged, message_id=wanted["message_id"])
    assert "does not hold that much" in answer["text"]
    assert await balances(shop) == [Money(1000, "USD")]


# --- Spending it ----------------------------------------------------------------------------


async def test_the_whole_price_is_paid_from_the_balance(shop_on_both: ShopChat) -> None:
    shop, ann = shop_on_both, shop_on_both.ann
    [bought] = await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "10")
    shown = await preview(ann)
    assert WHOLE in labels(shown)
    await ann.presses(WHOLE, message=shown)
    await ann.reads("🔑")
    assert await ann.codes() == [bought]
    await ann.reads("Paid and delivered")
    assert await balances(shop) == [Money(501, "USD")]
    await everything_holds(shop)


async def test_a_balance_pays_a_part_and_another_method_the_rest(shop_on_both: ShopChat) -> None:
    shop, ann = shop_on_both, shop_on_both.ann
    [bought] = await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "2")
    await ann.presses("Balance — $2.00 of it", message=await preview(ann))
    order = await ann.reads("Left to pay: $2.99")
    assert "From your balance: $2.00" in order["text"]
    assert await ann.codes() == []
    assert await balances(shop) == []
    await ann.presses("Other ways to pay")
    ways = await ann.reads("How do you want to pay?")
    assert labels(ways)[:2] == ["Telegram Stars — 150 ⭐", "Test payment — $2.99"]
    assert not [label for label in labels(ways) if "Balance" in label]
    await ann.presses("Test payment", message=ways)
    await shop.pays_at_the_page(await ann.reads("Press Pay"))
    await ann.reads("🔑")
    assert await ann.codes() == [bought]
    assert await balances(shop) == []
    await everything_holds(shop)


async def test_an_order_that_waits_for_payment_is_paid_from_the_balance(shop: ShopChat) -> None:
    ann = shop.ann
    [bought] = await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "5")
    link = await place(ann, "Test payment")
    await ann.presses("Other ways to pay", message=link)
    await ann.presses(WHOLE, message=await ann.reads("How do you want to pay?"))
    await ann.reads("🔑")
    assert await ann.codes() == [bought]
    assert await balances(shop) == [Money(1, "USD")]
    await everything_holds(shop)


async def test_a_link_from_before_the_balance_paid_is_credited(shop: ShopChat) -> None:
    """Both were paid in full: the second payment is the buyer's again."""
    ann = shop.ann
    await put_on_sale(shop, keys=keys(2))
    await holds(shop, ann, "5")
    link = await place(ann, "Test payment")
    await ann.presses("Other ways to pay", message=link)
    await ann.presses(WHOLE, message=await ann.reads("How do you want to pay?"))
    await ann.reads("Paid and delivered")
    assert await shop.pays_at_the_page(link) == 200
    await ann.reads("it is on your balance")
    assert await balances(shop) == [Money(500, "USD")]
    assert len(await ann.codes()) == 1
    await everything_holds(shop)


async def test_a_second_press_on_the_same_preview_spends_nothing_more(shop: ShopChat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(2))
    await holds(shop, ann, "10")
    shown = await preview(ann)
    pressed = data_of(shown, WHOLE)
    for _ in range(2):
        await ann.clicks(pressed, message_id=shown["message_id"])
    await ann.reads("Paid and delivered", ever=True)
    assert len(await ann.codes()) == 1
    assert await balances(shop) == [Money(501, "USD")]


async def presses_at_once(buyer: Chat, count: int) -> None:
    """As many presses on as many previews, none of which waits for another."""
    shown = await preview(buyer)
    first = Place.unpack(data_of(shown, "Test payment")).model_copy(update={"provider": BALANCE})
    presses = (first.model_copy(update={"nonce": f"press{nth:03}"}) for nth in range(count))
    await asyncio.gather(
        *(buyer.clicks(one.pack(), message_id=shown["message_id"]) for one in presses)
    )


async def test_money_for_one_key_buys_one_though_twenty_are_pressed_at_once(
    shop_on_both: ShopChat,
) -> None:
    shop, ann = shop_on_both, shop_on_both.ann
    await put_on_sale(shop, keys=keys(20))
    await holds(shop, ann, "4.99")
    await presses_at_once(ann, 20)
    await ann.reads("🔑", ever=True)
    assert [order.is_paid for order in await bought_by(shop)] == [True]
    assert len(await ann.codes()) == 1
    assert await balances(shop) == []
    await everything_holds(shop)


async def test_money_for_two_keys_buys_two(shop_on_both: ShopChat) -> None:
    """The negative control: it is the money that stops them, not the presses' coming at once."""
    shop, ann = shop_on_both, shop_on_both.ann
    await put_on_sale(shop, keys=keys(20))
    await holds(shop, ann, "9.98")
    await presses_at_once(ann, 20)
    orders = await bought_by(shop)
    assert [order.is_paid for order in orders] == [True] * 2
    for order in orders:
        await ann.reads(f"Order {order.number}:", ever=True)
    assert len({*await ann.codes()}) == 2
    assert await balances(shop) == []
    await everything_holds(shop)


async def test_twenty_top_ups_paid_at_once_are_credited_once_each(shop: ShopChat) -> None:
    """A page that is pressed again and again tells of one payment."""
    ann = shop.ann
    await ann.presses("Test payment", message=await wants(ann, "5"))
    page = await ann.reads("Press Pay")
    assert await asyncio.gather(*(shop.pays_at_the_page(page) for _ in range(20))) == [200] * 20
    await ann.reads("put on your balance")
    assert await balances(shop) == [Money(500, "USD")]


# --- Giving it back -------------------------------------------------------------------------


async def test_cancelling_gives_the_balance_back(shop: ShopChat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "2")
    await ann.presses("Balance — $2.00 of it", message=await preview(ann))
    order = await ann.reads("Left to pay")
    assert await balances(shop) == []
    await ann.presses("Cancel", message=order)
    await ann.reads("Cancelled")
    assert await balances(shop) == [Money(200, "USD")]
    await everything_holds(shop)


async def test_an_order_that_expires_gives_the_balance_back(shop: ShopChat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "2")
    await ann.presses("Balance — $2.00 of it", message=await preview(ann))
    number = number_in(await ann.reads("Left to pay"))
    await let_time_pass(shop, number)
    await ann.reads("Expired")
    assert (await stored(shop, number)).status is OrderStatus.EXPIRED
    assert await balances(shop) == [Money(200, "USD")]
    await everything_holds(shop)


# --- Who may not, and who has none ----------------------------------------------------------


async def test_a_banned_buyer_keeps_the_balance_and_spends_nothing(shop: ShopChat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    await holds(shop, ann, "5")
    shown = await preview(ann)
    told = await asks(ann, "/balance", "Your balance: $5.00")
    await asks(shop.owner, f"/ban {ANN}", "may not buy any more")
    for message, label in [(shown, WHOLE), (told, "$10.00")]:
        answer = await ann.clicks(data_of(message, label), message_id=message["message_id"])
        assert answer["text"].startswith("You cannot buy here")
    assert await ann.codes() == []
    await asks(ann, "/balance", "Your balance: $5.00")
    assert len(await orders_of(shop)) == 1


async def test_somebody_without_a_balance_is_not_bothered_with_it(shop: ShopChat) -> None:
    ben = shop.ben
    await put_on_sale(shop, keys=keys(1))
    await holds(shop, shop.ann, "5")
    shown = await preview(ben)
    assert labels(shown) == ["Telegram Stars — 250 ⭐", "Test payment — $4.99", "Back"]
    forged = Place.unpack(data_of(shown, "Test payment")).model_copy(update={"provider": BALANCE})
    answer = await ben.clicks(forged.pack(), message_id=shown["message_id"])
    assert "does not hold that much" in answer["text"]
    assert await orders_of(shop, BEN) == []
    order = await place(ben, "Test payment")
    await ben.presses("Other ways to pay", message=order)
    ways = await ben.reads("How do you want to pay?")
    assert not [label for label in labels(ways) if "Balance" in label]


async def test_nobody_pays_for_somebody_elses_order(shop: ShopChat) -> None:
    ann, ben = shop.ann, shop.ben
    await put_on_sale(shop, keys=keys(2))
    await holds(shop, ben, "5")
    number = number_in(await place(ann, "Test payment"))
    said = await asks(ben, "/balance", "Your balance")
    forged = PayWith(number=number, provider=BALANCE).pack()
    answer = await ben.clicks(forged, message_id=said["message_id"])
    assert "no such order" in answer["text"]
    assert (await stored(shop, number)).is_pending
    assert await balances(shop, BEN) == [Money(500, "USD")]
