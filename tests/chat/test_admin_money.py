"""Money in the hands of those who may decide about it, and what the rules do without them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import wallet
from domain.checkout import Placed, expire_due
from domain.customers import Role
from domain.money import Money
from domain.orders import OrderStatus
from domain.payments import Capability, Refund
from handlers.views import admin_buttons as buttons
from tests import invariants
from tests.chat.buying import (
    data_of,
    keys,
    labels,
    let_time_pass,
    number_in,
    place,
    preview,
    put_on_sale,
    stored,
)
from tests.chat.counter import UNKNOWN, Counter, admin, asks, forges, known
from tests.chat.shop_chat import ANN, BEN, ShopChat, open_shop
from tests.people import Chat, Json


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


@pytest.fixture
async def counter(shop: ShopChat) -> Counter:
    return await Counter.opened(shop)


async def balances(shop: ShopChat, person_id: int = ANN) -> list[Money]:
    return await wallet.balances(shop.app.new_uow(), person_id)


async def everything_holds(shop: ShopChat) -> None:
    await invariants.check(shop.app.database, shop.app.vault)


def given_back(counter: Counter) -> list[tuple[int, str]]:
    """The amounts that the till gave back, each with its reason."""
    return [(refund.amount.amount, refund.reason) for refund in counter.till.refunded]


async def file_of(owner: Chat, placed: Placed) -> Json:
    return await asks(owner, f"/order {placed.order.number}", "Total: ")


# --- A part ---------------------------------------------------------------------------------


async def test_a_part_goes_back_and_the_order_stands(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    number = placed.order.number
    await asks(owner, f"/refund {number} 2.50 USD one key was dead", "Given back: $2.50")
    assert given_back(counter) == [(250, "one key was dead")]
    assert (await counter.order(placed)).status is OrderStatus.DELIVERED
    said = await asks(owner, f"/refund {number} the other one too", "Given back: $2.49")
    assert "refunded" in said["text"]
    assert given_back(counter)[1:] == [(249, "the other one too")]
    await everything_holds(shop)


@pytest.mark.parametrize(
    "reason",
    [
        "2 keys were dead",
        "2.50 is what they wanted, but they get all of it",
        "100 % their fault",
        "3 usd stickers",
        "2.50USD off",
        "USD",
        "dead",
        "",
    ],
)
async def test_a_reason_that_begins_with_a_number_refunds_everything_and_nothing_else(
    owner: Chat, counter: Counter, reason: str
) -> None:
    placed = await counter.sold()
    await asks(owner, f"/refund {placed.order.number} {reason}", "Given back: $4.99")
    assert given_back(counter) == [(499, reason)]
    assert (await counter.order(placed)).status is OrderStatus.REFUNDED


@pytest.mark.parametrize("amount", ["5.00 USD", "0 USD", "1.00 EUR"])
async def test_no_more_goes_back_than_there_is(owner: Chat, counter: Counter, amount: str) -> None:
    placed = await counter.sold()
    await asks(owner, f"/refund {placed.order.number} {amount}", "not so much to give back")
    assert given_back(counter) == []
    assert (await counter.order(placed)).status is OrderStatus.DELIVERED


@pytest.mark.parametrize("amount", ["-1 USD", "2.505 USD", "all USD"])
async def test_what_is_no_amount_refunds_nothing(
    owner: Chat, counter: Counter, amount: str
) -> None:
    placed = await counter.sold()
    await asks(owner, f"/refund {placed.order.number} {amount}", "is no price")
    assert given_back(counter) == []


async def test_a_part_that_the_provider_cannot_give_back_goes_to_the_balance(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    counter.till.capabilities = Capability.REFUND
    number = placed.order.number
    await asks(owner, f"/refund {number} 2.50 USD", "Given back to the buyer's balance: $2.50")
    assert given_back(counter) == []
    assert await balances(shop) == [Money(250, "USD")]
    await everything_holds(shop)


async def test_a_part_is_asked_for_until_it_fits(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    await file_of(owner, placed)
    await owner.presses("Refund …")
    await owner.presses("A part …")
    question = await owner.reads("How much of order")
    assert placed.order.number in question["text"]
    for typed in ["half of it", "2.505", "0", "-1"]:
        await asks(owner, typed, "is no price")
    assert given_back(counter) == []
    await asks(owner, "2.50 one key was dead", "Given back: $2.50")
    assert given_back(counter) == [(250, "one key was dead")]
    await asks(owner, "1.00", "")
    assert len(given_back(counter)) == 1
    await everything_holds(shop)


async def test_a_part_is_left_by_cancel(owner: Chat, counter: Counter) -> None:
    placed = await counter.sold()
    await file_of(owner, placed)
    await owner.presses("Refund …")
    await owner.presses("A part …")
    await owner.reads("How much of order")
    await asks(owner, "/cancel", "never mind")
    await asks(owner, "2.50", "")
    assert given_back(counter) == []


async def test_a_role_that_was_taken_ends_the_question_for_a_part(
    shop: ShopChat, counter: Counter
) -> None:
    placed = await counter.sold()
    ben = await admin(shop, BEN, Role.MANAGER)
    await file_of(ben, placed)
    await ben.presses("Refund …")
    await ben.presses("A part …")
    await ben.reads("How much of order")
    await admin(shop, BEN, Role.SUPPORT)
    await asks(ben, "2.50", "")
    assert given_back(counter) == []


# --- To the balance, and back the way it came ----------------------------------------------


async def test_everything_goes_to_the_balance_by_a_button(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    await file_of(owner, placed)
    await owner.presses("Refund …")
    await owner.presses("Everything, to the balance")
    said = await owner.reads("Given back to the buyer's balance: $4.99")
    assert "refunded" in said["text"]
    assert given_back(counter) == []
    assert await balances(shop) == [Money(499, "USD")]
    await asks(shop.ann, "/balance", "Your balance: $4.99")
    await everything_holds(shop)


async def test_a_second_press_credits_nothing_more(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    await file_of(owner, placed)
    await owner.presses("Refund …")
    asked = await owner.reads("stay with the buyer")
    credit = data_of(asked, "Everything, to the balance")
    await owner.clicks(credit, message_id=asked["message_id"])
    answer = await owner.clicks(credit, message_id=asked["message_id"])
    assert "settled already" in answer["text"]
    assert await balances(shop) == [Money(499, "USD")]


async def test_a_payment_from_the_balance_goes_back_to_it(shop: ShopChat, owner: Chat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(2))
    first = number_in(await place(ann, "Test payment"))
    await shop.pays_at_the_page(await ann.reads("Press Pay"))
    await ann.reads("🔑")
    await asks(owner, f"/refund {first} dead", "Given back to the buyer's balance: $4.99")
    await ann.presses("Balance — $4.99", message=await preview(ann))
    second = number_in(await ann.reads("🔑"))
    assert await balances(shop) == []
    await asks(owner, f"/refund {second} dead too", "Given back to the buyer's balance: $4.99")
    assert await balances(shop) == [Money(499, "USD")]
    await everything_holds(shop)


async def test_a_top_up_that_was_spent_does_not_go_back(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    ann = shop.ann
    await asks(ann, "/balance", "Your balance")
    await ann.presses("$10.00")
    await ann.presses("Till", message=await ann.reads("Top-up"))
    number = number_in(await ann.reads("Press Pay"))
    await asks(owner, f"/confirm {number} TX-77 seen", "Confirmed")
    await ann.presses("Balance — $4.99", message=await preview(ann))
    await ann.reads("🔑")
    await asks(owner, f"/refund {number}", "The buyer has spent it")
    assert given_back(counter) == []
    await asks(owner, f"/refund {number} 5.01 USD the rest", "Given back: $5.01")
    assert await balances(shop) == []
    await everything_holds(shop)


async def test_stars_go_back_through_telegram(shop: ShopChat, owner: Chat) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    before = shop.telegram.world.chat(ANN).person.stars
    number = number_in(await place(ann, "Telegram Stars"))
    charge = (await ann.pays())["charge_id"]
    await ann.reads("🔑")
    await asks(owner, f"/refund {number} dead", "Given back: 250 ⭐")
    notices = [m["refunded_payment"] for m in await ann.messages() if "refunded_payment" in m]
    assert [notice["telegram_payment_charge_id"] for notice in notices] == [charge]
    assert shop.telegram.world.chat(ANN).person.stars == before
    assert (await stored(shop, number)).status is OrderStatus.REFUNDED
    assert await balances(shop) == []
    await everything_holds(shop)


# --- Bans -----------------------------------------------------------------------------------


async def test_somebody_banned_buys_nothing_until_the_ban_is_undone(
    shop: ShopChat, owner: Chat
) -> None:
    ann = shop.ann
    await put_on_sale(shop, keys=keys(1))
    shown = await preview(ann)
    pressed = data_of(shown, "Test payment")
    said = await asks(owner, f"/ban {ANN}", "may not buy any more")
    assert f"Ann ({ANN})" in said["text"]
    assert f"/unban {ANN}" in said["text"]
    answer = await ann.clicks(pressed, message_id=shown["message_id"])
    assert answer["text"].startswith("You cannot buy here")
    await asks(owner, f"/unban {ANN}", "may buy again")
    await ann.clicks(pressed, message_id=shown["message_id"])
    await ann.reads("Press Pay")
    log = await asks(owner, "/audit", "unban")
    assert "banned: 0 → 1" in log["text"]
    assert "banned: 1 → 0" in log["text"]


@pytest.mark.parametrize("command", ["ban", "unban"])
async def test_a_ban_names_somebody(owner: Chat, command: str) -> None:
    await asks(owner, f"/{command}", f"Write /{command} and the buyer's id")
    await asks(owner, f"/{command} @ann", "“@ann” is no user id")
    await asks(owner, f"/{command} 777", "Nobody with the id 777 was ever here")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.STOCK, None])
async def test_whoever_may_not_decide_about_money_bans_nobody(
    shop: ShopChat, counter: Counter, role: Role | None
) -> None:
    ben = await admin(shop, BEN, role)
    placed = await counter.sold()
    number = placed.order.number
    message = await asks(ben, f"/ban {ANN}", UNKNOWN)
    for line in [f"/unban {ANN}", f"/refund {number}", f"/refund {number} 2.50 USD dead"]:
        await asks(ben, line, UNKNOWN)
    forged = [
        buttons.Ban(user_id=ANN),
        buttons.AskPart(number=number),
        buttons.Refund(number=number, whole=True, to_balance=True),
    ]
    for data in forged:
        assert "expired" in await forges(ben, data, message)
    assert given_back(counter) == []
    assert await balances(shop) == []
    async with shop.app.new_uow() as uow:
        customer = await uow.customers.get(ANN)
    assert customer is not None
    assert not customer.banned


# --- What the rules do ----------------------------------------------------------------------


async def paid_late_without_stock(counter: Counter) -> Placed:
    shop = counter.shop
    placed = await counter.placed(3)
    await let_time_pass(shop, placed.order.number)
    await expire_due(shop.app.new_uow(), shop.app.ways.rules, now=datetime.now(UTC))
    for _ in range(3):
        await counter.sold()
    await counter.pays(placed)
    return placed


async def test_late_money_without_stock_is_credited_by_rule(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await paid_late_without_stock(counter)
    number = placed.order.number
    told = await owner.reads("ℹ", ever=True)
    assert f"Order {number}: paid late" in told["text"]
    assert "$14.97 by till" in told["text"]
    assert "By rule: credited to the buyer's balance." in told["text"]
    assert labels(told) == ["Open"]
    notice = await shop.ann.reads("it is on your balance", ever=True)
    assert f"$14.97 for order {number} came after the order had closed" in notice["text"]
    assert await balances(shop) == [Money(1497, "USD")]
    order = await counter.order(placed)
    assert (order.status, order.exception) == (OrderStatus.EXPIRED, None)
    await everything_holds(shop)


async def test_the_rules_words_are_there_to_be_opened(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await paid_late_without_stock(counter)
    told = await owner.reads("ℹ", ever=True)
    await owner.presses("Open", message=told)
    await owner.reads(f"Order {placed.order.number}")


async def test_what_is_too_much_is_credited_by_rule(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.placed()
    await counter.pays(placed, amount=Money(600, "USD"))
    told = await owner.reads("ℹ", ever=True)
    assert "$1.01 by till" in told["text"]
    await shop.ann.reads("$1.01 more has arrived than it costs", ever=True)
    await shop.ann.reads("🔑", ever=True)
    assert await balances(shop) == [Money(101, "USD")]
    assert (await counter.order(placed)).exception is None
    await everything_holds(shop)


async def test_a_second_payment_is_credited_by_rule(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.sold()
    await counter.pays(placed, external_id="tx-second")
    told = await owner.reads("ℹ", ever=True)
    assert "By rule: credited to the buyer's balance." in told["text"]
    await shop.ann.reads("A further payment of $4.99", ever=True)
    assert await balances(shop) == [Money(499, "USD")]
    assert (await counter.order(placed)).exception is None
    assert given_back(counter) == []


async def test_a_second_payment_goes_back_where_the_rule_says_so(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with open_shop(tmp_path, sqlite_url, rule_twice="refund") as shop:
        owner, counter = await known(shop.owner), await Counter.opened(shop)
        went: asyncio.Future[Refund] = asyncio.get_running_loop().create_future()

        async def goes(refund: Refund) -> None:
            went.set_result(refund)

        counter.till.on_refund = goes
        placed = await counter.sold()
        await counter.pays(placed, external_id="tx-second")
        await owner.reads("By rule: it goes back to the buyer.", ever=True)
        await shop.ann.reads("it goes back the way it came", ever=True)
        refund = await asyncio.wait_for(went, 10)
        assert (refund.external_id, refund.amount) == ("tx-second", Money(499, "USD"))
        assert await balances(shop) == []
        assert (await counter.order(placed)).is_paid


async def test_whoever_waits_for_goods_is_served_by_the_next_import(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with open_shop(tmp_path, sqlite_url, rule_sold_out="wait") as shop:
        owner, counter = await known(shop.owner), await Counter.opened(shop)
        placed = await paid_late_without_stock(counter)
        await owner.reads("the buyer waits for goods", ever=True)
        await shop.ann.reads("you are in line for the next ones", ever=True)
        await owner.says("\n".join(["/import GAME-1", *keys(6)[3:]]))
        await owner.reads("Imported: 3")
        await shop.ann.reads(f"Order {placed.order.number}:", ever=True)
        assert await shop.ann.codes() == keys(6)
        assert (await counter.order(placed)).exception is None
        await everything_holds(shop)
