"""Placing orders, choosing how to pay, leaving them, and finding them again."""

from dataclasses import replace

import pytest

from domain.orders import OrderException, OrderStatus
from domain.payments import AttemptStatus, Checkout
from tests.chat.buying import (
    StandIn,
    data_of,
    keys,
    labels,
    let_time_pass,
    number_in,
    offer,
    orders_of,
    place,
    preview,
    put_on_sale,
    stored,
)
from tests.chat.shop_chat import ANN, ShopChat
from tests.people import Json

LINK = Checkout(link="https://pay.example/1")
QR = Checkout(qr="https://qr.example/1")


async def attempts_of(shop: ShopChat, number: str) -> list[tuple[str, AttemptStatus]]:
    async with shop.app.new_uow() as uow:
        order = await uow.orders.by_number(number)
        return [(a.provider, a.status) for a in await uow.attempts.of_order(order.id)]


async def invoices_in(shop: ShopChat) -> list[Json]:
    return [message for message in await shop.ann.messages() if "invoice" in message]


async def test_placing_shows_the_order_in_place_with_its_invoice_below(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3))
    shown = await preview(shop.ann)
    assert labels(shown) == ["Telegram Stars — 250 ⭐", "Test payment — $4.99", "Back"]
    await shop.ann.presses("Telegram Stars")
    order = await shop.ann.reads("Held for you until")
    assert order["message_id"] == shown["message_id"]
    assert "$4.99" in order["text"]
    assert labels(order) == ["Send the invoice again", "Other ways to pay", "Cancel"]
    [invoice] = await invoices_in(shop)
    assert invoice["invoice"]["total_amount"] == 250
    assert invoice["invoice"]["start_parameter"] == "p_GAME-1"
    assert (await stored(shop, number_in(order))).message_id == order["message_id"]


async def test_f44_pressing_twice_places_one_order_with_one_invoice(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(3))
    shown = await preview(shop.ann)
    data = data_of(shown, "Telegram Stars")
    for _ in range(2):
        answer = await shop.ann.clicks(data, message_id=shown["message_id"])
        assert answer["answered"]
    assert len(await orders_of(shop)) == 1
    assert len(await invoices_in(shop)) == 1


async def test_a_link_is_a_button_and_cancelling_takes_it_away(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    offer(shop, StandIn("stripe", "Stripe", LINK))
    order = await place(shop.ann, "Stripe")
    assert labels(order) == ["Pay", "I have paid", "Cancel"]
    assert (await shop.ann.presses("Pay"))["url"] == LINK.link
    cancel = data_of(order, "Cancel")
    assert (await shop.ann.presses("Cancel"))["text"] == "Cancelled"
    cancelled = await shop.ann.reads("Cancelled")
    assert labels(cancelled) == []
    again = await shop.ann.clicks(cancel, message_id=cancelled["message_id"])
    assert again == {"answered": True, "text": "Cancelled", "show_alert": False, "url": None}
    await shop.ann.says("/start p_GAME-1")
    await shop.ann.reads("In stock: 1")


async def test_a_qr_code_comes_as_a_picture_and_goes_with_the_order(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    offer(shop, StandIn("wechat", "WeChat Pay", QR))
    order = await place(shop.ann, "WeChat Pay")
    assert "photo" in order
    assert (await shop.ann.downloads(order)).startswith(b"\x89PNG")
    assert (await stored(shop, number_in(order))).message_id == order["message_id"]
    await shop.ann.presses("Cancel")
    cancelled = await shop.ann.reads("Cancelled")
    assert "photo" not in cancelled
    assert (await stored(shop, number_in(order))).message_id == cancelled["message_id"]
    assert order["message_id"] not in [m["message_id"] for m in await shop.ann.messages()]


async def test_a_silent_service_leaves_the_order_to_be_paid_another_way(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    silent, working = StandIn("stripe", "Stripe"), StandIn("paypal", "PayPal", LINK)
    offer(shop, silent, working)
    order = await place(shop.ann, "Stripe")
    assert "Stripe does not answer" in order["text"]
    assert labels(order) == ["Stripe — $4.99", "PayPal — $4.99", "Cancel"]
    silent.checkout = LINK
    await shop.ann.presses("Stripe")
    await shop.ann.reads("Press Pay")
    number = number_in(order)
    assert await attempts_of(shop, number) == [("stripe", AttemptStatus.OPEN)]
    await shop.ann.presses("Other ways")
    choice = await shop.ann.reads("How do you want to pay?")
    assert labels(choice) == ["Stripe — $4.99", "PayPal — $4.99", "Back", "Cancel"]
    await shop.ann.presses("Back")
    await shop.ann.reads("(Stripe)")
    await shop.ann.presses("Other ways")
    await shop.ann.presses("PayPal")
    await shop.ann.reads("(PayPal)")
    assert [code for code, _ in await attempts_of(shop, number)] == ["stripe", "paypal"]


async def test_a_refusing_service_can_be_tried_again(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    method = StandIn("stripe", "Stripe", rejects=True)
    offer(shop, method)
    order = await place(shop.ann, "Stripe")
    method.rejects, method.checkout = False, LINK
    await shop.ann.presses("Stripe")
    await shop.ann.reads("Press Pay")
    assert [status for _, status in await attempts_of(shop, number_in(order))] == [
        AttemptStatus.FAILED,
        AttemptStatus.OPEN,
    ]


async def test_a_press_that_was_cut_off_is_gone_on_with(shop: ShopChat) -> None:
    """The order was placed, and the program ended before the provider was asked."""
    await put_on_sale(shop, keys=keys(1))
    method = StandIn("stripe", "Stripe")
    offer(shop, method)
    shown = await preview(shop.ann)
    data = data_of(shown, "Stripe")
    await shop.ann.clicks(data, message_id=shown["message_id"])
    method.checkout = LINK
    await shop.ann.clicks(data, message_id=shown["message_id"])
    await shop.ann.reads("Press Pay")
    assert len(await orders_of(shop)) == 1


async def test_without_a_way_to_pay_a_sentence_says_so(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    offer(shop)
    shown = await preview(shop.ann)
    assert "There is no way to pay" in shown["text"]
    assert labels(shown) == ["Back"]


async def test_a_method_switched_off_meanwhile_is_told(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    shown = await preview(shop.ann)
    offer(shop)
    answer = await shop.ann.clicks(data_of(shown, "Test"), message_id=shown["message_id"])
    assert "not available" in answer["text"]
    assert await orders_of(shop) == []


async def test_f46_a_price_that_changed_is_shown_before_anything_is_placed(
    shop: ShopChat,
) -> None:
    await put_on_sale(shop, keys=keys(1))
    await preview(shop.ann)
    await shop.owner.says("/setproduct GAME-1 price 5.99")
    await shop.owner.reads("5.99")
    answer = await shop.ann.presses("Test payment")
    assert "price has changed" in answer["text"]
    await shop.ann.reads("$5.99")
    assert await orders_of(shop) == []
    await shop.ann.presses("Test payment")
    assert "$5.99" in (await shop.ann.reads("Held for you until"))["text"]


async def test_f45_more_unpaid_orders_than_allowed_are_refused(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(5))
    shown = await preview(shop.ann)
    data = data_of(shown, "Test payment")
    for nth in range(3):
        data_of_its_own = f"{data[:-8]}NONCE-0{nth}"
        await shop.ann.clicks(data_of_its_own, message_id=shown["message_id"])
    answer = await shop.ann.clicks(data, message_id=shown["message_id"])
    assert "You have 3 unpaid orders" in answer["text"]
    assert len(await orders_of(shop)) == 3


async def test_sold_out_meanwhile_is_told(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    shown = await preview(shop.ann)
    await place(shop.ben, "Test payment")
    answer = await shop.ann.clicks(data_of(shown, "Test"), message_id=shown["message_id"])
    assert "Sold out" in answer["text"]


async def test_an_expired_order_can_be_neither_paid_nor_cancelled(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    order = await place(shop.ann, "Telegram Stars")
    await let_time_pass(shop, number_in(order))
    for label in ("invoice again", "Other ways"):
        answer = await shop.ann.clicks(data_of(order, label), message_id=order["message_id"])
        assert "has expired" in answer["text"]
    paid = await shop.ann.pays()
    assert not paid["ok"]
    assert "has expired" in paid["error"]


async def test_f69_somebody_elses_order_is_as_if_it_were_not(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(2))
    number = number_in(await place(shop.ann, "Test payment"))
    ben = shop.ben
    await ben.says("/start")
    message = await ben.reads("Welcome")
    for data in ("o:{}", "k:{}", "v:{}", "w:{}", "y:{}:test", "z:{}"):
        said = [
            await ben.clicks(data.format(tried), message_id=message["message_id"])
            for tried in (number, "ZZZZZZZZZZZZ")
        ]
        assert said[0] == said[1]
        assert "There is no such order" in said[0]["text"]
    await ben.says(f"/order {number}")
    await ben.reads("There is no such order")
    assert (await stored(shop, number)).is_pending


async def test_orders_are_listed_newest_first_and_opened(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(9))
    rules = replace(shop.app.ways.rules, max_pending=9)
    shop.app.dispatcher["ways"] = replace(shop.app.ways, rules=rules)
    shown = await preview(shop.ann)
    data = data_of(shown, "Test payment")
    for nth in range(9):
        await shop.ann.clicks(f"{data[:-8]}NONCE-0{nth}", message_id=shown["message_id"])
    numbers = [order.number for order in await orders_of(shop)]
    await shop.ann.says("/orders")
    first = await shop.ann.reads("My orders")
    assert [label.split()[1] for label in labels(first)[:-2]] == numbers[:8]
    await shop.ann.presses("Next")
    assert numbers[8] in labels(await shop.ann.reads("My orders"))[0]
    await shop.ann.presses(numbers[8])
    opened = await shop.ann.reads("Held for you until")
    assert (await stored(shop, numbers[8])).message_id == opened["message_id"]


@pytest.mark.parametrize("written", ["{}", "  {}", "#{}"])
async def test_an_order_is_opened_by_its_number_however_it_is_written(
    shop: ShopChat, written: str
) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Test payment"))
    spoken = f"{number[:4]}-{number[4:8]} {number[8:]}".lower().replace("0", "o")
    await shop.ann.says(f"/order {written.format(spoken)}")
    assert number_in(await shop.ann.reads("Held for you until")) == number


async def test_an_order_without_a_number_lists_ones_own(shop: ShopChat) -> None:
    await shop.ann.says("/order")
    await shop.ann.reads("You have not ordered anything yet")


async def test_an_admin_opens_anybodys_file(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Test payment"))
    await shop.owner.says(f"/order {number}")
    file = await shop.owner.reads(number)
    assert str(ANN) in file["text"]


async def test_a_banned_buyer_is_told(shop: ShopChat) -> None:
    await put_on_sale(shop, keys=keys(1))
    shown = await preview(shop.ann)
    async with shop.app.new_uow() as uow:
        customer = await uow.customers.get(ANN)
        assert customer is not None
        customer.banned = True
        await uow.customers.save(customer)
        await uow.commit()
    answer = await shop.ann.clicks(data_of(shown, "Test"), message_id=shown["message_id"])
    assert "You cannot buy here" in answer["text"]


@pytest.mark.parametrize("exception", [OrderException.UNDER, OrderException.LATE])
async def test_an_order_before_a_person_says_so(shop: ShopChat, exception: OrderException) -> None:
    await put_on_sale(shop, keys=keys(1))
    number = number_in(await place(shop.ann, "Test payment"))
    async with shop.app.new_uow() as uow:
        order = await uow.orders.by_number(number, lock=True)
        order.exception = exception
        if exception is OrderException.LATE:
            order.expire()
        await uow.orders.save(order)
        await uow.commit()
    await shop.ann.says(f"/order {number}")
    message = await shop.ann.reads("❗")
    assert "/paysupport" in message["text"]
    assert (await stored(shop, number)).status in {OrderStatus.PENDING, OrderStatus.EXPIRED}
