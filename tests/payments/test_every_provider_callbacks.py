"""Callbacks that no provider sends, or that say what is not so: refused, counted, no effect."""

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from payments.provider import MAX_CALLBACK_BYTES, CallbackProvider
from storage import tables
from tests.payments.news import NO_AMOUNTS, OF_MONEY_GONE, with_amount
from tests.payments.stand_ins import on_sqlite
from tests.payments.standin import Notice
from tests.payments.till import Till
from tests.payments.wechat_keys import CERTIFICATE_SERIAL, PLATFORM_BEFORE
from tests.payments.wechat_standin import WeChatPay

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.unmeasured]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TYPES: Final = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "application/octet-stream",
)


@on_sqlite()
async def test_f22_mistake_6_forgeries_are_refused_and_counted(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    before, forged = await till.counted(), till.there.forgeries(ordered.attempt)
    for what, notice in forged.items():
        status, _ = await till.told(notice)
        assert (what, status in till.there.refused) == (what, True), status
    assert await till.counted() == before + len(forged)
    await till.nothing_happened(ordered)
    assert (await till.rows(tables.outbox, tables.outbox.c.topic == "payment")) == []
    await till.believed(till.there.notice(ordered.attempt))
    await till.delivered(ordered, key)


@on_sqlite()
async def test_f24_mistake_6_what_is_cut_off_is_refused(till: Till) -> None:
    ordered, [key, _] = await till.waiting()
    till.there.pay(ordered.attempt)
    genuine: Notice = till.there.notice(ordered.attempt)
    for share in (0.1, 0.5, 0.8):
        query = genuine.query[: int(len(genuine.query) * share)]
        body = genuine.body[: int(len(genuine.body) * share)]
        cut = Notice(genuine.method, genuine.headers, query, body)
        status, _ = await till.told(cut)
        assert status in till.there.refused
    await till.nothing_happened(ordered)
    await till.believed(genuine)
    await till.delivered(ordered, key)


@on_sqlite()
async def test_f24_a_body_in_other_words_is_another_body_or_says_the_same(till: Till) -> None:
    """Where the bytes are signed it is refused; where the fields are, it is the same payment."""
    ordered, _ = await till.waiting()
    till.there.pay(ordered.attempt)
    genuine: Notice = till.there.notice(ordered.attempt)
    if genuine.headers.get("Content-Type", "").startswith("application/json"):
        told = json.loads(genuine.body)
        again = json.dumps(dict(reversed(told.items())), indent=3).encode()
        status, _ = await till.told(Notice(headers=genuine.headers, body=again))
        fields_are_signed = till.code in {"usdt", "nowpayments"}
        assert (status in till.there.refused) is not fields_are_signed
    await till.believed(genuine)
    assert len(await till.payments(ordered)) == 1


@on_sqlite()
async def test_mistake_1_a_genuine_notice_of_no_payment_pays_nothing(till: Till) -> None:
    ordered, _ = await till.waiting()
    for what, notice in till.there.other_news(ordered.attempt).items():
        assert (what, await till.told(notice)) == (what, till.accepted)
        await till.nothing_happened(ordered)


@on_sqlite()
async def test_mistake_5_neither_refunds_nor_approvals_are_payments(till: Till) -> None:
    """Told twice: a shop that forgets the first would take the second for news."""
    ordered, _ = await till.waiting()
    news = till.there.other_news(ordered.attempt)
    for what in OF_MONEY_GONE & news.keys():
        for _ in range(2):
            await till.believed(news[what])
    await till.nothing_happened(ordered)
    assert await till.refunds(ordered) == []


@on_sqlite()
async def test_mistake_8_the_way_back_proves_nothing(till: Till) -> None:
    """Whoever opens the page after paying may add to its address what they like."""
    ordered, _ = await till.waiting()
    till.there.pay(ordered.attempt)
    notice: Notice = till.there.notice(ordered.attempt)
    query = notice.query or notice.body.decode() if b"{" not in notice.body else "paid=1"
    url = f"{till.shop.url}/payments/{till.code}/return?{query}"
    async with till.shop.http.get(url) as response:
        assert response.status == 200
        assert "Go back to the chat" in await response.text()
    async with till.shop.http.post(url, data=notice.body) as response:
        assert response.status == 405
    await till.nothing_happened(ordered)


@on_sqlite()
async def test_f37_what_is_no_amount_is_not_believed(till: Till) -> None:
    """Signed by the provider all the same."""
    ordered, _ = await till.waiting()
    till.there.pay(ordered.attempt)
    for amount in NO_AMOUNTS:
        status, _ = await till.told(with_amount(till, ordered.attempt, amount))
        repeated = {503} if till.code == "btcpay" else set()  # whose API is what told it
        known = {*till.there.refused, till.accepted[0], *repeated}
        assert (amount, status in known) == (amount, True), status
        await till.nothing_happened(ordered)


@on_sqlite()
async def test_f38_other_methods_and_types_are_refused(till: Till) -> None:
    ordered, _ = await till.waiting()
    provider = till.shop.providers[till.code]
    assert isinstance(provider, CallbackProvider)
    for method in METHODS:
        if method not in provider.methods:
            async with till.shop.http.request(method, till.notify_url) as response:
                assert (method, response.status) == (method, 405)
    for content_type in set(TYPES) - provider.methods["POST"]:
        headers = {"Content-Type": content_type}
        async with till.shop.http.post(till.notify_url, data=b"{}", headers=headers) as response:
            assert (content_type, response.status) == (content_type, 415)
    await till.nothing_happened(ordered)


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024 + 1):
        yield b"x" * 1024


@on_sqlite()
async def test_f39_an_oversized_body_is_refused(till: Till) -> None:
    provider = till.shop.providers[till.code]
    assert isinstance(provider, CallbackProvider)
    [content_type, *_] = provider.methods["POST"]
    headers = {"Content-Type": content_type}
    declared = b"x" * (MAX_CALLBACK_BYTES + 1)
    for body in (declared, in_pieces(MAX_CALLBACK_BYTES)):
        async with till.shop.http.post(till.notify_url, data=body, headers=headers) as response:
            assert response.status == 413


@pytest.mark.parametrize("spot", [pytest.param(("wechat", "sqlite"), id="wechat")], indirect=True)
async def test_mistake_7_wechat_pay_may_sign_with_either_of_its_keys(till: Till) -> None:
    """While a merchant moves from the platform's certificate to its public key."""
    there = till.there
    assert isinstance(there, WeChatPay)
    ordered, [key, _] = await till.waiting()
    there.pay(ordered.attempt)
    told = there.transaction(there.orders[ordered.attempt])
    for serial in (CERTIFICATE_SERIAL, "PUB_KEY_ID_0000000000000000000000000000"):
        notice = there.telling("TRANSACTION.SUCCESS", told, key=PLATFORM_BEFORE, serial=serial)
        expected = till.accepted[0] if serial == CERTIFICATE_SERIAL else 401
        assert (await till.told(notice))[0] == expected
    await till.believed(there.notice(ordered.attempt))
    await till.delivered(ordered, key)
