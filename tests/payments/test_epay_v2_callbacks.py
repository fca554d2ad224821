"""EPay V2's callbacks: what is believed, what is refused, and what is asked again."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ProviderUnavailable
from payments.epay_v2 import EPayV2
from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
)
from tests.payments.epay_v2_shop import Shop, callback, epay_v2_shop
from tests.payments.epay_v2_standin import PID, EPayV2StandIn, sent
from tests.payments.purchases import NOW, NUMBER, new
from tests.payments.standin import Fault, Notice

DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback, WrongMerchant)
FORGERIES = {
    "unsigned": InvalidSignature,
    "an empty signature": InvalidSignature,
    "no base64": InvalidSignature,
    "signed by the merchant": InvalidSignature,
    "changed": InvalidSignature,
    "of another order": InvalidSignature,
    "added to": InvalidSignature,
    "made fresh": InvalidSignature,
    "truncated": InvalidSignature,
    "stale": StaleCallback,
    "early": StaleCallback,
    "of no time": StaleCallback,
    "of another merchant": WrongMerchant,
    "doubled": MalformedCallback,
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with epay_v2_shop() as shop:
        await shop.paid()
        yield shop


@pytest.fixture
async def trusting(shop: Shop) -> EPayV2:
    """An adapter that believes signatures alone."""
    return shop.other(confirm_by_query=False)


async def test_a_callback_is_a_payment_each_time(shop: Shop) -> None:
    for _ in range(2):
        assert await shop.hears(shop.standin.notice(NUMBER)) == [shop.event()]


async def test_a_callback_by_post_is_a_payment(shop: Shop) -> None:
    body = urlencode(shop.standin.told(NUMBER)).encode()
    assert await shop.hears(Notice("POST", body=body)) == [shop.event()]


async def test_four_decimals_are_the_same_money(shop: Shop) -> None:
    shop.standin.trades[NUMBER].told["money"] = "10.0000"
    assert await shop.hears(shop.standin.notice(NUMBER)) == [shop.event()]


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused(shop: Shop, name: str) -> None:
    asked = len(shop.standin.asked)
    with pytest.raises(FORGERIES[name]):
        await shop.hears(shop.standin.forgeries(NUMBER)[name])
    assert len(shop.standin.asked) == asked  # and nobody is asked about it


async def test_every_forgery_is_expected(shop: Shop) -> None:
    assert set(shop.standin.forgeries(NUMBER)) == set(FORGERIES)


async def test_no_other_status_is_a_payment(shop: Shop) -> None:
    for name, notice in shop.standin.other_news(NUMBER).items():
        assert await shop.hears(notice) == [], name


@pytest.mark.parametrize("way", [-1, 1])
async def test_five_minutes_either_way_are_fresh(shop: Shop, way: int) -> None:
    at = int(NOW.timestamp())
    fresh = shop.standin.told(NUMBER, timestamp=str(at + way * 300))
    assert await shop.hears(sent(fresh)) == [shop.event()]
    stale = shop.standin.told(NUMBER, timestamp=str(at + way * 301))
    with pytest.raises(StaleCallback):
        await shop.hears(sent(stale))


@pytest.mark.parametrize("at", ["-1", "1e9", "9" * 5000, "²", " 1", "NaN"])
async def test_what_is_no_time_is_stale(shop: Shop, at: str) -> None:
    with pytest.raises(StaleCallback):
        await shop.hears(sent(shop.standin.told(NUMBER, timestamp=at)))


@pytest.mark.parametrize(
    "changes",
    [
        {"money": "1e1"},
        {"money": "0.00"},
        {"money": ""},
        {"out_trade_no": "SHORT"},
        {"trade_no": "a b"},
        {"trade_no": ""},
    ],
)
async def test_a_payment_that_cannot_be_read_is_refused(
    shop: Shop, changes: dict[str, str]
) -> None:
    with pytest.raises(MalformedCallback):
        await shop.hears(sent(shop.standin.told(NUMBER, **changes)))


async def test_the_merchants_own_link_is_no_callback(shop: Shop) -> None:
    """It carries a genuine signature, and the buyer sees it."""
    shop.standin.faults["create"] = Fault.MISSING
    link = (await shop.epay.create(new())).link
    assert link is not None
    with pytest.raises(InvalidSignature):
        await shop.hears(Notice("GET", query=urlsplit(link).query))


async def test_a_truncated_callback_is_refused(shop: Shop) -> None:
    """Cut anywhere before its last field, in which nothing is signed."""
    whole = shop.standin.notice(NUMBER).query
    for end in range(whole.index("&sign_type")):
        with pytest.raises((InvalidSignature, MalformedCallback)):
            await shop.hears(Notice("GET", query=whole[:end]))


# --- Confirming by query --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"money": "1.00"}, {"trade_no": "2026000000000000"}, {"out_trade_no": "ANOTHERORDER01"}],
)
async def test_a_callback_that_differs_from_the_order_is_refused(
    shop: Shop, changes: dict[str, str]
) -> None:
    with pytest.raises((InvalidSignature, ProviderUnavailable)):
        await shop.hears(sent(shop.standin.told(NUMBER, **changes)))


async def test_a_callback_for_an_unpaid_order_is_refused(shop: Shop, trusting: EPayV2) -> None:
    shop.standin.trades[NUMBER].paid = False
    with pytest.raises(InvalidSignature):
        await shop.hears(shop.standin.notice(NUMBER))
    assert await trusting.parse(callback(shop.standin.notice(NUMBER))) == [shop.event()]


@pytest.mark.parametrize("fault", [Fault.MISSING, Fault.BROKEN, Fault.NONSENSE, Fault.CUT])
async def test_an_unconfirmed_callback_is_to_be_sent_again(shop: Shop, fault: Fault) -> None:
    shop.standin.faults["query"] = fault
    with pytest.raises(ProviderUnavailable):
        await shop.hears(shop.standin.notice(NUMBER))


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=100,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WILD = st.text() | st.text(alphabet="a=&%+;f0\udc80") | st.just("sign=AAAA")


@quickly
@given(method=st.sampled_from(["GET", "POST", "HEAD"]), query=WILD, body=st.binary())
async def test_whatever_comes_is_refused_in_a_documented_way(
    trusting: EPayV2, method: str, query: str, body: bytes
) -> None:
    with pytest.raises(DOCUMENTED):
        await trusting.parse(RawCallback(method, {}, query, body))


@quickly
@given(
    changes=st.dictionaries(
        st.sampled_from(["pid", "money", "out_trade_no", "trade_no", "timestamp", "more"]),
        st.text(alphabet=st.characters(exclude_categories=["Cs", "Zs", "Cc", "Zl", "Zp"])),
    )
)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    trusting: EPayV2, changes: dict[str, str]
) -> None:
    told = {
        "pid": PID,
        "money": "10.00",
        "out_trade_no": NUMBER,
        "trade_no": "2026",
        "trade_status": "TRADE_SUCCESS",
        "timestamp": str(int(NOW.timestamp())),
    } | changes
    try:
        events = await trusting.parse(callback(sent(EPayV2StandIn.sign(told))))
    except DOCUMENTED:
        return
    assert all(found.amount and found.attempt_number and found.external_id for found in events)
