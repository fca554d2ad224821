"""WeChat Pay's notices forged, spoilt and made up: all are refused, in documented ways."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from payments.provider import (
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    SignatureProbe,
    StaleCallback,
    WrongMerchant,
)
from tests.payments import wechat_keys as keys
from tests.payments.purchases import NUMBER
from tests.payments.standin import Notice
from tests.payments.wechat_keys import MCH_ID, PUBLIC_KEY_ID
from tests.payments.wechat_shop import BACK, DOCUMENTED, PAID, Shop, wechat_shop
from tests.payments.wechat_standin import Json


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with wechat_shop() as shop:
        yield shop


# --- Forgeries ------------------------------------------------------------------------------


async def test_every_forgery_is_refused(shop: Shop) -> None:
    believed = []
    for name, notice in shop.weixin.forgeries(await shop.paid()).items():
        try:
            believed.append((name, await shop.hears(notice)))
        except DOCUMENTED:
            continue
    assert believed == []


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a probe", SignatureProbe),
        ("signed by a stranger", InvalidSignature),
        ("changed", InvalidSignature),
        ("re-serialised", InvalidSignature),
        ("stale", StaleCallback),
        ("from the future", StaleCallback),
        ("doubled fields", MalformedCallback),
        ("doubled fields inside", MalformedCallback),
        ("encrypted by others", MalformedCallback),
        ("another app", WrongMerchant),
    ],
)
async def test_a_forgery_is_refused_for_what_it_is(
    shop: Shop, name: str, error: type[Exception]
) -> None:
    notice = shop.weixin.forgeries(await shop.paid())[name]
    with pytest.raises(error) as refused:
        await shop.hears(notice)
    assert type(refused.value) is error


@pytest.mark.parametrize("late", [-300, 300])
async def test_a_notice_is_fresh_for_less_than_five_minutes(shop: Shop, late: int) -> None:
    notice = shop.weixin.notice(await shop.paid())
    shop.now += late - (1 if late > 0 else -1)
    assert await shop.hears(notice) == [shop.event()]
    shop.now += 1 if late > 0 else -1
    with pytest.raises(StaleCallback):
        await shop.hears(notice)


@pytest.mark.parametrize("name", ["Signature", "Timestamp", "Nonce", "Serial"])
async def test_a_missing_header_is_refused(shop: Shop, name: str) -> None:
    notice = shop.weixin.notice(await shop.paid())
    headers = {k: v for k, v in notice.headers.items() if k != f"Wechatpay-{name}"}
    with pytest.raises(InvalidSignature):
        await shop.hears(Notice(headers=headers, body=notice.body))


@pytest.mark.parametrize("at", ["", "now", "-1", "1e9", "١٢٣٤", " 1", "1" * 13])
async def test_what_is_no_time_is_refused(shop: Shop, at: str) -> None:
    notice = shop.weixin.notice(await shop.paid())
    headers = notice.headers | {"Wechatpay-Timestamp": at}
    with pytest.raises(InvalidSignature):
        await shop.hears(Notice(headers=headers, body=notice.body))


async def test_a_nonce_cannot_take_the_bodys_place(shop: Shop) -> None:
    """The signed text's lines would be the same."""
    notice = shop.weixin.signed(b'{"event_type":\n"X"}')
    first, _, second = notice.body.partition(b"\n")
    nonce = f"{notice.headers['Wechatpay-Nonce']}\n{first.decode()}"
    with pytest.raises(InvalidSignature):
        await shop.hears(Notice(headers=notice.headers | {"Wechatpay-Nonce": nonce}, body=second))


async def test_a_truncated_notice_is_refused(shop: Shop) -> None:
    notice = shop.weixin.notice(await shop.paid())
    for end in range(len(notice.body)):
        with pytest.raises(InvalidSignature):
            await shop.hears(Notice(headers=notice.headers, body=notice.body[:end]))


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "AEAD_AES_128_GCM"},
        {"algorithm": None},
        {"nonce": "short"},
        {"nonce": None},
        {"associated_data": "refund"},
        {"associated_data": None},
        {"ciphertext": "AA=="},
        {"ciphertext": "A"},
        {"ciphertext": None},
    ],
)
async def test_what_is_not_encrypted_for_the_shop_is_refused(
    shop: Shop, changes: dict[str, Any]
) -> None:  # JSON of any shape
    notice = json.loads(shop.weixin.notice(await shop.paid()).body)
    notice["resource"] |= changes
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.weixin.signed(json.dumps(notice).encode()))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"\xff", b"{}", b'{"event_type":1}', b'{"event_type":"REFUND.SUCCESS"}'],
)
async def test_what_is_no_notice_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.weixin.signed(body))


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=60,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
HEADER = st.text() | st.sampled_from(["", "=", PUBLIC_KEY_ID, "1795176000", "AAAA"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@quickly
@given(
    headers=st.dictionaries(
        st.sampled_from([f"Wechatpay-{n}" for n in ("Signature", "Serial", "Nonce", "Timestamp")]),
        HEADER,
    ),
    body=st.binary(),
)
async def test_whatever_comes_is_refused_in_a_documented_way(
    shop: Shop, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(DOCUMENTED):
        await shop.wechat.parse(RawCallback("POST", CIMultiDict(headers), "", body))


@quickly
@given(body=st.binary() | JSON.map(lambda told: json.dumps(told).encode()))
async def test_whatever_is_signed_is_refused_in_a_documented_way(shop: Shop, body: bytes) -> None:
    with pytest.raises(DOCUMENTED):
        await shop.hears(shop.weixin.signed(body))


@quickly
@given(
    event=st.sampled_from([PAID, BACK, "OTHER"]),
    changes=st.dictionaries(
        st.sampled_from(
            ["out_trade_no", "transaction_id", "amount", "trade_state", "out_refund_no", "mchid"]
        ),
        JSON,
    ),
)
async def test_whatever_is_encrypted_is_read_or_refused_in_a_documented_way(
    shop: Shop, event: str, changes: Json
) -> None:
    told = {
        "mchid": MCH_ID,
        "appid": keys.APP_ID,
        "out_trade_no": NUMBER,
        "transaction_id": "4200",
        "trade_state": "SUCCESS",
        "out_refund_no": "DESK1",
        "refund_status": "SUCCESS",
        "amount": {"total": 1000, "refund": 100, "currency": "CNY"},
    }
    notice = shop.weixin.telling(event, told | changes)
    try:
        events = await shop.hears(notice)
    except DOCUMENTED:
        return
    assert all(event.external_id and event.account == MCH_ID for event in events)
