"""What the outbox holds is sent at least once, the same each time."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from domain import checkout, delivery, reviewing
from domain.customers import Role
from domain.errors import (
    BlockedByBuyer,
    ChatNotFound,
    NotSent,
    OrderNotFound,
    Refused,
    SlowDown,
    TelegramAway,
    TokenRevoked,
)
from domain.messages import DeliveryStatus, Note, Topic
from domain.orders import OrderException, OrderStatus
from domain.remedies import Remedies, Remedy
from domain.rules import Rules
from storage import tables
from tests.invariants import check
from tests.shop import ADMIN, BUYER, NOW, RULES, Shop
from tests.storage.aborting import AbortsOnce
from tests.storage.recording import LATER, Chat, claimed, delivers, works


async def statuses(shop: Shop, topic: Topic = Topic.GOODS) -> list[str]:
    rows = await shop.rows(tables.outbox, tables.outbox.c.topic == topic)
    return [row["status"] for row in rows]


async def test_paid_goods_are_handed_over_once(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(), 2)
    chat = Chat()
    assert await works(shop, chat) == 1
    assert await works(shop, chat, LATER) == 0
    (sent,) = chat.hand_overs()
    assert (sent.chat_id, sent.number) == (BUYER, placed.order.number)
    assert list(sent.keys) == await shop.bought(placed)
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED
    await check(shop.database, shop.vault, chat.hand_overs())


async def test_a_row_belongs_to_one_worker_until_its_lease_ends(shop: Shop) -> None:
    await shop.sold(await shop.stocked())
    assert len(await claimed(shop)) == 1
    assert await claimed(shop, NOW + RULES.lease) == []
    (again,) = await claimed(shop, NOW + RULES.lease + timedelta(seconds=1))
    assert again.attempt_count == 2


async def test_a_lost_lease_leads_to_an_identical_repetition(shop: Shop) -> None:
    await shop.sold(await shop.stocked(), 2)
    chat = Chat()
    (slow,) = await claimed(shop)
    (quick,) = await claimed(shop, LATER)
    await delivers(shop, quick, chat, LATER)
    await delivers(shop, slow, chat, LATER)
    assert len(chat.hand_overs()) == 2
    await check(shop.database, shop.vault, chat.hand_overs())
    assert await statuses(shop) == [DeliveryStatus.SENT]


@pytest.mark.parametrize("error", [ChatNotFound(), Refused()])
async def test_a_worker_that_lost_its_lease_does_not_undo_the_delivery(
    shop: Shop, error: NotSent
) -> None:
    placed = await shop.sold(await shop.stocked())
    (slow,) = await claimed(shop)
    (quick,) = await claimed(shop, LATER)
    await delivers(shop, quick, Chat(), LATER)
    await delivers(shop, slow, Chat(errors=[error]), LATER)
    assert (await shop.order(placed)).exception is None
    assert await statuses(shop, Topic.REVIEW) == []


async def test_a_request_to_slow_down_costs_no_attempt(shop: Shop) -> None:
    await shop.sold(await shop.stocked())
    chat = Chat(errors=[SlowDown(30.5)])
    await works(shop, chat)
    assert await claimed(shop, NOW + timedelta(seconds=30)) == []
    (again,) = await claimed(shop, NOW + timedelta(seconds=31))
    assert again.attempt_count == 1


async def test_an_outage_is_waited_out_with_growing_pauses(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    chat = Chat(errors=[TelegramAway(), TelegramAway()])
    await works(shop, chat)
    assert await works(shop, chat, NOW + timedelta(seconds=0.9)) == 0
    assert await works(shop, chat, NOW + timedelta(seconds=1.6)) == 1
    assert await works(shop, chat, NOW + timedelta(seconds=3)) == 0
    assert await works(shop, chat, NOW + timedelta(seconds=5)) == 1
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED


async def test_an_outage_without_end_goes_before_a_person(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    rules = Rules(delivery_attempts=2)
    chat = Chat(errors=[TelegramAway(), TelegramAway()])
    await works(shop, chat, NOW, rules)
    await works(shop, chat, LATER, rules)
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.PAID, OrderException.UNDELIVERABLE)
    assert await statuses(shop) == [DeliveryStatus.FAILED]
    assert await statuses(shop, Topic.REVIEW) == [DeliveryStatus.PENDING]


async def test_a_row_that_takes_its_worker_down_is_set_aside(shop: Shop) -> None:
    """A worker that dies leaves no outcome: only the count of claims tells."""
    placed = await shop.sold(await shop.stocked())
    rules = Rules(delivery_attempts=2)
    chat = Chat()
    for day in range(2):
        await claimed(shop, NOW + timedelta(days=day), rules)
    assert await works(shop, chat, NOW + timedelta(days=3), rules) == 1
    assert chat.sent == []
    assert (await shop.order(placed)).exception is OrderException.UNDELIVERABLE


async def test_a_poisoned_row_does_not_hold_up_the_others(shop: Shop) -> None:
    variant = await shop.stocked()
    await shop.sold(variant, buyer_id=1)
    await shop.sold(variant, buyer_id=2)
    chat = Chat(errors=[Refused()])
    await works(shop, chat)
    assert [sent.chat_id for sent in chat.hand_overs()] == [2]


async def test_a_revoked_token_stops_all_sending(shop: Shop) -> None:
    await shop.sold(await shop.stocked())
    with pytest.raises(TokenRevoked):
        await works(shop, Chat(errors=[TokenRevoked()]))
    (again,) = await claimed(shop, NOW + delivery.PUT_OFF)
    assert again.attempt_count == 1


async def test_who_blocked_the_bot_gets_the_keys_on_coming_back(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    chat = Chat(errors=[BlockedByBuyer()])
    await works(shop, chat)
    async with shop.uow() as uow:
        customer = await uow.customers.get(BUYER)
    assert customer is not None
    assert customer.blocked
    assert (await shop.order(placed)).exception is OrderException.UNDELIVERABLE
    assert await delivery.hand_over_again(shop.uow(), customer, now=LATER) == 1
    assert await delivery.hand_over_again(shop.uow(), customer, now=LATER) == 0
    await works(shop, chat, LATER)
    order = await shop.order(placed)
    assert (order.status, order.exception) == (OrderStatus.DELIVERED, None)
    assert len(chat.hand_overs()) == 1
    async with shop.uow() as uow:
        customer = await uow.customers.get(BUYER)
    assert customer is not None
    assert not customer.blocked


async def test_a_second_payment_is_not_forgotten_with_undeliverable_goods(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await shop.pays(placed, external_id="tx-second")
    chat = Chat(errors=[BlockedByBuyer()])
    await works(shop, chat)
    await delivery.hand_over_again(shop.uow(), await shop.buyer(), now=LATER)
    await works(shop, chat, LATER)
    assert (await shop.order(placed)).exception is OrderException.TWICE


async def test_a_blocked_stranger_is_no_customer_to_mark(shop: Shop) -> None:
    async with shop.uow() as uow:
        await uow.outbox.add(Note(Topic.STOCK, 4242), NOW)
        await uow.commit()
    await works(shop, Chat(errors=[BlockedByBuyer()]))
    assert await statuses(shop, Topic.STOCK) == [DeliveryStatus.FAILED]


async def test_a_long_hand_over_goes_on_where_it_stopped(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked(keys=5), 5)
    chat = Chat(per_part=2, errors=[None, TelegramAway()])
    await works(shop, chat)
    await works(shop, chat, LATER)
    assert [part.nth for _, part in chat.sent] == [0, 1, 2]
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED


class Killed(BaseException):
    """Ends the worker between two messages."""


async def test_a_killed_worker_repeats_no_more_than_one_part(shop: Shop) -> None:
    await shop.sold(await shop.stocked(keys=5), 5)
    chat = Chat(per_part=2, errors=[None, Killed()])
    (killed,) = await claimed(shop)
    with pytest.raises(Killed):
        await delivers(shop, killed, chat)
    await works(shop, chat, LATER)
    assert [part.nth for _, part in chat.sent] == [0, 1, 2]


async def test_an_alert_reaches_every_admin_by_itself(shop: Shop) -> None:
    async with shop.uow() as uow:
        for admin_id in (11, 12):
            await uow.customers.set_role(admin_id, Role.STOCK)
        await uow.customers.set_role(13, Role.SUPPORT)  # whom stock does not concern
        await uow.outbox.add(Note(Topic.STOCK, facts={"sku": "GAME", "left": 0}), NOW)
        await uow.commit()
    chat = Chat(errors=[BlockedByBuyer()])
    await works(shop, chat)
    assert chat.alerts() == []
    await works(shop, chat)
    ((chat_id, alert),) = chat.alerts()
    assert chat_id in {11, 12}
    assert alert.note.facts == {"sku": "GAME", "left": 0}
    assert sorted(await statuses(shop, Topic.STOCK)) == ["failed", "sent", "sent"]


async def test_an_alert_is_spread_by_one_worker(shop: Shop) -> None:
    async with shop.uow() as uow:
        await uow.customers.set_role(11, Role.OWNER)
        await uow.outbox.add(Note(Topic.STOCK), NOW)
        await uow.commit()
    chat = Chat()
    (slow,) = await claimed(shop)
    (quick,) = await claimed(shop, LATER)
    await delivers(shop, quick, chat, LATER)
    await delivers(shop, slow, chat, LATER)
    await works(shop, chat, LATER)
    assert len(chat.alerts()) == 1


async def test_goods_go_before_alerts(shop: Shop) -> None:
    async with shop.uow() as uow:
        await uow.outbox.add(Note(Topic.STOCK, 11), NOW - timedelta(hours=1))
        await uow.commit()
    await shop.sold(await shop.stocked())
    first, second = await claimed(shop)
    assert (first.note.topic, second.note.topic) == (Topic.GOODS, Topic.STOCK)
    assert await delivery.claim(shop.uow(), RULES, now=NOW, limit=1) == []


async def test_an_expired_order_shows_that_it_is(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    await checkout.expire_due(shop.uow(), RULES, now=LATER)
    chat = Chat()
    await works(shop, chat, LATER)
    (update,) = chat.updates()
    assert update.order.status is OrderStatus.EXPIRED
    assert update.attempt is not None
    assert update.attempt.number == f"{placed.order.number}01"


async def test_an_orders_message_follows_its_delivery(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    await checkout.remember_message(shop.uow(), placed.order.number, 77)
    chat = Chat()
    await works(shop, chat)
    await works(shop, chat)
    assert [update.order.status for update in chat.updates()] == [OrderStatus.DELIVERED]


async def test_an_order_in_trouble_is_shown_to_admins_with_the_order(shop: Shop) -> None:
    placed = await shop.sold(await shop.stocked())
    async with shop.uow() as uow:
        await uow.outbox.add(Note(Topic.REVIEW, 11, placed.order.id), NOW)
        await uow.commit()
    chat = Chat()
    await works(shop, chat)
    ((_, alert),) = chat.alerts()
    assert alert.order is not None
    assert alert.order.number == placed.order.number


async def test_a_buyer_sees_the_keys_again_and_nobody_else_does(shop: Shop) -> None:
    variant = await shop.stocked()
    placed = await shop.sold(variant)
    await shop.buyer(BUYER + 1)
    number = placed.order.number
    shown = await delivery.keys_of(shop.uow(), shop.vault, number, BUYER)
    assert [key.secret.reveal() for key in shown.keys] == await shop.bought(placed)
    for stranger in (BUYER + 1, 999):
        with pytest.raises(OrderNotFound):
            await delivery.keys_of(shop.uow(), shop.vault, number, stranger)


async def test_no_key_is_shown_before_it_is_paid(shop: Shop) -> None:
    placed = await shop.places(await shop.buyer(), await shop.stocked())
    shown = await delivery.keys_of(shop.uow(), shop.vault, placed.order.number, BUYER)
    assert shown.keys == []


async def test_a_retry_costs_no_more_than_its_attempt(shop: Shop) -> None:
    """The use case runs twice when its first transaction is rolled back."""
    await shop.sold(await shop.stocked())
    (item,) = await claimed(shop)
    flaky = AbortsOnce(shop)
    await delivery.deliver(flaky, shop.vault, Chat(errors=[SlowDown(1)]), item, RULES, lambda: NOW)
    assert flaky.aborted
    (again,) = await claimed(shop, LATER)
    assert again.attempt_count == 1


async def test_a_buyer_who_blocked_the_bot_is_waited_for_where_the_rule_says_so(
    shop: Shop,
) -> None:
    placed = await shop.sold(await shop.stocked())
    rules = replace(RULES, remedies=Remedies(undeliverable=Remedy.WAIT))
    await works(shop, Chat(errors=[BlockedByBuyer()]), rules=rules)
    assert (await shop.order(placed)).exception is OrderException.UNDELIVERABLE
    assert await shop.rows(tables.outbox, tables.outbox.c.topic == "review") == []


async def test_an_order_that_waits_for_goods_is_not_delivered_by_a_resend(shop: Shop) -> None:
    """A hand-over that was put into the outbox before the goods were gone finds nothing."""
    placed = await shop.sold(await shop.stocked())
    await shop.executes(sa.update(tables.orders).values(exception="short"))
    await works(shop, Chat())
    assert (await shop.order(placed)).status is OrderStatus.PAID
    await shop.executes(sa.update(tables.orders).values(exception=None))
    await reviewing.resend(shop.uow(), placed.order.number, actor_id=ADMIN, now=LATER)
    await works(shop, Chat(), LATER)
    assert (await shop.order(placed)).status is OrderStatus.DELIVERED
