"""BTCPay Server's webhooks: what is believed, what is refused, and what is asked again."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from domain.errors import ProviderUnavailable
from domain.payments import Confirming, Ended, News, PaymentEvent
from payments.btcpay import signature
from payments.provider import (
    Answer,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
)
from tests.payments.btcpay_shop import ANOTHER_KEY, Shop, btcpay_shop, coins, event
from tests.payments.btcpay_standin import STORE, notice
from tests.payments.purchases import NUMBER
from tests.payments.standin import Fault, Notice

DOCUMENTED = (InvalidSignature, MalformedCallback, WrongMerchant)
FORGERIES = (
    *("unsigned", "with an empty signature", "signed with nothing", "signed by another store"),
    *("without an algorithm", "by another algorithm", "changed", "truncated", "re-serialised"),
    *("with a doubled field", "of another store", "of no store", "of no invoice", "of a path"),
    "that is no JSON",
)
OTHER_NEWS = ("a test", "created", "of a payout")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with btcpay_shop() as shop:
        yield shop


def callback(sent: Notice) -> RawCallback:
    return RawCallback(sent.method, CIMultiDict(sent.headers), sent.query, sent.body)


async def hears(shop: Shop, sent: Notice) -> list[News]:
    return await shop.provider.parse(callback(sent))


def test_the_signature_is_as_documented() -> None:
    """Computed with OpenSSL."""
    expected = "sha256=2005423b15bb58bf7daa2a7f583a48ca6ddd86151d9baa61b88d975963eb07b8"
    assert signature("whsec", b'{"type":"InvoiceSettled"}') == expected


# --- What is told ---------------------------------------------------------------------------


async def test_a_settled_invoice_is_a_payment(shop: Shop) -> None:
    await shop.paid("10.50")
    assert await hears(shop, shop.there.notice(NUMBER)) == [event("10.50")]


async def test_a_delivery_repeated_is_the_same_payment(shop: Shop) -> None:
    await shop.paid()
    again = shop.there.signed(shop.there.delivery(NUMBER, "Settled", isRedelivery=True))
    assert await hears(shop, shop.there.notice(NUMBER)) == await hears(shop, again) == [event()]


async def test_a_delivery_is_not_believed_about_what_has_happened(shop: Shop) -> None:
    await shop.order()
    lie = shop.there.delivery(NUMBER, "Settled", manuallyMarked=True, overPaid=True)
    assert await hears(shop, shop.there.signed(lie)) == []


@pytest.mark.parametrize("kind", ["ReceivedPayment", "Processing"])
async def test_a_payment_without_confirmations_is_under_way(shop: Shop, kind: str) -> None:
    await shop.order()
    shop.there.send(NUMBER)
    sent = shop.there.signed(shop.there.delivery(NUMBER, kind))
    assert await hears(shop, sent) == [Confirming("btcpay", NUMBER, seen=1, needed=2)]


@pytest.mark.parametrize("kind", ["Expired", "Invalid"])
async def test_an_invoice_without_a_payment_has_ended(shop: Shop, kind: str) -> None:
    await shop.order()
    shop.there.invoice(NUMBER).status = kind
    assert await hears(shop, shop.there.notice(NUMBER)) == [Ended("btcpay", NUMBER)]


async def test_a_part_and_the_late_rest_are_two_payments(shop: Shop) -> None:
    await shop.order()
    shop.there.send(NUMBER, "4.00")
    shop.there.confirm(NUMBER)
    shop.there.expire(NUMBER)
    part = event("4.00")
    assert await hears(shop, shop.there.notice(NUMBER)) == [part]
    shop.there.pay(NUMBER)
    rest = event("6.00", external_id=coins(1))
    assert await hears(shop, shop.there.notice(NUMBER)) == [part, rest]


async def test_an_invoice_of_another_program_is_no_news(shop: Shop) -> None:
    await shop.paid()
    for metadata in ({"orderId": "web shop #7"}, {}, None):
        shop.there.invoice(NUMBER).overrides = {"metadata": metadata}
        assert await hears(shop, shop.there.notice(NUMBER)) == []


async def test_a_webhook_comes_over_http(shop: Shop) -> None:
    heard: list[News] = []

    async def notify(request: web.Request) -> web.Response:
        raw = RawCallback(request.method, request.headers, "", await request.read())
        heard.extend(await shop.provider.parse(raw))
        reply = shop.provider.reply(Answer.ACCEPTED)
        return web.Response(status=reply.status, text=reply.body)

    app = web.Application()
    app.router.add_post("/payments/btcpay/notify", notify)
    await shop.paid()
    async with TestServer(app) as server:
        url = str(server.make_url("/payments/btcpay/notify"))
        assert await shop.there.notice(NUMBER).send(shop.http, url) == shop.there.accepted
    assert heard == [event()]


# --- What is refused ------------------------------------------------------------------------


async def test_every_forgery_and_every_other_news_is_tested(shop: Shop) -> None:
    await shop.paid()
    assert set(shop.there.forgeries(NUMBER)) == set(FORGERIES)
    assert set(shop.there.other_news(NUMBER)) == set(OTHER_NEWS)


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forgery_is_refused_and_nobody_is_asked(shop: Shop, name: str) -> None:
    await shop.paid()
    shop.there.asked.clear()
    with pytest.raises(DOCUMENTED):
        await hears(shop, shop.there.forgeries(NUMBER)[name])
    assert shop.there.asked == []


@pytest.mark.parametrize("name", OTHER_NEWS)
async def test_other_news_is_no_payment(shop: Shop, name: str) -> None:
    await shop.paid()
    shop.there.asked.clear()
    assert await hears(shop, shop.there.other_news(NUMBER)[name]) == []
    assert shop.there.asked == []


@pytest.mark.parametrize(
    "given", ["", "sha256=" + "0" * 64, "sha256=\u00e9", "\udc80", "sha256", "none="]
)
async def test_a_forged_signature_is_refused(shop: Shop, given: str) -> None:
    await shop.paid()
    headers = CIMultiDict({"btcpay-sig": given})
    with pytest.raises(InvalidSignature):
        await shop.provider.parse(RawCallback("POST", headers, "", shop.there.notice(NUMBER).body))


async def test_a_truncated_delivery_is_refused(shop: Shop) -> None:
    await shop.paid()
    sent = shop.there.notice(NUMBER)
    for end in range(len(sent.body)):
        with pytest.raises(InvalidSignature):
            await hears(shop, Notice(headers=sent.headers, body=sent.body[:end]))
        with pytest.raises(MalformedCallback):
            await hears(shop, notice(sent.body[:end]))


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
async def test_without_the_servers_word_a_delivery_is_to_be_sent_again(
    shop: Shop, fault: Fault
) -> None:
    await shop.paid()
    sent = shop.there.notice(NUMBER)
    for part in ("/invoices/", "payment-methods"):
        shop.there.faults[part] = fault
        with pytest.raises(ProviderUnavailable):
            await hears(shop, sent)
        shop.there.faults.clear()
    assert await hears(shop, sent) == [event()]


async def test_without_permission_a_delivery_is_to_be_sent_again(shop: Shop) -> None:
    await shop.paid()
    with pytest.raises(ProviderUnavailable):
        await shop.other(api_key=ANOTHER_KEY).parse(callback(shop.there.notice(NUMBER)))


async def test_an_unknown_invoice_is_to_be_told_again(shop: Shop) -> None:
    await shop.paid()
    sent = shop.there.signed(shop.there.delivery(NUMBER, "Settled", invoiceId="Inv7"))
    with pytest.raises(ProviderUnavailable):
        await hears(shop, sent)


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
        await shop.provider.parse(RawCallback("POST", {"BTCPay-Sig": given_}, "", body))


@quickly
@given(body=st.binary() | JSON.map(lambda told: json.dumps(told).encode()))
async def test_whatever_is_signed_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises((MalformedCallback, WrongMerchant)):
        await hears(shop, notice(body))


@quickly
@given(
    changes=st.dictionaries(
        st.sampled_from(["storeId", "invoiceId", "type", "metadata", "more"]), JSON
    )
)
async def test_whatever_a_delivery_says_is_read_or_refused(
    shop: Shop, changes: dict[str, object]
) -> None:
    told = {"storeId": STORE, "invoiceId": "Inv7", "type": "InvoiceSettled"} | changes
    try:
        heard = await hears(shop, shop.there.signed(told))
    except (*DOCUMENTED, ProviderUnavailable):
        return
    assert not any(isinstance(news, PaymentEvent) for news in heard)
