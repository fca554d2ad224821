"""Alerts, and the buttons under them: each settles an order, once, whoever presses first."""

import pytest

from domain import checkout
from domain.checkout import Placed
from domain.customers import Role
from domain.importing import report_cut_off
from domain.money import Money
from domain.orders import OrderException, OrderStatus
from domain.payments import PaymentEvent
from domain.settlement import settle
from domain.stock import Batch
from handlers.views import admin_buttons as buttons
from tests.chat.buying import data_of, keys, labels, let_time_pass
from tests.chat.counter import Counter, admin, asks, forges, known
from tests.chat.shop_chat import ANN, BEN, OWNER, ShopChat
from tests.people import Chat, Json
from tests.shop import NOW

SETTLED = "settled already"


@pytest.fixture
async def shop(asking_shop: ShopChat) -> ShopChat:
    return asking_shop


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


@pytest.fixture
async def counter(shop: ShopChat) -> Counter:
    await shop.ben.says("/start")
    return await Counter.opened(shop)


async def paid_short(counter: Counter) -> tuple[Placed, Json]:
    placed = await counter.placed()
    await counter.pays(placed, amount=Money(1, "USD"))
    return placed, await counter.shop.owner.reads("paid too little", ever=True)


async def paid_twice(counter: Counter) -> tuple[Placed, Json]:
    placed = await counter.sold()
    await counter.pays(placed, external_id="tx-second")
    return placed, await counter.shop.owner.reads("paid twice", ever=True)


async def undelivered(counter: Counter, times: int = 1) -> tuple[Placed, Json]:
    """Telegram does not find Ann's chat, so many times."""
    placed = await counter.placed()
    counter.shop.telegram.fault("400", "sendMessage", times, chat_id=ANN)
    await counter.pays(placed)
    return placed, await counter.shop.owner.reads("not delivered", ever=True)


async def test_short_money_is_told_of_and_delivered_all_the_same(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed, alert = await paid_short(counter)
    for part in [placed.order.number, "Buyer: 1001", "Total: $4.99", "0.01 USD by till"]:
        assert part in alert["text"]
    await owner.presses("Deliver anyway", message=alert)
    await owner.reads("on their way")
    await shop.ann.reads(placed.order.number, ever=True)
    assert await shop.ann.codes() == keys(1)
    again = buttons.Fulfil(number=placed.order.number, why=OrderException.UNDER)
    assert SETTLED in await forges(owner, again, alert)


async def test_short_money_goes_back_with_one_press(owner: Chat, counter: Counter) -> None:
    placed, alert = await paid_short(counter)
    await owner.presses("Refund", message=alert)
    await owner.reads("Given back: $0.01")
    assert (await counter.order(placed)).exception is None
    again = buttons.Refund(number=placed.order.number, why=OrderException.UNDER)
    assert SETTLED in await forges(owner, again, alert)
    assert len(counter.till.refunded) == 1


async def test_delivered_goods_ask_before_their_money_goes_back(
    owner: Chat, counter: Counter
) -> None:
    """An alert offers no refund then, but an old one may have a button for it."""
    placed = await counter.placed()
    await counter.pays(placed, amount=Money(600, "USD"))
    alert = await owner.reads("paid too much", ever=True)
    assert labels(alert) == ["Handled", "Open"]
    refund = buttons.Refund(number=placed.order.number, why=OrderException.OVER)
    await forges(owner, refund, alert)
    await owner.reads("back?")
    assert counter.till.refunded == []


async def test_short_money_that_is_made_up_for_is_nobodys_concern_any_more(
    owner: Chat, counter: Counter
) -> None:
    placed, alert = await paid_short(counter)
    await counter.pays(placed, external_id="tx-rest", amount=Money(498, "USD"))
    answer = await owner.presses("Refund", message=alert)
    assert SETTLED in answer["text"]
    assert counter.till.refunded == []


async def test_a_second_payment_goes_back_alone(owner: Chat, counter: Counter) -> None:
    placed, alert = await paid_twice(counter)
    assert labels(alert) == ["Refund", "Handled", "Open"]
    await owner.presses("Refund", message=alert)
    await owner.reads("Given back: $4.99")
    assert [refund.external_id for refund in counter.till.refunded] == ["tx-second"]
    assert (await counter.order(placed)).status is OrderStatus.DELIVERED


async def test_the_second_of_two_admins_hears_that_it_was_settled(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    ben = await admin(shop, BEN, Role.MANAGER)
    placed, alert = await paid_twice(counter)
    theirs = await ben.reads("paid twice", ever=True)
    await owner.presses("Handled", message=alert)
    await owner.reads("seen to")
    assert (await counter.order(placed)).exception is None
    for label in ["Handled", "Refund"]:
        answer = await ben.clicks(data_of(theirs, label), message_id=theirs["message_id"])
        assert SETTLED in answer["text"]
    assert counter.till.refunded == []


async def test_a_demoted_admins_press_is_refused(shop: ShopChat, counter: Counter) -> None:
    ben = await admin(shop, BEN, Role.MANAGER)
    placed, _ = await paid_twice(counter)
    theirs = await ben.reads("paid twice", ever=True)
    await admin(shop, BEN, None)
    for label in ["Refund", "Handled", "Open"]:
        answer = await ben.clicks(data_of(theirs, label), message_id=theirs["message_id"])
        assert "expired" in answer["text"]
    assert (await counter.order(placed)).exception is OrderException.TWICE


async def test_support_does_not_dismiss_what_is_about_money(
    shop: ShopChat, counter: Counter
) -> None:
    ben = await admin(shop, BEN, Role.SUPPORT)
    placed, _ = await paid_twice(counter)
    theirs = await ben.reads("paid twice", ever=True)
    assert labels(theirs) == ["Open"]
    handled = buttons.Handled(number=placed.order.number, why=OrderException.TWICE)
    assert "role does not allow" in await forges(ben, handled, theirs)


async def test_undelivered_goods_are_sent_once_more_once(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed, alert = await undelivered(counter)
    assert "no such chat" in alert["text"]
    await owner.presses("Resend", message=alert)
    await owner.reads("once more")
    await shop.ann.reads(placed.order.number, ever=True)
    again = buttons.Resend(number=placed.order.number, why=OrderException.UNDELIVERABLE)
    assert SETTLED in await forges(owner, again, alert)
    assert await shop.ann.codes() == keys(1)


async def test_undelivered_goods_that_fail_again_come_back(owner: Chat, counter: Counter) -> None:
    _, alert = await undelivered(counter, times=2)
    await owner.presses("Resend", message=alert)
    await owner.reads("The goods do not reach")


async def test_late_money_without_stock_asks_for_keys(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    placed = await counter.placed(3)
    await let_time_pass(shop, placed.order.number)
    await checkout.expire_due(shop.app.new_uow(), shop.app.ways.rules, now=NOW.replace(year=2100))
    for _ in range(3):
        await counter.sold()
    await counter.pays(placed)
    alert = await owner.reads("paid late", ever=True)
    await owner.presses("Deliver anyway", message=alert)
    assert (await counter.order(placed)).exception is OrderException.LATE
    await owner.says("\n".join(["/import GAME-1", *keys(6)[3:]]))
    await owner.reads("Imported: 3")
    await owner.presses("Deliver anyway", message=alert)
    await owner.reads("on their way")
    await shop.ann.reads(placed.order.number, ever=True)


async def test_an_alert_opens_the_orders_file(owner: Chat, counter: Counter) -> None:
    _, alert = await paid_twice(counter)
    await owner.presses("Open", message=alert)
    file = await owner.reads("tx-second")
    assert "Ann (1001)" in file["text"]


async def test_money_for_no_order_is_told_of(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    till = counter.till
    event = PaymentEvent(
        till.code, till.account, till.live, "tx-lost", "NOBODYS01", Money(499, "USD")
    )
    await settle(shop.app.new_uow(), event, shop.app.ways.rules, now=NOW)
    alert = await owner.reads("no known order", ever=True)
    assert "tx-lost" in alert["text"]
    assert "NOBODYS01" in alert["text"]


async def test_low_stock_leads_to_an_import(owner: Chat, counter: Counter) -> None:
    alert = await owner.reads("Low stock", ever=True, timeout=15)
    await owner.presses("Import keys", message=alert)
    await owner.reads("Send the keys for GAME-1")
    await asks(owner, keys(4)[3], "Imported: 1")


async def test_an_import_that_was_cut_off_can_be_undone(
    shop: ShopChat, owner: Chat, counter: Counter
) -> None:
    async with shop.app.new_uow() as uow:
        _, variant = await uow.catalog.by_sku("GAME-1")
        batch = Batch(0, variant.id, variant.sku, "<big>.txt", OWNER, NOW)
        await uow.stock.add_batch(batch)
        await uow.commit()
    await report_cut_off(shop.app.new_uow(), now=NOW)
    alert = await owner.reads("<big>.txt", ever=True)
    await owner.presses("Undo", message=alert)
    await owner.reads("Withdrawn: 0")


async def test_ann_herself_presses_nothing_of_this(shop: ShopChat, counter: Counter) -> None:
    placed, _ = await paid_short(counter)
    fulfil = buttons.Fulfil(number=placed.order.number, why=OrderException.UNDER)
    message = await asks(shop.person(ANN), "/start", "elcome")
    assert "expired" in await forges(shop.ann, fulfil, message)
    assert not (await counter.order(placed)).is_paid
