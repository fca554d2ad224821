"""PayPal's notices: what is believed, what is refused, and what is no payment."""

import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from domain.errors import ProviderUnavailable
from domain.payments import Event, PaymentEvent
from payments.paypal import PayPal
from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
)
from tests.payments.paypal_shop import Shop, paypal_shop, raw, tells_no_secret
from tests.payments.purchases import NUMBER
from tests.payments.standin import Fault, Notice

DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback, WrongMerchant)
MODES = ["api", "certificate"]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        yield shop


@pytest.fixture(params=MODES)
async def paypal(request: pytest.FixtureRequest, shop: Shop) -> PayPal:
    """An adapter that verifies in the one way or the other."""
    return shop.other(verify=request.param)


async def hears(paypal: PayPal, notice: Notice) -> list[Event]:
    return await paypal.parse(raw(notice))


# --- Believed -----------------------------------------------------------------------------------


async def test_an_approval_is_captured_and_then_a_payment(shop: Shop, paypal: PayPal) -> None:
    tried = await shop.approved()
    assert await hears(paypal, shop.there.notice(NUMBER)) == [shop.approval()]
    assert await paypal.capture(tried) == shop.payment()
    assert await hears(paypal, shop.there.notice(NUMBER)) == [shop.payment()]


async def test_a_replayed_notice_is_the_same_payment(shop: Shop, paypal: PayPal) -> None:
    await shop.paid()
    notice = shop.there.notice(NUMBER)
    assert await hears(paypal, notice) == await hears(paypal, notice) == [shop.payment()]


async def test_a_notice_as_old_as_paypal_repeats_them_is_believed(
    shop: Shop, paypal: PayPal
) -> None:
    await shop.paid()
    body = shop.there.notice(NUMBER).body
    for age in (timedelta(days=30), timedelta(minutes=-4)):
        assert await hears(paypal, shop.there.signed(body, age=age)) == [shop.payment()]


async def test_the_notice_is_asked_about_as_it_came(shop: Shop) -> None:
    """With its own spaces, order of names and escapes: what is signed is its bytes."""
    await shop.paid()
    body = b" " + json.dumps(json.loads(shop.there.notice(NUMBER).body), indent=3).encode() + b"\n"
    assert await hears(shop.paypal, shop.there.signed(body)) == [shop.payment()]
    asked = shop.there.sent[-1][2]
    assert body in asked
    assert json.loads(asked).keys() == {
        *("auth_algo", "cert_url", "webhook_id", "webhook_event"),
        *("transmission_id", "transmission_sig", "transmission_time"),
    }


async def test_what_is_signed_is_a_checksum_in_decimal(shop: Shop) -> None:
    """Without a sign, where the checksum is above 2**31."""
    assert zlib.crc32(body := b'{"event_type":"10"}') > 2**31
    assert await hears(shop.other(verify="certificate"), shop.there.signed(body)) == []


# --- Refused ------------------------------------------------------------------------------------


async def test_every_forgery_is_refused(shop: Shop, paypal: PayPal) -> None:
    await shop.paid()
    for name, forgery in shop.there.forgeries(NUMBER).items():
        with pytest.raises(DOCUMENTED) as caught:
            pytest.fail(f"{name}: {await hears(paypal, forgery)}")
        assert tells_no_secret(caught.value), name


@pytest.mark.parametrize("age", [timedelta(days=31, seconds=1), timedelta(seconds=-301)])
async def test_a_stale_notice_is_refused(shop: Shop, paypal: PayPal, age: timedelta) -> None:
    await shop.paid()
    with pytest.raises(StaleCallback):
        await hears(paypal, shop.there.signed(shop.there.notice(NUMBER).body, age=age))


@pytest.mark.parametrize(
    "name", ["AUTH-ALGO", "CERT-URL", "TRANSMISSION-ID", "TRANSMISSION-TIME", "TRANSMISSION-SIG"]
)
@pytest.mark.parametrize("value", [None, "", "é", "a|b", "x" * 2000, "2026-13-45T99:00:00Z"])
async def test_a_header_that_is_missing_or_odd_is_refused(
    shop: Shop, paypal: PayPal, name: str, value: str | None
) -> None:
    await shop.paid()
    notice = shop.there.notice(NUMBER)
    headers = {k: v for k, v in notice.headers.items() if k != f"PAYPAL-{name}"}
    odd = {} if value is None else {f"PAYPAL-{name}": value}
    with pytest.raises(InvalidSignature):
        await hears(paypal, replace(notice, headers=headers | odd))


async def test_a_truncated_notice_is_refused(shop: Shop, paypal: PayPal) -> None:
    notice = shop.there.signed(b'{"event_type":"A.B"}')
    assert await hears(paypal, notice) == []
    for end in range(len(notice.body)):
        with pytest.raises((InvalidSignature, MalformedCallback)):
            await hears(paypal, replace(notice, body=notice.body[:end]))


async def test_a_body_cannot_add_to_the_question(shop: Shop) -> None:
    """A genuine event, and after it another that is to be believed."""
    await shop.paid()
    notice = shop.there.notice(NUMBER)
    asked = len(shop.there.asked)
    for addition in (b', "webhook_event": {}', b"}, {", b" // ", b"\x00"):
        with pytest.raises(MalformedCallback):
            await hears(shop.paypal, replace(notice, body=notice.body + addition))
    assert len(shop.there.asked) == asked


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"event_type": null}',
        b'{"event_type":"PAYMENT.CAPTURE.COMPLETED"}',
        b'{"event_type":"PAYMENT.CAPTURE.REFUNDED","resource":[]}',
        b'{"event_type":"CHECKOUT.ORDER.APPROVED","resource":{"status":"APPROVED"}}',
        b'{"event_type":"A.B","n":1e9999999999999999999}[',
        b"[" * 60_000,
        b"\xff\xfe",
    ],
)
async def test_what_cannot_be_read_is_malformed(shop: Shop, paypal: PayPal, body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        await hears(paypal, shop.there.signed(body))


async def test_numbers_of_any_size_do_no_harm(shop: Shop, paypal: PayPal) -> None:
    body = b'{"event_type":"A.B","n":[1e9999999999999999999,' + b"9" * 5000 + b"]}"
    assert await hears(paypal, shop.there.signed(body)) == []


HEADERS = {
    "PAYPAL-AUTH-ALGO": st.sampled_from(["SHA256withRSA", "none"]),
    "PAYPAL-CERT-URL": st.text(),
    "PAYPAL-TRANSMISSION-ID": st.text(),
    "PAYPAL-TRANSMISSION-TIME": st.text() | st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
    "PAYPAL-TRANSMISSION-SIG": st.text() | st.binary().map(bytes.hex),
}
FIXTURES = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
@given(headers=st.fixed_dictionaries({}, optional=HEADERS), body=st.binary())
async def test_garbage_is_refused(
    shop: Shop, paypal: PayPal, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(DOCUMENTED):
        await paypal.parse(RawCallback("POST", CIMultiDict(headers), "", body))


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from([NUMBER, "COMPLETED", "APPROVED", "RESOLVED_SELLER_FAVOUR"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "status", "amount", "value", "currency_code", "custom_id", "links"),
                    *("purchase_units", "rel", "href", "seller_payable_breakdown"),
                    *("total_refunded_amount", "dispute_outcome", "outcome_code"),
                    *("disputed_transactions", "dispute_amount"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "CHECKOUT.ORDER.APPROVED",
        *(f"PAYMENT.CAPTURE.{kind}" for kind in ("COMPLETED", "REFUNDED", "REVERSED")),
        "CUSTOMER.DISPUTE.RESOLVED",
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=FIXTURES)
@given(kind=KINDS, resource=ANYTHING)
async def test_signed_garbage_is_refused(shop: Shop, kind: str, resource: object) -> None:
    body = json.dumps({"event_type": kind, "resource": resource}).encode()
    try:
        told = await hears(shop.paypal, shop.there.signed(body))
    except MalformedCallback:
        return
    assert not any(isinstance(event, PaymentEvent) for event in told)


# --- No payment, and no verdict ------------------------------------------------------------------


async def test_no_other_news_is_a_payment(shop: Shop, paypal: PayPal) -> None:
    await shop.paid()
    for name, news in shop.there.other_news(NUMBER).items():
        told = await hears(paypal, news)
        assert not any(isinstance(event, PaymentEvent) for event in told), name


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_notice_of_which_paypal_says_nothing_is_asked_for_again(
    shop: Shop, fault: Fault
) -> None:
    await shop.paid()
    notice = shop.there.notice(NUMBER)
    shop.there.faults["/verify-webhook-signature"] = fault
    with pytest.raises(ProviderUnavailable) as caught:
        await hears(shop.other(timeout=0.1), notice)
    assert tells_no_secret(caught.value)
    shop.there.faults.clear()
    assert await hears(shop.paypal, notice) == [shop.payment()]


async def test_a_shop_that_may_not_ask_refuses_no_notice(shop: Shop) -> None:
    await shop.paid()
    shop.there.forbidden = True
    with pytest.raises(ProviderUnavailable):
        await hears(shop.paypal, shop.there.notice(NUMBER))


async def test_a_shop_with_wrong_credentials_refuses_no_notice(shop: Shop) -> None:
    await shop.paid()
    with pytest.raises(ProviderUnavailable):
        await hears(shop.other(client_id="another"), shop.there.notice(NUMBER))
