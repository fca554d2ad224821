"""Crypto Pay's updates: what is believed, and what is refused."""

import json
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from domain.payments import PaymentEvent
from payments.cryptopay import signature
from payments.provider import Answer, InvalidSignature, MalformedCallback, RawCallback
from tests.payments.cryptopay_shop import Shop, cryptopay_shop, event
from tests.payments.cryptopay_standin import CryptoPayStandIn, notice
from tests.payments.purchases import NUMBER
from tests.payments.standin import Notice

DOCUMENTED = (InvalidSignature, MalformedCallback)
HEADER = "crypto-pay-api-signature"
FORGERIES = (
    *("unsigned", "with an empty signature", "signed with nothing", "signed by another app"),
    *("signed with the token itself", "signed in capitals", "of another amount", "truncated"),
    *("re-serialised", "with a doubled field", "without an amount", "that is no JSON"),
    "without an invoice",
)
OTHER_NEWS = (
    *("of another kind", "active", "expired", "of another program", "without a payload"),
    "in an asset",
)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with cryptopay_shop() as shop:
        yield shop


def callback(sent: Notice) -> RawCallback:
    return RawCallback(sent.method, CIMultiDict(sent.headers), sent.query, sent.body)


async def hears(shop: Shop, sent: Notice) -> list[PaymentEvent]:
    return await shop.provider.parse(callback(sent))


def test_the_signature_is_as_documented() -> None:
    """Computed with OpenSSL: the key is the SHA-256 of the token, as bytes."""
    expected = "01effa9f98da90c8d5addfb20c6b885124ee4dc71a6ead7f07071cc9c288a068"
    assert signature("1234:AAtest", b'{"update_id":1}') == expected


async def test_an_update_is_a_payment(shop: Shop) -> None:
    await shop.paid("10.50")
    assert await hears(shop, shop.there.notice(NUMBER)) == [event("10.50")]


async def test_an_update_repeated_is_the_same_payment(shop: Shop) -> None:
    await shop.paid()
    sent = shop.there.notice(NUMBER)
    assert await hears(shop, sent) == await hears(shop, sent) == [event()]


async def test_an_update_of_days_ago_is_a_payment(shop: Shop) -> None:
    """Crypto Pay repeats updates for three days."""
    await shop.paid()
    late = shop.there.update(NUMBER) | {"request_date": "2026-11-17T12:00:00.000Z"}
    assert await hears(shop, shop.there.signed(late)) == [event()]


async def test_an_updates_testnet_money_is_not_live(shop: Shop) -> None:
    await shop.paid()
    testnet = shop.other(url="https://testnet-pay.crypt.bot")
    [heard] = await testnet.parse(callback(shop.there.notice(NUMBER)))
    assert not heard.live


async def test_every_forgery_and_every_other_news_is_tested(shop: Shop) -> None:
    await shop.paid()
    assert set(shop.there.forgeries(NUMBER)) == set(FORGERIES)
    assert set(shop.there.other_news(NUMBER)) == set(OTHER_NEWS)


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused(shop: Shop, name: str) -> None:
    await shop.paid()
    with pytest.raises(DOCUMENTED):
        await hears(shop, shop.there.forgeries(NUMBER)[name])


@pytest.mark.parametrize("name", OTHER_NEWS)
async def test_other_news_is_no_payment(shop: Shop, name: str) -> None:
    await shop.paid()
    assert await hears(shop, shop.there.other_news(NUMBER)[name]) == []


@pytest.mark.parametrize("given", ["", "0" * 64, "\u00e9" * 64, "\udc80", "sha256="])
async def test_a_forged_signature_is_refused(shop: Shop, given: str) -> None:
    await shop.paid()
    body = shop.there.notice(NUMBER).body
    with pytest.raises(InvalidSignature):
        await shop.provider.parse(RawCallback("POST", CIMultiDict({HEADER: given}), "", body))


async def test_a_truncated_update_is_refused(shop: Shop) -> None:
    await shop.paid()
    sent = shop.there.notice(NUMBER)
    for end in range(len(sent.body)):
        with pytest.raises(InvalidSignature):
            await hears(shop, Notice(headers=sent.headers, body=sent.body[:end]))
        with pytest.raises(MalformedCallback):
            await hears(shop, notice(sent.body[:end]))


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 10},
        {"amount": "-10"},
        {"amount": "1e1"},
        {"amount": "10.001"},
        {"fiat": "TON"},
        {"fiat": None},
        {"invoice_id": "1000"},
        {"invoice_id": None},
        {"invoice_id": True},
    ],
)
async def test_an_update_of_another_form_is_refused(
    shop: Shop, changes: dict[str, object]
) -> None:
    await shop.paid()
    with pytest.raises(MalformedCallback):
        await hears(shop, shop.there.signed(shop.there.update(NUMBER, **changes)))


async def test_an_update_comes_over_http(shop: Shop) -> None:
    heard: list[PaymentEvent] = []

    async def notify(request: web.Request) -> web.Response:
        raw = RawCallback(request.method, request.headers, "", await request.read())
        heard.extend(await shop.provider.parse(raw))
        reply = shop.provider.reply(Answer.ACCEPTED)
        return web.Response(status=reply.status, text=reply.body)

    app = web.Application()
    app.router.add_post("/payments/cryptopay/notify", notify)
    await shop.paid()
    async with TestServer(app) as server:
        url = str(server.make_url("/payments/cryptopay/notify"))
        assert await shop.there.notice(NUMBER).send(shop.http, url) == shop.there.accepted
    assert heard == [event()]


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=100,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@quickly
@given(body=st.binary(), given_=st.text())
async def test_whatever_comes_unsigned_is_refused(shop: Shop, body: bytes, given_: str) -> None:
    with pytest.raises(InvalidSignature):
        await shop.provider.parse(RawCallback("POST", {HEADER: given_}, "", body))


@quickly
@given(body=st.binary() | JSON.map(lambda told: json.dumps(told).encode()))
async def test_whatever_is_signed_is_no_payment(shop: Shop, body: bytes) -> None:
    try:
        assert await hears(shop, notice(body)) == []
    except MalformedCallback:
        return


@quickly
@given(
    changes=st.dictionaries(
        st.sampled_from(
            ["invoice_id", "status", "payload", "amount", "fiat", "currency_type", "more"]
        ),
        JSON,
    )
)
async def test_whatever_a_signed_invoice_says_is_read_or_refused(
    shop: Shop, changes: Mapping[str, object]
) -> None:
    invoice = {
        "invoice_id": 1000,
        "status": "paid",
        "payload": NUMBER,
        "amount": "10.00",
        "fiat": "USD",
        "currency_type": "fiat",
    }
    told = {"update_type": "invoice_paid", "payload": invoice | dict(changes)}
    try:
        heard = await hears(shop, CryptoPayStandIn().signed(told))
    except MalformedCallback:
        return
    assert all(found.amount and found.attempt_number == NUMBER for found in heard)
