"""What has happened at other shops, each replayed here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from domain.catalog import MAX_QUANTITY
from domain.orders import OrderException, OrderStatus
from storage import tables
from tests import logscan
from tests.chat.shop_chat import ANN, BEN, OWNER
from tests.faults.test_payment_faults import has_one_effect
from tests.faults.world import SKU, Stall, handed_over, keys, open_stall, taps_at_once
from tests.people import Json

KEYS = keys(6)


async def test_repeated_notices_give_one_key(stall_on_both: Stall) -> None:
    """In bursts, with the buyer looking in between."""
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    request = stall.service.request(ordered.attempt)
    for _ in range(4):
        answers = await asyncio.gather(*(stall.told(request) for _ in range(5)))
        assert set(answers) == {stall.service.accepted}
        await stall.keys_read_by(ANN)
    await has_one_effect(stall, ordered)


async def test_nothing_is_handed_over_in_place_of_the_goods(stall_on_both: Stall) -> None:
    """Paid late, and somebody was quicker: a sentence for the buyer, and never as a key."""
    stall, ann = stall_on_both, stall_on_both.ann
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered)
    await stall.paid(await stall.ordered(BEN))
    assert await stall.keys_read_by(BEN) == KEYS[:1]
    assert await stall.paid(ordered) == stall.service.accepted
    await ann.reads("The money is yours", ever=True)
    assert await ann.codes() == []
    assert (await stall.order(ordered)).status is OrderStatus.EXPIRED
    assert [sent.chat_id for sent in handed_over(stall.shop)] == [BEN]


async def test_late_money_buys_what_comes_in_later(asking_stall_on_both: Stall) -> None:
    stall, ann = asking_stall_on_both, asking_stall_on_both.ann
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered)
    await stall.paid(await stall.ordered(BEN))
    await stall.paid(ordered)
    await stall.owner.reads("there are not enough keys", ever=True)
    assert (await stall.order(ordered)).exception is OrderException.LATE
    await ann.says(f"/order {ordered.number}")
    await ann.reads("The money is safe")
    await stall.imports(KEYS[1])
    answer = await stall.owner.presses("Deliver anyway")
    assert answer["text"] == ""
    assert await stall.keys_read_by(ANN) == KEYS[1:2]


@pytest.mark.parametrize("cents", [499, 600])
async def test_money_that_is_here_already_cannot_be_confirmed_again(
    plain_asking_stall_on_both: Stall, cents: int
) -> None:
    """Late, no stock, and an admin confirms what needs no confirmation: a sentence, no crash."""
    stall, owner = plain_asking_stall_on_both, plain_asking_stall_on_both.owner
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered)
    await stall.paid(await stall.ordered(BEN))
    await stall.paid(ordered, cents)
    await owner.reads("there are not enough keys", ever=True)
    await owner.says(f"/confirm {ordered.number} TX-SEEN-ELSEWHERE the buyer wrote")
    assert "Something went wrong" not in (await owner.reads(""))["text"]


async def test_one_key_and_two_buyers(stall_on_both: Stall) -> None:
    """Nobody gets the other's key, and there are never fewer than none."""
    stall = stall_on_both
    await stall.stocked(KEYS[0])
    for person in (ANN, BEN):
        stall.shop.telegram.world.chat(person).person.started = True
    presses = [(person, await stall.press_of()) for person in (ANN, BEN)]
    answers = await asyncio.gather(
        *(
            stall.person(person).clicks(data, message_id=1, inaccessible=True)
            for person, data in presses
        )
    )
    assert sorted(answer["text"] != "" for answer in answers) == [False, True]
    [attempt] = await stall.rows(tables.attempts)
    await stall.told(stall.service.request(attempt["number"]))
    [order] = await stall.rows(tables.orders)
    assert await stall.keys_read_by(order["buyer_id"]) == KEYS[:1]
    async with stall.app.new_uow() as uow:
        [count] = await uow.stock.counts(SKU)
    assert (count.available, count.reserved, count.sold) == (0, 0, 1)


async def test_thousands_of_keys_in_one_order_are_all_delivered(
    plain_stall_on_both: Stall,
) -> None:
    """As many as the shop sells at once, in more bytes than a column of text holds elsewhere."""
    stall, count = plain_stall_on_both, min(2_500, MAX_QUANTITY)
    many = [f"{nth:05}-{'K' * 80}" for nth in range(count + 1)]
    await stall.stocked()
    logscan.plant(many[0])
    await stall.owner.uploads("keys.txt", "\n".join(many).encode(), caption=f"/import {SKU}")
    await stall.owner.reads(f"Imported: {count + 1}", timeout=20)
    await stall.owner.says(f"/setproduct {SKU} max {count}")
    await stall.owner.reads("Changed: max")
    ordered = await stall.ordered(ANN, count)
    assert await stall.paid(ordered, 499 * count) == stall.service.accepted
    message = await stall.ann.reads("🔑", ever=True, timeout=10)
    file = (await stall.ann.downloads(message)).decode()
    assert len(file) > 65_535
    assert file.splitlines() == many[:count]


async def test_money_after_cancelling_is_not_lost(stall_on_both: Stall) -> None:
    stall, ann = stall_on_both, stall_on_both.ann
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    await ann.presses("Cancel")
    await ann.reads("Cancelled")
    assert await stall.paid(ordered) == stall.service.accepted
    assert len(await stall.keys_read_by(ANN)) == 1
    assert (await stall.order(ordered)).exception is None
    await stall.owner.reads("there was stock, so it was delivered", ever=True)


async def test_paid_for_two_gets_two(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN, quantity=2)
    assert await stall.paid(ordered) == stall.service.accepted  # the price of one
    assert (await stall.order(ordered)).status is OrderStatus.PENDING
    assert await stall.paid(ordered, 499, nth=2) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:2]


SEMICOLONS = ["AAAA;BBBB;0001", ";LEADING-KEY", "TRAILING-KEY;", "a;b,c|d e-KEY", 'QUOTE";-KEY']


@pytest.mark.parametrize("name", ["keys.txt", None])
async def test_a_semicolon_is_part_of_its_key(plain_stall: Stall, name: str | None) -> None:
    stall, owner = plain_stall, plain_stall.owner
    await stall.stocked()
    for key in SEMICOLONS:
        logscan.plant(key)
    if name is None:
        await owner.says("\n".join([f"/import {SKU}", *SEMICOLONS]))
    else:
        content = "\n".join(SEMICOLONS).encode()
        await owner.uploads(name, content, caption=f"/import {SKU}")
    assert "Invalid: 0" in (await owner.reads("Imported:"))["text"]
    ordered = await stall.ordered(ANN, quantity=len(SEMICOLONS))
    await stall.paid(ordered, 499 * len(SEMICOLONS))
    assert await stall.keys_read_by(ANN) == SEMICOLONS


async def test_twenty_taps_on_deliver_hand_over_once(plain_asking_stall_on_both: Stall) -> None:
    stall, owner = plain_asking_stall_on_both, plain_asking_stall_on_both.owner
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered)
    await stall.paid(await stall.ordered(BEN))
    await stall.paid(ordered)
    alert = await owner.reads("there are not enough keys", ever=True)
    await stall.imports(*KEYS[1:])
    taps = [button_of(alert, "Deliver anyway")] * 20
    answers = await taps_at_once(stall, OWNER, alert["message_id"], taps)
    assert {answer["answered"] for answer in answers} == {True}
    assert not [answer for answer in answers if "went wrong" in answer["text"]]
    assert await stall.keys_read_by(ANN) == KEYS[1:2]


def button_of(message: Json, label: str) -> str:
    rows = message["reply_markup"]["inline_keyboard"]
    [data] = [b["callback_data"] for row in rows for b in row if label in b["text"]]
    return str(data)


async def test_confirmed_by_a_person_and_told_by_the_service_at_once(
    stall_on_both: Stall,
) -> None:
    """It is one transaction, whoever is first."""
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    request = stall.service.request(ordered.attempt)
    confirm = f"/confirm {ordered.number} {transaction_in(request)} seen at the desk"
    _, *answers = await asyncio.gather(
        stall.owner.says(confirm), *(stall.told(request) for _ in range(5))
    )
    assert set(answers) == {stall.service.accepted}
    assert "went wrong" not in (await stall.owner.reads(ordered.number))["text"]
    await has_one_effect(stall, ordered)


def transaction_in(request: dict[str, Any]) -> str:
    """The service's own number of it."""
    if "params" in request:
        return str(request["params"]["trade_no"])
    return str(json.loads(request["data"])["transaction"])


async def test_paid_before_a_stop_is_delivered_after_it(tmp_path: Path, database_url: str) -> None:
    """The money is committed, Telegram takes nothing, and the program ends."""
    async with open_stall(tmp_path, database_url) as stall:
        await stall.stocked(*KEYS)
        ordered = await stall.ordered(ANN)
        stall.shop.telegram.fault("500", "sendMessage", count=1000, chat_id=ANN)
        assert await stall.paid(ordered) == stall.service.accepted
    async with open_stall(tmp_path, database_url) as stall:
        stall.shop.telegram.world.chat(ANN).person.started = True
        await stall.ann.reads("🔑", timeout=15, ever=True)
        assert await stall.ann.codes() == KEYS[:1]
        await stall.check()
