"""Stripe's webhooks: what is refused, and what Stripe's own library says."""

import json
import time
from collections.abc import AsyncIterator

import pytest
import stripe as sdk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from domain.payments import PaymentEvent, RefundEvent
from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
    WrongMerchant,
)
from tests.payments.purchases import NOW, NUMBER
from tests.payments.standin import Notice
from tests.payments.stripe_notices import WEBHOOK_SECRET
from tests.payments.stripe_shop import Shop, callback, stripe_shop
from tests.payments.stripe_standin import StripeStandIn

DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback, WrongMerchant)

FORGERIES = {
    "unsigned": InvalidSignature,
    "only a time": InvalidSignature,
    "no time": InvalidSignature,
    "two times": InvalidSignature,
    "another scheme": InvalidSignature,
    "an empty signature": InvalidSignature,
    "signed with nothing": InvalidSignature,
    "signed by another": InvalidSignature,
    "signed for another time": InvalidSignature,
    "in capitals": InvalidSignature,
    "not ASCII": InvalidSignature,
    "changed": InvalidSignature,
    "truncated": InvalidSignature,
    "serialised again": InvalidSignature,
    "stale": StaleCallback,
    "early": StaleCallback,
    "of test mode": WrongMerchant,
    "of no mode": MalformedCallback,
    "of a connected account": WrongMerchant,
    "doubled": MalformedCallback,
    "a signed fragment": MalformedCallback,
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with stripe_shop() as shop:
        yield shop


@pytest.fixture
async def paid(shop: Shop) -> Shop:
    await shop.paid()
    return shop


def changed(shop: Shop, **changes: object) -> Notice:
    """The session as Stripe might tell of it, signed."""
    told = json.loads(shop.standin.notice(NUMBER).body)
    told["data"]["object"] |= changes
    return shop.standin.signed(told)


# --- Forgeries ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused(paid: Shop, name: str) -> None:
    with pytest.raises(FORGERIES[name]):
        await paid.hears(paid.standin.forgeries(NUMBER)[name])


async def test_every_forgery_is_expected(paid: Shop) -> None:
    assert set(paid.standin.forgeries(NUMBER)) == set(FORGERIES)


@pytest.mark.parametrize("way", [-1, 1])
async def test_five_minutes_either_way_are_fresh(paid: Shop, way: int) -> None:
    notice = paid.standin.notice(NUMBER)
    fresh = paid.other(clock=lambda: NOW.timestamp() + way * 300)
    assert await fresh.parse(callback(notice)) == [paid.event()]
    stale = paid.other(clock=lambda: NOW.timestamp() + way * 301)
    with pytest.raises(StaleCallback):
        await stale.parse(callback(notice))


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_total": "1000"},
        {"amount_total": 10.5},
        {"amount_total": True},
        {"amount_total": -1000},
        {"amount_total": 0},
        {"amount_total": None},
        {"currency": None},
        {"currency": "xxx"},
        {"payment_intent": None},
        {"payment_intent": "pi 1"},
    ],
)
async def test_a_payment_that_cannot_be_read_is_refused(
    paid: Shop, changes: dict[str, object]
) -> None:
    with pytest.raises(MalformedCallback):
        await paid.hears(changed(paid, **changes))


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"livemode": True},
        {"livemode": 1, "type": "charge.refunded"},
        {"livemode": True, "type": "charge.refunded"},
        {"livemode": True, "type": "charge.refunded", "data": []},
        {"livemode": True, "type": "charge.refunded", "data": {"object": "ch_1"}},
    ],
)
async def test_an_event_without_its_parts_is_refused(shop: Shop, told: dict[str, object]) -> None:
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.standin.signed(told))


async def test_a_webhook_cut_anywhere_is_refused(shop: Shop) -> None:
    """Signed as it is: even then nothing but the whole is read."""
    body = b'{"livemode":true,"type":"charge.refunded","data":{"object":{"payment_intent":null}}}'
    now = int(NOW.timestamp())

    def at(end: int) -> RawCallback:
        header = sdk.WebhookSignature.generate_signature_header(
            body[:end].decode(), WEBHOOK_SECRET, now
        )
        return RawCallback("POST", CIMultiDict({"Stripe-Signature": header}), "", body[:end])

    assert await shop.stripe.parse(at(len(body))) == []
    for end in range(len(body)):
        with pytest.raises(MalformedCallback):
            await shop.stripe.parse(at(end))


# --- Stripe's own library -------------------------------------------------------------------


async def test_the_librarys_signature_is_believed(paid: Shop) -> None:
    body = paid.standin.notice(NUMBER).body
    header = sdk.WebhookSignature.generate_signature_header(
        body.decode(), WEBHOOK_SECRET, int(NOW.timestamp())
    )
    assert await paid.hears(Notice(headers={"Stripe-Signature": header}, body=body)) == [
        paid.event()
    ]


async def test_the_vector_is_the_librarys(shop: Shop) -> None:
    """payments.md's: the secret and the time are given, the payload is any."""
    body = b'{"livemode": true, "type": "ping"}'
    at, secret = 1_700_000_000, "whsec_test_secret"
    header = sdk.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    stripe = shop.other(webhook_secrets=[secret], clock=lambda: at)
    headers = CIMultiDict({"Stripe-Signature": header})
    assert await stripe.parse(RawCallback("POST", headers, "", body)) == []


async def test_the_library_believes_the_stand_in(paid: Shop) -> None:
    notice = paid.standin.notice(NUMBER)
    told = sdk.Webhook.construct_event(
        notice.body, notice.headers["Stripe-Signature"], WEBHOOK_SECRET, tolerance=0
    )
    assert told.type == "checkout.session.completed"


# Those that are signed rightly, and wrong in another way; the library knows no future either.
SIGNED = {"early", "of test mode", "of no mode", "of a connected account", "doubled", "two times"}


async def test_the_library_refuses_the_same_forgeries(paid: Shop) -> None:
    paid.standin.clock = time.time
    for name, notice in paid.standin.forgeries(NUMBER).items():
        header = notice.headers.get("Stripe-Signature")
        if name in SIGNED:
            assert sdk.WebhookSignature.verify_header(notice.body, header, WEBHOOK_SECRET, 300)
        elif name not in ("a signed fragment", "not ASCII"):  # at the latter it stumbles
            with pytest.raises(sdk.SignatureVerificationError):
                sdk.WebhookSignature.verify_header(notice.body, header, WEBHOOK_SECRET, 300)


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=150,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@quickly
@given(header=st.text() | st.text(alphabet="t=,v10\udc80"), body=st.binary())
async def test_whatever_comes_is_refused_in_a_documented_way(
    shop: Shop, header: str, body: bytes
) -> None:
    headers = CIMultiDict({"Stripe-Signature": header})
    with pytest.raises(DOCUMENTED):
        await shop.stripe.parse(RawCallback("POST", headers, "", body))


SPOILT = st.fixed_dictionaries(
    {},
    optional={
        "client_reference_id": JSON,
        "payment_status": JSON,
        "status": JSON,
        "amount_total": JSON,
        "amount_refunded": JSON,
        "amount": JSON,
        "currency": JSON,
        "payment_intent": JSON,
    },
)
KINDS = st.sampled_from(
    [
        "checkout.session.completed",
        "checkout.session.expired",
        "charge.refunded",
        "charge.dispute.created",
    ]
)


@quickly
@given(kind=KINDS, spoilt=SPOILT, rest=JSON)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    shop: Shop, kind: str, spoilt: dict[str, object], rest: object
) -> None:
    about = {
        "client_reference_id": NUMBER,
        "metadata": {"attempt": NUMBER},
        "payment_status": "paid",
        "status": "complete",
        "amount_total": 1000,
        "amount_refunded": 1000,
        "amount": 1000,
        "currency": "usd",
        "payment_intent": "pi_1",
    } | spoilt
    told = {"livemode": True, "type": kind, "data": {"object": about}, "request": rest}
    try:
        events = await shop.stripe.parse(callback(StripeStandIn(NOW.timestamp).signed(told)))
    except DOCUMENTED:
        return
    for event in events:
        if isinstance(event, (PaymentEvent, RefundEvent)):
            assert event.external_id
            assert event.amount if isinstance(event, PaymentEvent) else True
