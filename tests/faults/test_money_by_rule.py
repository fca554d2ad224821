"""Money that does not fit: the owner's rules see to it, and both sides are told."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from domain import news
from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Attempt, RefundEvent, RefundStatus
from storage import tables
from storage.attempts import SqlAttempts
from storage.orders import SqlOrders
from tests.chat.shop_chat import ANN, BEN
from tests.faults.test_payment_faults import is_delivered
from tests.faults.waiting import until
from tests.faults.world import (
    CENTS,
    ByEPay,
    Ordered,
    Stall,
    crowd,
    handed_over,
    keys,
    open_stall,
    weakened,
)

KEYS: Final = keys(6)
SERVICES: Final = ["test", "epay"]
CREDITED: Final = "By rule: credited to the buyer's balance."


async def both_are_told(stall: Stall, ordered: Ordered, why: str, remedy: str, said: str) -> None:
    """The owner what was odd and what was done, the buyer what has become of their money."""
    alert = await stall.owner.reads(f"ℹ Order {ordered.number}: {why}", ever=True)
    assert remedy in alert["text"]
    notice = await stall.person(ordered.buyer_id).reads(said, ever=True)
    assert ordered.number in notice["text"]


async def test_f27_too_much_delivers_and_credits_the_excess(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    assert await stall.paid(ordered, CENTS + 101) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    await is_delivered(stall, ordered)
    assert (await stall.order(ordered)).exception is None
    assert (await stall.owed_to(ANN)).amount == 101
    await both_are_told(stall, ordered, "paid too much", CREDITED, "$1.01 more has arrived")
    await stall.ann.says("/balance")
    await stall.ann.reads("Your balance: $1.01")


async def test_f30_late_with_stock_is_delivered(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(KEYS[0])
    ordered = await stall.ordered(ANN)
    await stall.expires(ordered)
    assert await stall.paid(ordered) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    await is_delivered(stall, ordered)
    assert (await stall.order(ordered)).exception is None
    delivered = "By rule: there was stock, so it was delivered."
    await both_are_told(stall, ordered, "paid late", delivered, "Your goods were still there")


async def too_late(stall: Stall, *late: int) -> list[Ordered]:
    """These people's orders have expired, and somebody else has bought the only key."""
    await stall.stocked(KEYS[0])
    found = []
    for person in late:
        found.append(await stall.ordered(person))
        await stall.expires(found[-1])
    [quicker] = crowd(stall, 1)
    await stall.paid(await stall.ordered(quicker))
    assert await stall.keys_read_by(quicker) == KEYS[:1]
    return found


async def test_f31_late_without_stock_is_credited_and_both_sides_are_told(
    stall_on_both: Stall,
) -> None:
    stall, ann = stall_on_both, stall_on_both.ann
    [ordered] = await too_late(stall, ANN)
    for _ in range(2):
        assert await stall.paid(ordered) == stall.service.accepted
    order = await stall.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.EXPIRED, None)
    assert (await stall.owed_to(ANN)).amount == CENTS
    closed = "$4.99 for order"
    await both_are_told(stall, ordered, "paid late", CREDITED, closed)
    await ann.says("/balance")
    await ann.reads("Your balance: $4.99")
    await stall.imports(KEYS[1])
    assert await ann.codes() == []
    assert [sent.keys for sent in handed_over(stall.shop)] == [(KEYS[0],)]


@pytest.mark.parametrize("service", SERVICES)
async def test_f31_by_the_rule_to_wait_imports_serve_whoever_paid_first(
    tmp_path: Path, database_url: str, service: str
) -> None:
    async with open_stall(tmp_path, database_url, service, rule_sold_out="wait") as stall:
        anns, bens = await too_late(stall, ANN, BEN)
        for ordered in (bens, anns):
            assert await stall.paid(ordered) == stall.service.accepted
            order = await stall.order(ordered)
            assert (order.status, order.exception) == (OrderStatus.PAID, OrderException.SHORT)
            waits = "By rule: the buyer waits for goods"
            out_of_stock = "you are in line for the next ones"
            await both_are_told(stall, ordered, "paid late", waits, out_of_stock)
        await stall.imports(KEYS[1])
        assert await stall.keys_read_by(BEN) == KEYS[1:2]
        assert (await stall.order(anns)).exception is OrderException.SHORT
        await stall.imports(KEYS[2])
        assert await stall.keys_read_by(ANN) == KEYS[2:3]
        assert await stall.ben.codes() == KEYS[1:2]
        for ordered in (bens, anns):
            await is_delivered(stall, ordered)
            assert (await stall.order(ordered)).exception is None
        await stall.check()


async def test_f31_by_the_rule_to_refund_it_goes_back_the_way_it_came(
    tmp_path: Path, database_url: str
) -> None:
    async with open_stall(tmp_path, database_url, "epay", rule_sold_out="refund") as stall:
        ordered = await late_and_given_back(stall)
        assert isinstance(stall.service, ByEPay)
        assert stall.service.platform.trades[ordered.attempt].returned == "4.99"
        assert (await stall.owed_to(ANN)).amount == 0
        assert await held_by_the_service(stall) == 0
        await stall.check()


async def test_f31_where_the_service_gives_nothing_back_the_balance_takes_it(
    tmp_path: Path, database_url: str
) -> None:
    async with open_stall(tmp_path, database_url, "test", rule_sold_out="refund") as stall:
        await late_and_given_back(stall)
        assert (await stall.owed_to(ANN)).amount == CENTS
        assert await held_by_the_service(stall) == CENTS
        await stall.check()


async def late_and_given_back(stall: Stall) -> Ordered:
    [ordered] = await too_late(stall, ANN)
    assert await stall.paid(ordered) == stall.service.accepted
    goes_back = "By rule: it goes back to the buyer."
    await both_are_told(stall, ordered, "paid late", goes_back, "it goes back the way it came")
    await until(lambda: is_given_back(stall), "the refund is done")
    order = await stall.order(ordered)
    assert (order.status, order.exception) == (OrderStatus.EXPIRED, None)
    assert await stall.ann.codes() == []
    return ordered


async def is_given_back(stall: Stall) -> bool:
    [refund] = await stall.rows(tables.refunds)
    return bool(refund["status"] == RefundStatus.DONE)


async def held_by_the_service(stall: Stall) -> int:
    """What the ledger says that the payment service has of the shop's."""
    account = f"provider:{stall.service.code}"
    booked = [row for row in await stall.rows(tables.ledger) if row["account"] == account]
    assert booked
    return int(-sum(row["amount"] for row in booked)) - CENTS  # the other buyer's payment


async def test_f32_a_second_payment_for_an_order_is_credited(stall_on_both: Stall) -> None:
    stall = stall_on_both
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    assert await stall.paid(ordered) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    for _ in range(2):
        assert await stall.paid(ordered, nth=2) == stall.service.accepted
    await both_are_told(stall, ordered, "paid twice", CREDITED, "A further payment of $4.99")
    assert (await stall.owed_to(ANN)).amount == CENTS
    assert len(await stall.rows(tables.payments)) == 2
    await is_delivered(stall, ordered)
    assert (await stall.order(ordered)).exception is None
    assert await stall.ann.codes() == KEYS[:1]


async def ten_payments_at_once(stall: Stall) -> None:
    """Ten transactions, all of them genuine, for one order."""
    await stall.stocked(*KEYS)
    ordered = await stall.ordered(ANN)
    payments = (stall.paid(ordered, nth=nth) for nth in range(10))
    assert set(await asyncio.gather(*payments)) == {stall.service.accepted}
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    await is_delivered(stall, ordered)
    assert (await stall.owed_to(ANN)).amount == 9 * CENTS
    await stall.check()


async def test_f32_of_ten_payments_at_once_one_buys_and_nine_are_credited(
    plain_stall_on_both: Stall,
) -> None:
    await ten_payments_at_once(plain_stall_on_both)


class Unheld(SqlOrders):
    async def lock_with_attempt(
        self, provider: str, attempt_number: str
    ) -> tuple[Order, Attempt] | None:
        """Let every payment see the order as if it were the first."""
        attempt = await SqlAttempts(self._connection).by_number(attempt_number)
        return (await self.get(attempt.order_id), attempt) if attempt is not None else None


async def test_f32_control_without_the_orders_lock_payments_collide(
    unchecked_stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, orders=Unheld)
    with pytest.raises(AssertionError):
        await ten_payments_at_once(unchecked_stall)


async def delivered(stall: Stall) -> Ordered:
    await stall.stocked(*KEYS[:3])
    ordered = await stall.ordered(ANN)
    assert await stall.paid(ordered) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]
    await is_delivered(stall, ordered)
    return ordered


async def its_keys_are_flagged(stall: Stall, ordered: Ordered) -> None:
    """They may be used all the same: the owner sees which ones to ask their maker about."""
    assert (await stall.order(ordered)).status is OrderStatus.REFUNDED
    header, *rows = await stall.exported("keys")
    found = {row[header.index("key")]: row[header.index("status")] for row in rows}
    assert found == {KEYS[0]: "refunded", KEYS[1]: "available", KEYS[2]: "available"}


async def earned(stall: Stall) -> int:
    booked = [row for row in await stall.rows(tables.ledger) if row["account"] == "goods"]
    assert booked
    return sum(row["amount"] for row in booked)


async def test_f36_refunded_after_delivery_is_booked_and_its_keys_flagged(
    stall_on_both: Stall,
) -> None:
    """Through EPay; the test provider gives nothing back, and so it goes to the balance."""
    stall = stall_on_both
    ordered = await delivered(stall)
    await stall.owner.says(f"/refund {ordered.number} the key was dead")
    await stall.owner.reads("Given back")
    await its_keys_are_flagged(stall, ordered)
    assert await earned(stall) == 0
    by_epay = isinstance(stall.service, ByEPay)
    assert (await stall.owed_to(ANN)).amount == (0 if by_epay else CENTS)
    if isinstance(stall.service, ByEPay):
        assert stall.service.platform.trades[ordered.attempt].returned == "4.99"


@pytest.mark.parametrize(
    ("disputed", "told"),
    [
        pytest.param(True, "Chargeback of $4.99", id="a chargeback"),
        pytest.param(False, "$4.99 was given back at the payment service", id="at its desk"),
    ],
)
async def test_f36_taken_back_after_delivery_is_booked_once_and_its_keys_flagged(
    stall_on_both: Stall, disputed: bool, told: str
) -> None:
    """The services here tell of none: the news comes in as an adapter would bring it."""
    stall = stall_on_both
    ordered = await delivered(stall)
    for _ in range(3):
        await money_is_taken_back(stall, disputed=disputed)
    assert ordered.number in (await stall.owner.reads(told, ever=True))["text"]
    await its_keys_are_flagged(stall, ordered)
    assert len(await stall.rows(tables.refunds)) == 1
    assert await earned(stall) == 0
    assert (await stall.owed_to(ANN)).amount == 0


async def money_is_taken_back(stall: Stall, *, disputed: bool) -> None:
    [payment] = await stall.rows(tables.payments)
    event = RefundEvent(
        provider=payment["provider"],
        account=payment["account"],
        external_id=payment["external_id"],
        returned=Money(payment["amount"], payment["currency"]),
        disputed=disputed,
    )
    ways = stall.app.ways
    now = datetime.now(UTC)
    await news.take(stall.app.new_uow(), ways.providers, event, ways.rules, now=now)
