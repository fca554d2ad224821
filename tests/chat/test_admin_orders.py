"""Orders in the chat of those who see to them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.checkout import expire_due
from domain.customers import Role
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import Capability, Refund
from handlers.views import admin_buttons as buttons
from tests.chat.buying import let_time_pass, number_in, place, put_on_sale
from tests.chat.counter import UNKNOWN, Counter, admin, asks, forges, known
from tests.chat.shop_chat import BEN, ShopChat, open_shop
from tests.people import Chat


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


@pytest.fixture
async def counter(shop: ShopChat) -> Counter:
    return await Counter.opened(shop)


async def test_sales_are_listed_and_opened(owner: Chat, counter: Counter) -> None:
    await asks(owner, "/sales", "None.")
    placed = await counter.sold()
    said = await asks(owner, "/sales delivered", placed.order.number)
    assert "$4.99" in said["text"]
    await owner.presses(placed.order.number)
    file = await owner.reads("Attempt")
    for part in ["delivered", "Ann (1001)", "1 × Space Game (GAME-1)", "tx-", "Total: $4.99"]:
        assert part in file["text"]
    await owner.presses("Orders", message=file)
    await owner.presses("refunded")
    await owner.reads("None.")


async def test_a_status_that_does_not_exist_is_answered_with_those_that_do(
    owner: Chat, counter: Counter
) -> None:
    said = await asks(owner, "/sales <lost>", "“<lost>” is no status")
    assert "delivered" in said["text"]
    assert "expired" in await forges(owner, buttons.Sales(which="lost"), said)


async def test_any_order_is_opened_by_its_number(owner: Chat, counter: Counter) -> None:
    placed = await counter.placed()
    number = placed.order.number
    typed = f"{number[:6]}-{number[6:]}".lower()
    await asks(owner, f"/order {typed}", f"Order {number}")
    await asks(owner, "/order", "Which order")
    await asks(owner, number, f"Order {number}")
    await asks(owner, "/order 000000000000", "no such order")
    await asks(owner, "/order ///", "no such order")


async def test_a_chosen_order_answers_the_question_for_one(owner: Chat, counter: Counter) -> None:
    placed = await counter.sold()
    await asks(owner, "/resend", "Which order")
    await owner.presses("Newest orders")
    await owner.presses(placed.order.number)
    await owner.reads("Total: ")
    await owner.presses("Resend")
    await owner.reads("once more")


async def test_goods_are_sent_again_and_are_the_same(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    before = await shop.ann.codes()
    await shop.ann.clears()
    await asks(owner, f"/resend {placed.order.number}", "once more")
    await shop.ann.reads(placed.order.number, ever=True)
    assert await shop.ann.codes() == before
    unpaid = await counter.placed()
    await asks(owner, f"/resend {unpaid.order.number}", "cannot be done")


async def test_a_payment_seen_elsewhere_is_confirmed_in_one_line(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.placed()
    line = f"/confirm {placed.order.number} TX-77 seen at the bank"
    said = await asks(owner, line, "Confirmed")
    assert "TX-77" in said["text"]
    await shop.ann.reads(placed.order.number, ever=True)
    await asks(owner, line, "cannot be done")
    log = await asks(owner, "/audit", "confirm")
    assert "reason: seen at the bank" in log["text"]


async def test_a_confirmation_asks_for_what_is_missing(owner: Chat, counter: Counter) -> None:
    placed = await counter.placed()
    await asks(owner, "/confirm", "Which order")
    await asks(owner, placed.order.number, "which transaction")
    await asks(owner, "TX-77", "How do you know")
    await asks(owner, "It is on the statement", "Confirmed")
    assert (await counter.order(placed)).is_paid


async def test_a_confirmation_begins_in_the_orders_file(owner: Chat, counter: Counter) -> None:
    placed = await counter.placed()
    await asks(owner, "/sales pending", placed.order.number)
    await owner.presses(placed.order.number)
    await owner.presses("Confirm a payment")
    await owner.reads("which transaction")
    await asks(owner, "TX-77 seen", "Confirmed")


async def test_a_refund_goes_through_the_provider(owner: Chat, counter: Counter) -> None:
    placed = await counter.sold()
    said = await asks(owner, f"/refund {placed.order.number} dead key", "Given back: $4.99")
    assert "refunded" in said["text"]
    assert [refund.reason for refund in counter.till.refunded] == ["dead key"]
    await asks(owner, f"/refund {placed.order.number}", "not so much to give back")


async def test_stars_go_back_to_the_buyer(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop, keys=["KEY-PAID-IN-STARS"], stars="250")
    order = number_in(await place(shop.ann, "Stars"))
    await shop.ann.pays()
    await shop.ann.reads("KEY-PAID-IN-STARS", ever=True)
    await asks(owner, f"/refund {order}", "Given back: 250 ⭐")
    assert any("refunded_payment" in message for message in await shop.ann.messages())


async def test_a_refund_from_the_file_is_asked_once_more(owner: Chat, counter: Counter) -> None:
    placed = await counter.sold()
    await asks(owner, "/sales", placed.order.number)
    await owner.presses(placed.order.number)
    await owner.presses("Refund …")
    asked = await owner.reads("stay with the buyer")
    assert counter.till.refunded == []
    await owner.presses("Refund everything", message=asked)
    await owner.reads("Given back")
    whole = buttons.Refund(number=placed.order.number, whole=True)
    assert "settled already" in await forges(owner, whole, asked)
    assert len(counter.till.refunded) == 1


async def test_a_refund_without_an_answer_is_gone_on_with(owner: Chat, counter: Counter) -> None:
    placed = await counter.sold()

    async def away(refund: Refund) -> None:
        raise ProviderUnavailable("till", "timeout")

    async def no(refund: Refund) -> None:
        raise ProviderRejected("till", "TOO_LATE")

    counter.till.on_refund = away
    await asks(owner, f"/refund {placed.order.number}", "under way")
    counter.till.on_refund = no
    await asks(owner, f"/refund {placed.order.number}", "refused the refund (TOO_LATE)")
    assert (await counter.order(placed)).status is OrderStatus.DELIVERED
    counter.till.capabilities = Capability.NONE
    credited = "Given back to the buyer's balance: $4.99"
    await asks(owner, f"/refund {placed.order.number}", credited)
    assert (await counter.order(placed)).status is OrderStatus.REFUNDED


async def test_a_refund_of_what_was_paid_twice_asks_which_payment(asking_shop: ShopChat) -> None:
    owner, counter = await known(asking_shop.owner), await Counter.opened(asking_shop)
    placed = await counter.sold()
    await counter.pays(placed, external_id="tx-second")
    await asks(owner, f"/refund {placed.order.number}", "back?")
    await owner.presses("Only the payment that is too many")
    await owner.reads("Given back: $4.99")
    assert [refund.external_id for refund in counter.till.refunded] == ["tx-second"]


async def test_money_is_for_those_who_may_decide_about_it(
    shop: ShopChat, counter: Counter
) -> None:
    placed = await counter.sold()
    number = placed.order.number
    ben = await admin(shop, BEN, Role.SUPPORT)
    await asks(ben, f"/refund {number}", UNKNOWN)
    await asks(ben, f"/confirm {number} tx r", UNKNOWN)
    file = await asks(ben, f"/order {number}", "Total: ")
    assert await ben.buttons() == ["Resend", "‹ Orders"]
    whole = buttons.Refund(number=number, whole=True)
    assert "expired" in await forges(ben, whole, file)
    assert counter.till.refunded == []


async def test_a_role_that_was_taken_ends_the_question_for_an_order(
    shop: ShopChat, counter: Counter
) -> None:
    placed = await counter.sold()
    ben = await admin(shop, BEN, Role.MANAGER)
    await asks(ben, "/refund", "Which order")
    await admin(shop, BEN, Role.SUPPORT)
    await asks(ben, placed.order.number, UNKNOWN)
    assert counter.till.refunded == []


async def test_late_money_with_stock_is_delivered_and_told_of(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.placed()
    await let_time_pass(shop, placed.order.number)
    await expire_due(shop.app.new_uow(), shop.app.ways.rules, now=datetime.now(UTC))
    line = f"/confirm {placed.order.number} TX-77 seen"
    await asks(owner, line, "Confirmed, late")
    told = await owner.reads("By rule: there was stock, so it was delivered.")
    assert f"Order {placed.order.number}: paid late" in told["text"]
    notice = await shop.ann.reads("came after the order had closed", ever=True)
    assert "Your goods were still there" in notice["text"]
    await shop.ann.reads("🔑", ever=True)
    order = await counter.order(placed)
    assert (order.is_paid, order.exception) == (True, None)


async def test_late_money_waits_for_a_decision_where_the_rule_says_so(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with open_shop(tmp_path, sqlite_url, rule_late="ask") as shop:
        owner, counter = await known(shop.owner), await Counter.opened(shop)
        placed = await counter.placed()
        await let_time_pass(shop, placed.order.number)
        await expire_due(shop.app.new_uow(), shop.app.ways.rules, now=datetime.now(UTC))
        await counter.pays(placed)
        alert = await owner.reads("paid late", ever=True)
        order = await counter.order(placed)
        assert (order.is_paid, order.exception) == (False, OrderException.LATE)
        await owner.presses("Deliver anyway", message=alert)
        await shop.ann.reads("🔑", ever=True)
        order = await counter.order(placed)
        assert (order.is_paid, order.exception) == (True, None)


async def test_less_money_waits_for_a_decision(owner: Chat, counter: Counter) -> None:
    placed = await counter.placed()
    await counter.pays(placed, amount=Money(1, "USD"))
    said = await asks(owner, f"/order {placed.order.number}", "⚠ paid too little")
    assert "Deliver anyway" in str(said["reply_markup"])
