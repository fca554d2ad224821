"""NOWPayments' callbacks: what is believed, how much it is, and what is refused."""

import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.money import MAX_MINOR, Money
from domain.payments import Confirming, PaymentEvent, RefundEvent
from payments.nowpayments import NowPayments, canonical
from payments.provider import InvalidSignature, MalformedCallback, RawCallback
from payments.reading import json_object
from tests.payments.nowpayments_shop import Shop, dollars, nowpayments_shop, raw, told_by
from tests.payments.nowpayments_standin import API_KEY, SECRET
from tests.payments.purchases import NUMBER
from tests.payments.standin import Notice

DOCUMENTED = (InvalidSignature, MalformedCallback)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with nowpayments_shop() as shop:
        yield shop


async def hears(shop: Shop, **changes: Any) -> list[Any]:  # events of any kind
    """What is made of a genuine callback with these fields changed before it was signed."""
    return await shop.nowpayments.parse(raw(shop.api.signed(shop.api.fields(NUMBER) | changes)))


# --- Forgeries ------------------------------------------------------------------------------


async def test_every_forgery_is_refused(shop: Shop) -> None:
    await shop.paid()
    for name, notice in shop.api.forgeries(NUMBER).items():
        with pytest.raises(DOCUMENTED) as refusal:
            await shop.nowpayments.parse(raw(notice))
        told = told_by(refusal.value)
        assert SECRET not in told, name
        assert API_KEY not in told, name


async def test_fields_in_another_order_are_the_same_payment(shop: Shop) -> None:
    await shop.paid()
    told = shop.api.fields(NUMBER)
    headers = shop.api.notice(NUMBER).headers
    body = json.dumps(dict(reversed(told.items())), indent=1).encode()
    callback = raw(Notice(headers=headers, body=body))
    assert await shop.nowpayments.parse(callback) == [shop.event()]


async def test_a_truncated_callback_is_refused(shop: Shop) -> None:
    await shop.paid()
    notice = shop.api.notice(NUMBER)
    for end in range(len(notice.body)):
        with pytest.raises(DOCUMENTED):
            await shop.nowpayments.parse(
                raw(Notice(headers=notice.headers, body=notice.body[:end]))
            )


# --- What came ------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["10.00", "12.30", "0.29"])
async def test_a_finished_payment_is_the_price(shop: Shop, amount: str) -> None:
    await shop.paid(amount)
    callback = raw(shop.api.notice(NUMBER))
    assert await shop.nowpayments.parse(callback) == [shop.event(amount)]
    assert await shop.nowpayments.parse(callback) == [shop.event(amount)]


async def test_a_partial_payment_is_the_part(shop: Shop) -> None:
    await shop.paid(with_="6.00")
    assert await hears(shop) == [shop.event("6.00")]


async def test_a_part_is_rounded_down(shop: Shop) -> None:
    await shop.paid(with_="6.00")
    assert await hears(shop, pay_amount=3, actually_paid=2) == [shop.event("6.66")]


async def test_a_part_that_is_called_one_is_never_the_whole(shop: Shop) -> None:
    await shop.paid(with_="6.00")
    for paid in (100, 200, 99.9999999999999):
        assert await hears(shop, actually_paid=paid) == [shop.event("9.99")]


@pytest.mark.parametrize("paid", [0, 0.001, 1e-7])
async def test_less_than_a_cent_is_no_payment(shop: Shop, paid: float) -> None:
    await shop.paid(with_="6.00")
    assert await hears(shop, actually_paid=paid) == []


async def test_more_than_the_price_is_more(shop: Shop) -> None:
    await shop.paid(with_="15.00")
    assert await hears(shop) == [shop.event("15.00")]


async def test_a_payment_finished_by_hand_is_the_same_payment(shop: Shop) -> None:
    """Partial first, then declared good: one id, so that it is recorded once."""
    await shop.paid(with_="9.95")
    partial = await hears(shop)
    finished = await hears(shop, payment_status="finished")
    assert (partial, finished) == ([shop.event("9.95")], [shop.event("10.00")])
    assert partial[0].external_id == finished[0].external_id


async def test_no_digit_of_a_coin_is_lost(shop: Shop) -> None:
    await shop.paid("1000000.00", with_="10.00")
    share = {"pay_amount": 0.100000000000000001, "actually_paid": 3.3e-7}
    assert await hears(shop, **share) == [shop.event("3.30")]


@pytest.mark.parametrize("status", ["finished", "partially_paid"])
async def test_a_redeposit_counts_for_no_order(shop: Shop, status: str) -> None:
    """It may be called finished whatever it is worth: a person decides."""
    await shop.paid(with_="6.00")
    again = {"payment_id": 77, "parent_payment_id": 5077125051, "actually_paid": 40}
    event = shop.event("4.00", external_id="77", account="nowpayments/re-deposit")
    assert await hears(shop, payment_status=status, **again) == [event]


async def test_a_refund_is_of_all(shop: Shop) -> None:
    await shop.paid()
    shop.api.give_back(NUMBER)
    payment = shop.event()
    refund = RefundEvent("nowpayments", "nowpayments", payment.external_id, payment.amount)
    assert await hears(shop) == [refund]


async def test_a_redeposits_refund_is_of_its_own_account(shop: Shop) -> None:
    await shop.paid()
    again = {"payment_status": "refunded", "parent_payment_id": "1", "actually_paid": 40}
    events = await hears(shop, **again)
    assert [(event.account, event.returned) for event in events] == [
        ("nowpayments/re-deposit", dollars("4.00"))
    ]


async def test_no_other_news_is_a_payment(shop: Shop) -> None:
    await shop.ordered()
    told = {
        name: await shop.nowpayments.parse(raw(notice))
        for name, notice in shop.api.other_news(NUMBER).items()
    }
    seen = {name: events for name, events in told.items() if events}
    assert seen == {
        "confirming": [Confirming("nowpayments", NUMBER, 1, 3)],
        "confirmed": [Confirming("nowpayments", NUMBER, 2, 3)],
        "sending": [Confirming("nowpayments", NUMBER, 3, 3)],
    }
    assert len(told) == 8


async def test_another_price_or_currency_is_told_as_it_is(shop: Shop) -> None:
    """The shop compares; the adapter does not correct."""
    await shop.paid()
    assert await hears(shop, price_amount=9.99) == [shop.event("9.99")]
    euros = Money.parse("10.00", "EUR")
    assert await hears(shop, price_currency="eur") == [shop.event(money=euros)]


async def test_a_currency_may_have_no_decimals(shop: Shop) -> None:
    await shop.paid()
    yen = {"price_amount": 1500, "price_currency": "jpy"}
    assert await hears(shop, **yen) == [shop.event(money=Money(1500, "JPY"))]


async def test_the_sandboxs_money_is_not_live(shop: Shop) -> None:
    await shop.paid()
    sandbox = shop.other(url="https://api-sandbox.nowpayments.io")
    assert await sandbox.parse(raw(shop.api.notice(NUMBER))) == [shop.event(live=False)]


@pytest.mark.parametrize(
    "changes",
    [
        {"order_id": None},
        {"order_id": "short"},
        {"payment_id": None},
        {"payment_id": "5e9"},
        {"payment_id": "a/b"},
        {"price_amount": None},
        {"price_amount": -10},
        {"price_amount": "10,00"},
        {"price_amount": 1e15},
        {"price_currency": None},
        {"price_currency": "usdttrc20"},
        {"price_currency": "ABC"},
        {"pay_amount": 0},
        {"pay_amount": None},
        {"pay_amount": "1e999"},
        {"actually_paid": None},
        {"actually_paid": -1},
        {"actually_paid": 1e90},
        {"actually_paid": True},
    ],
)
async def test_what_is_signed_but_cannot_be_read_is_refused(
    shop: Shop, changes: dict[str, Any]
) -> None:
    await shop.paid()
    with pytest.raises(MalformedCallback):
        await hears(shop, **changes)


@pytest.mark.parametrize("status", [None, 1, [], {}, "FINISHED", "paid"])
async def test_no_other_status_is_a_payment(shop: Shop, status: object) -> None:
    await shop.paid()
    assert await hears(shop, payment_status=status) == []


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=100,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=[]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))
NAMES = st.sampled_from(
    ["payment_id", "payment_status", "price_amount", "pay_amount", "actually_paid", "order_id"]
)
STATUSES = st.sampled_from(["finished", "partially_paid", "refunded", "sending"])


async def parsed(nowpayments: NowPayments, body: bytes) -> list[Any]:  # events of any kind
    """Of a body that is signed, whatever is in it."""
    try:
        signed = canonical(json_object(body, literal=True)).encode("utf-8", "backslashreplace")
    except (MalformedCallback, RecursionError):
        signed = b""
    signature = hmac.new(SECRET.encode(), signed, "sha512").hexdigest()
    return list(
        await nowpayments.parse(RawCallback("POST", {"x-nowpayments-sig": signature}, "", body))
    )


@quickly
@given(body=st.binary() | JSON.map(lambda told: json.dumps(told).encode()), header=ANY_TEXT)
async def test_whatever_comes_is_refused_in_a_documented_way(
    shop: Shop, body: bytes, header: str
) -> None:
    with pytest.raises(DOCUMENTED):
        await shop.nowpayments.parse(RawCallback("POST", {"x-nowpayments-sig": header}, "", body))


@quickly
@given(
    changes=st.dictionaries(NAMES, SCALARS | st.decimals(0, MAX_MINOR).map(str)), status=STATUSES
)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    shop: Shop, changes: dict[str, object], status: str
) -> None:
    told = {"payment_id": 1, "order_id": NUMBER, "price_amount": 10, "price_currency": "usd"}
    told |= {"pay_amount": 100, "actually_paid": 100, "payment_status": status} | changes
    try:
        events = await parsed(shop.nowpayments, json.dumps(told).encode())
    except DOCUMENTED:
        return
    assert all(event.amount for event in events if isinstance(event, PaymentEvent))


@pytest.mark.parametrize("depth", [100, 400, 900, 20_000])
async def test_deep_nesting_is_read_or_refused(shop: Shop, depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    try:
        assert await parsed(shop.nowpayments, body) == []
    except MalformedCallback:
        assert depth > 100
