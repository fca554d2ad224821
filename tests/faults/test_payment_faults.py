"""Payments that come too often, too late, too small, too large, or from nobody.

The mistakes seen in real shops, and where each is made here, for the test payment and EPay:

| mistake                                             | test                                  |
|-----------------------------------------------------|---------------------------------------|
| 1 signature checked, status not                     | a_signed_notice_of_no_payment         |
| 2 repeated callbacks hand out several keys          | f19, f25                              |
| 3 paid after expiry, stock gone, money lost         | test_money_by_rule: f31               |
| 4 amount, currency, merchant or mode unchecked      | f26, f28, of_another_merchant;        |
|                                                     | test_money_by_rule: f27               |
| 5 a refund notice, or a part, read as a payment     | a_signed_notice_of_no_payment, f26;   |
|                                                     | test_money_by_rule: f36               |
| 6 `==`, empty secret, the message's algorithm, …    | f22, f23, f24, f37                    |
| 7 one WeChat certificate pinned                     | neither has certificates              |
| 8 `return_url` taken as proof                       | the_way_back_proves_nothing           |
| 9 two channels paid for one order                   | paid_by_stars_and_by_callback         |
| 10 slow delivery inside the callback's handler      | answered_before_the_goods_are_sent    |
| 11 a signed callback overriding a final state       | f20, f25                              |
"""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.orders import OrderException, OrderStatus
from domain.payments import AttemptStatus, PaymentEvent, Recorded
from storage import tables
from storage.payments import SqlPayments
from tests.chat.shop_chat import ANN
from tests.faults.world import (
    CENTS,
    UNKNOWN_NUMBER,
    ByTestPay,
    Ordered,
    Service,
    Stall,
    handed_over,
    keys,
    signed,
    weakened,
)

KEYS = keys(6)


async def fifty_notices_at_once(stall: Stall) -> None:
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    request = stall.service.request(ordered.attempt)
    answers = Counter(await asyncio.gather(*(stall.told(request) for _ in range(50))))
    assert answers == {stall.service.accepted: 50}
    await has_one_effect(stall, ordered)


async def has_one_effect(stall: Stall, ordered: Ordered) -> None:
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    await is_delivered(stall, ordered)
    assert len(await stall.rows(tables.payments)) == 1
    assert (await stall.order(ordered)).exception is None
    assert len(handed_over(stall.shop)) == 1


async def is_delivered(stall: Stall, ordered: Ordered) -> None:
    """The order's message says so as soon as the hand-over is noted."""
    await stall.person(ordered.buyer_id).reads("Paid and delivered", ever=True)
    assert (await stall.order(ordered)).status is OrderStatus.DELIVERED


async def test_f19_fifty_notices_at_once_have_one_effect(stall_on_both: Stall) -> None:
    await fifty_notices_at_once(stall_on_both)


class Forgetful(SqlPayments):
    """Takes every notice for a transaction that it has not seen."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self._seen = 0

    async def record(
        self, event: PaymentEvent, order_id: int | None, now: datetime, source: str
    ) -> Recorded | None:
        seen = await self._connection.scalar(
            sa.select(sa.func.count()).select_from(tables.payments)
        )
        new = PaymentEvent(**{**vars(event), "external_id": f"{event.external_id}-{seen}-{now}"})
        return await super().record(new, order_id, now, source)


async def test_f19_control_without_unique_payments_there_are_many(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, payments=Forgetful)
    with pytest.raises(AssertionError):
        await fifty_notices_at_once(unchecked_stall)
    assert len(await unchecked_stall.rows(tables.payments)) > 1


async def test_f20_what_comes_out_of_turn_moves_nothing_back(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    denial = stall.service.denial(ordered.attempt)
    assert await stall.told(denial) == stall.service.accepted
    assert (await stall.order(ordered)).is_pending
    assert await stall.paid(ordered) == stall.service.accepted
    assert await stall.told(denial) == stall.service.accepted
    await has_one_effect(stall, ordered)
    assert await stall.told(denial) == stall.service.accepted
    assert (await stall.order(ordered)).status is OrderStatus.DELIVERED
    assert (await stall.attempt(ordered)).status is AttemptStatus.PAID


async def test_f21_three_days_late_is_recorded_as_late(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered, timedelta(days=3))
    before = await late_ones(stall)
    assert await stall.paid(ordered) == stall.service.accepted
    assert await late_ones(stall) == before + 1
    [payment] = await stall.rows(tables.payments)
    assert payment["received_at"] - (await stall.order(ordered)).created_at > timedelta(days=3)
    await stall.owner.reads("paid late", ever=True)


async def late_ones(stall: Stall) -> float:
    labels = {"provider": stall.service.code, "outcome": "late"}
    return await stall.figure("keystall_settlements_total", **labels)


def forged(service: Service, attempt: str) -> list[dict[str, Any]]:
    """Notices that are not from the service, each wrong in a way of its own."""
    if isinstance(service, ByTestPay):
        body = service.request(attempt)["data"]
        header, other = "X-Test-Signature", service.request(attempt, nth=2)
        made_up = ["", "t=1,v1=", f"t={int(time.time())},v1={'0' * 64}", "none", "v1=" + "0" * 64]
        return [
            {"data": body, "headers": {"Content-Type": "application/json"}},
            *({"data": body, "headers": other["headers"] | {header: sign}} for sign in made_up),
            {"data": body, "headers": other["headers"]},
            signed(body, secret=b"somebody else's secret"),
            signed(body, secret=b""),
            signed(body, at=time.time() - 600),
            signed(body, at=time.time() + 600),
        ]
    told = service.request(attempt)["params"]
    spoilt: list[dict[str, str]] = [
        {name: value for name, value in told.items() if name != "sign"},
        told | {"sign": ""},
        told | {"sign": told["sign"][:-1]},
        told | {"sign": "0" * 32, "sign_type": "NONE"},
        told | {"sign_type": "RSA", "sign": told["sign"] + "=="},
        told | {"money": "0.01"},
        told | {"out_trade_no": UNKNOWN_NUMBER},
        told | {"param": "added on the way"},
    ]
    return [{"method": "GET", "params": fields} for fields in spoilt]


async def refusals(stall: Stall) -> float:
    return sum(
        [
            await stall.figure(
                "keystall_callbacks_total", provider=stall.service.code, outcome=outcome
            )
            for outcome in ("InvalidSignature", "StaleCallback")
        ]
    )


async def test_f22_forged_notices_are_refused_and_counted(stall: Stall) -> None:
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    attempts, before = forged(stall.service, ordered.attempt), await refusals(stall)
    for request in attempts:
        assert await stall.told(request) == stall.service.refused
    assert await refusals(stall) == before + len(attempts)
    assert await stall.rows(tables.payments) == []
    assert (await stall.order(ordered)).is_pending


async def test_of_another_merchant_is_refused(stall: Stall) -> None:
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    if isinstance(stall.service, ByTestPay):
        request = signed(
            stall.service.request(ordered.attempt)["data"], secret=b"the other shop's"
        )
    else:
        request = stall.service.request(ordered.attempt, changes={"pid": "1002"})
    assert await stall.told(request) == stall.service.refused
    assert await stall.rows(tables.payments) == []


async def test_a_signed_notice_of_no_payment_pays_nothing(stall: Stall) -> None:
    """Failed, closed, waiting, given back: signed by the service all the same."""
    await stall.stocked(*KEYS)
    ordered, service = await stall.ordered(ANN), stall.service
    words = ["", "failed", "payment.refunded", "PAYMENT.SUCCEEDED", "WAIT_BUYER_PAY", "1"]
    name = "event" if service.code == "test" else "trade_status"
    for word in [*words, "TRADE_CLOSED", "TRADE_SUCCESS ", "trade_success", "TRADE_FINISHED"]:
        request = service.request(ordered.attempt, changes={name: word})
        assert await stall.told(request) == service.accepted
    assert await stall.rows(tables.payments) == []
    assert (await stall.order(ordered)).is_pending


async def test_f25_the_same_bytes_again_change_nothing(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    request = stall.service.request(ordered.attempt)
    for _ in range(3):
        assert await stall.told(request) == stall.service.accepted
    await has_one_effect(stall, ordered)
    assert await stall.told(request) == stall.service.accepted
    await has_one_effect(stall, ordered)


async def test_f26_too_little_is_held_until_the_rest_comes(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    assert await stall.paid(ordered, CENTS - 1) == stall.service.accepted
    order = await stall.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.PENDING, OrderException.UNDER)
    await stall.owner.reads("Less money came", ever=True)
    assert handed_over(stall.shop) == []
    assert await stall.paid(ordered, 1, nth=2) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]


async def test_f28_another_currency_goes_before_a_person(plain_stall_on_both: Stall) -> None:
    """EPay's messages know no currency."""
    stall = plain_stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    request = ByTestPay().request(ordered.attempt, changes={"currency": "EUR"})
    assert await stall.told(request) == stall.service.accepted
    order = await stall.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.PENDING, OrderException.MISMATCH)
    await stall.owner.reads("in another currency", ever=True)
    [payment] = await stall.rows(tables.payments)
    assert (payment["amount"], payment["currency"]) == (CENTS, "EUR")
    assert await stall.paid(ordered, nth=2) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]


async def test_f29_an_unknown_order_is_stored_and_told_of(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    request = stall.service.request(UNKNOWN_NUMBER)
    for _ in range(2):
        assert await stall.told(request) == stall.service.accepted
    [payment] = await stall.rows(tables.payments)
    assert (payment["order_id"], payment["attempt_number"]) == (None, UNKNOWN_NUMBER)
    alert = await stall.owner.reads("A payment for no known order", ever=True)
    assert UNKNOWN_NUMBER in alert["text"]
    assert payment["external_id"] in alert["text"]


async def test_the_way_back_proves_nothing(stall: Stall) -> None:
    """Whoever opens the page after paying may add to its address what they like."""
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    query = stall.service.request(ordered.attempt).get("params", {"event": "payment.succeeded"})
    url = f"{stall.shop.url}/payments/{stall.service.code}/return?{urlencode(query)}"
    async with stall.shop.http.get(url) as response:
        assert response.status == 200
        assert "Go back to the chat" in await response.text()
    assert await stall.rows(tables.payments) == []
    assert (await stall.order(ordered)).is_pending


async def test_paid_by_stars_and_by_callback_is_delivered_once(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered, ann = await stall.ordered(ANN), stall.ann
    await ann.presses("Other ways to pay")
    await ann.presses("Telegram Stars")
    assert (await ann.pays())["ok"]
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    assert await stall.paid(ordered) == stall.service.accepted
    await stall.owner.reads("paid twice", ever=True)
    await ann.reads("A further payment of $4.99", ever=True)
    assert (await stall.order(ordered)).exception is None
    assert (await stall.owed_to(ANN)).amount == CENTS
    assert await ann.codes() == KEYS[:1]


async def test_a_notice_is_answered_before_the_goods_are_sent(stall: Stall) -> None:
    """Telegram does not answer while the payment service waits for the shop."""
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    stall.shop.telegram.fault("slow", "sendMessage", seconds=1.0, chat_id=ANN)
    began = time.monotonic()
    assert await stall.paid(ordered) == stall.service.accepted
    assert time.monotonic() - began < 0.9
    assert handed_over(stall.shop) == []
    assert await stall.keys_read_by(ANN) == KEYS[:1]
