"""USDT's callbacks: what is believed, what is refused, and what is asked again."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ProviderUnavailable
from domain.payments import Confirming, Ended, PaymentEvent
from payments.provider import InvalidSignature, MalformedCallback, RawCallback, WrongMerchant
from tests.payments.purchases import NUMBER
from tests.payments.standin import Fault
from tests.payments.usdt_shop import Shop, raw, told_by, usdt_shop
from tests.payments.usdt_standin import TOKEN, UsdtGateway

DOCUMENTED = (InvalidSignature, MalformedCallback, WrongMerchant)
GATEWAYS = {
    "epusdt": lambda: UsdtGateway("epusdt"),
    "bepusdt": lambda: UsdtGateway("bepusdt"),
    "gmpay": lambda: UsdtGateway("gmpay"),
    "gmpay, HMAC": lambda: UsdtGateway("gmpay", algorithm="hmac-sha256"),
}


@pytest.fixture(params=GATEWAYS)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with usdt_shop(GATEWAYS[request.param]()) as shop:
        yield shop


@pytest.fixture
async def gmpay() -> AsyncIterator[Shop]:
    async with usdt_shop(UsdtGateway("gmpay")) as shop:
        yield shop


@pytest.mark.parametrize("amount", ["10.00", "12.30", "0.29", "999999.99"])
async def test_a_callback_is_a_payment(shop: Shop, amount: str) -> None:
    await shop.paid(amount)
    assert await shop.usdt.parse(raw(shop.gateway.notice(NUMBER))) == [shop.event(amount)]


async def test_a_replayed_callback_is_the_same_payment(shop: Shop) -> None:
    await shop.paid()
    callback = raw(shop.gateway.notice(NUMBER))
    assert await shop.usdt.parse(callback) == await shop.usdt.parse(callback)


async def test_a_literal_is_signed_as_it_is_written(shop: Shop) -> None:
    """Whoever signs `10.0000` is believed: no number is read before it is verified."""
    await shop.paid()
    told = {name: str(value) for name, value in shop.gateway.fields(NUMBER).items()}
    notice = shop.gateway.signed(told | {"amount": "10.0000"})
    body = notice.body.replace(b'"10.0000"', b"10.0000").replace(b'"2"', b"2")
    assert b":10.0000," in body
    assert await shop.usdt.parse(RawCallback("POST", {}, "", body)) == [shop.event()]


async def test_fields_that_are_null_are_not_signed(shop: Shop) -> None:
    await shop.paid()
    notice = shop.gateway.signed(shop.gateway.fields(NUMBER) | {"nonce": None})
    assert await shop.usdt.parse(raw(notice)) == [shop.event()]


async def test_every_forgery_is_refused(shop: Shop) -> None:
    await shop.paid()
    for name, notice in shop.gateway.forgeries(NUMBER).items():
        with pytest.raises(DOCUMENTED) as refusal:
            await shop.usdt.parse(raw(notice))
        assert TOKEN not in told_by(refusal.value), name


async def test_forgeries_are_refused_by_their_signature_alone(shop: Shop) -> None:
    await shop.paid()
    usdt = shop.other(confirm_by_query=False)
    forgeries = shop.gateway.forgeries(NUMBER)
    del forgeries["a trade that the gateway does not know"]
    shop.gateway.asked.clear()
    for notice in forgeries.values():
        with pytest.raises(DOCUMENTED):
            await usdt.parse(raw(notice))
    assert shop.gateway.asked == []


async def test_no_other_news_is_a_payment(shop: Shop) -> None:
    await shop.paid()
    for name, notice in shop.gateway.other_news(NUMBER).items():
        events = await shop.usdt.parse(raw(notice))
        assert not any(isinstance(event, PaymentEvent) for event in events), name


async def test_bepusdts_other_news_are_told() -> None:
    async with usdt_shop(UsdtGateway("bepusdt")) as shop:
        await shop.ordered()
        told = {
            name: await shop.usdt.parse(raw(notice))
            for name, notice in shop.gateway.other_news(NUMBER).items()
        }
    ended = [Ended("usdt", NUMBER)]
    assert told == {
        "waiting": [],
        "expired": ended,
        "cancelled": ended,
        "failed": ended,
        "confirming": [Confirming("usdt", NUMBER, 1, 2)],
    }


@pytest.mark.parametrize("pid", ["1001", "", 1001])
async def test_another_merchants_payment_is_refused(gmpay: Shop, pid: object) -> None:
    await gmpay.paid()
    notice = gmpay.gateway.signed(gmpay.gateway.fields(NUMBER) | {"pid": pid})
    with pytest.raises(WrongMerchant):
        await gmpay.usdt.parse(raw(notice))


async def test_a_merchant_id_may_be_a_number(gmpay: Shop) -> None:
    await gmpay.paid()
    notice = gmpay.gateway.signed(gmpay.gateway.fields(NUMBER) | {"pid": 1000})
    assert await gmpay.usdt.parse(raw(notice)) == [gmpay.event()]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": "1e1"},
        {"amount": 10.001},
        {"amount": None},
        {"order_id": "short"},
        {"order_id": 7},
        {"trade_id": "a/b"},
        {"trade_id": ""},
        {"status": "paid"},
        {"status": None},
        {"extra": True},
        {"extra": []},
        {"extra": {"a": 1}},
    ],
)
async def test_what_is_signed_but_cannot_be_read_is_refused(
    shop: Shop, changes: dict[str, Any]
) -> None:
    await shop.paid()
    notice = shop.gateway.signed(shop.gateway.fields(NUMBER) | changes)
    with pytest.raises(MalformedCallback):
        await shop.other(confirm_by_query=False).parse(raw(notice))


async def test_what_was_paid_is_told_not_what_was_asked(shop: Shop) -> None:
    """The shop compares; the adapter does not correct."""
    await shop.paid()
    notice = shop.gateway.signed(shop.gateway.fields(NUMBER) | {"amount": 9.99})
    usdt = shop.other(confirm_by_query=False)
    assert await usdt.parse(raw(notice)) == [shop.event("9.99")]


async def test_a_truncated_callback_is_refused(shop: Shop) -> None:
    await shop.paid()
    body = shop.gateway.notice(NUMBER).body
    for end in range(len(body)):
        with pytest.raises(DOCUMENTED):
            await shop.usdt.parse(RawCallback("POST", {}, "", body[:end]))


# --- Confirming by query --------------------------------------------------------------------


async def test_a_genuine_callback_is_confirmed(shop: Shop) -> None:
    await shop.paid()
    shop.gateway.asked.clear()
    await shop.usdt.parse(raw(shop.gateway.notice(NUMBER)))
    assert len(shop.gateway.asked) == 1


async def test_a_callback_for_an_unpaid_order_is_refused(shop: Shop) -> None:
    await shop.ordered()
    notice = shop.gateway.signed(shop.gateway.fields(NUMBER) | {"status": 2})
    with pytest.raises(InvalidSignature, match="does not confirm"):
        await shop.usdt.parse(raw(notice))


async def test_bepusdt_confirms_the_amount_too() -> None:
    async with usdt_shop(UsdtGateway("bepusdt")) as shop:
        await shop.paid()
        notice = shop.gateway.signed(shop.gateway.fields(NUMBER) | {"amount": 9.99})
        with pytest.raises(InvalidSignature):
            await shop.usdt.parse(raw(notice))


async def test_without_confirmation_the_signature_is_enough(shop: Shop) -> None:
    await shop.paid()
    shop.gateway.asked.clear()
    usdt = shop.other(confirm_by_query=False)
    assert await usdt.parse(raw(shop.gateway.notice(NUMBER))) == [shop.event()]
    assert shop.gateway.asked == []


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.NONSENSE, Fault.CUT])
async def test_an_unconfirmed_callback_is_to_be_sent_again(shop: Shop, fault: Fault) -> None:
    await shop.paid()
    shop.gateway.faults["*"] = fault
    with pytest.raises(ProviderUnavailable):
        await shop.usdt.parse(raw(shop.gateway.notice(NUMBER)))
    shop.gateway.faults.clear()
    assert await shop.usdt.parse(raw(shop.gateway.notice(NUMBER))) == [shop.event()]


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=100,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
NAMES = st.sampled_from(["signature", "pid", "amount", "order_id", "trade_id", "status", "x"])


@quickly
@given(body=st.binary() | JSON.map(lambda told: json.dumps(told).encode()))
async def test_whatever_comes_is_refused_in_a_documented_way(gmpay: Shop, body: bytes) -> None:
    with pytest.raises(DOCUMENTED):
        await gmpay.usdt.parse(RawCallback("POST", {}, "", body))


@quickly
@given(changes=st.dictionaries(NAMES, st.text(alphabet="0123456789.eE-+a&=\u00e9")))
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    gmpay: Shop, changes: dict[str, str]
) -> None:
    told = {"pid": "1000", "amount": "10", "order_id": NUMBER, "trade_id": "2022", "status": "2"}
    notice = gmpay.gateway.signed(told | changes)
    try:
        events = await gmpay.other(confirm_by_query=False).parse(raw(notice))
    except DOCUMENTED:
        return
    assert len(events) <= 1


@pytest.mark.parametrize("depth", [300, 900, 100_000])
async def test_deep_nesting_is_refused(gmpay: Shop, depth: int) -> None:
    with pytest.raises(DOCUMENTED):
        await gmpay.usdt.parse(RawCallback("POST", {}, "", b'{"a":' * depth + b"}" * depth))
