"""WeChat Pay's notices: what is believed, what is refused, and what says nothing."""

import base64
import json
import secrets
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3.core import Core  # type: ignore[import-untyped]
from wechatpayv3.utils import load_private_key, rsa_sign  # type: ignore[import-untyped]

from domain.money import Money
from domain.payments import Event, PaymentEvent, RefundEvent
from payments.provider import (
    Answer,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
)
from tests.payments import wechat_keys as keys
from tests.payments.purchases import NUMBER
from tests.payments.standin import Notice
from tests.payments.wechat_keys import API_V3_KEY, MCH_ID, PUBLIC_KEY_ID
from tests.payments.wechat_shop import BACK, DOCUMENTED, PAID, Shop, raw, wechat_shop


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with wechat_shop() as shop:
        yield shop


def returned(shop: Shop, amount: str, number: str) -> RefundEvent:
    money = Money.parse(amount, "CNY")
    paid = shop.weixin.orders[NUMBER].transaction_id
    return RefundEvent("wechat", MCH_ID, paid, money, refund_id=number)


# --- Payments -------------------------------------------------------------------------------


async def test_a_paid_order_is_a_payment(shop: Shop) -> None:
    notice = shop.weixin.notice(await shop.paid("8.88"))
    assert await shop.hears(notice) == [shop.event("8.88")]


async def test_a_replayed_notice_is_the_same_payment(shop: Shop) -> None:
    notice = shop.weixin.notice(await shop.paid())
    assert await shop.hears(notice) == await shop.hears(notice)


async def test_the_key_is_chosen_by_serial(shop: Shop) -> None:
    """While keys are replaced, notices come signed with either."""
    key, serial = keys.PLATFORM_BEFORE, keys.CERTIFICATE_SERIAL
    notice = shop.weixin.telling(PAID, await shop.transaction(), key=key, serial=serial)
    assert await shop.hears(notice) == [shop.event()]
    one = {PUBLIC_KEY_ID: keys.public_pem(keys.PLATFORM)}
    with pytest.raises(InvalidSignature):
        await shop.other(public_keys=one).parse(raw(notice))


async def test_another_amount_and_currency_are_told_as_they_are(shop: Shop) -> None:
    """What is expected is the shop's to compare."""
    told = await shop.transaction() | {"amount": {"total": 1, "currency": "USD"}}
    [event] = await shop.hears(shop.weixin.telling(PAID, told))
    assert isinstance(event, PaymentEvent)
    assert event.amount == Money(1, "USD")


@pytest.mark.parametrize(
    "amount",
    [
        {},
        None,
        1000,
        {"total": 1000},
        {"total": "1000", "currency": "CNY"},
        {"total": 1000.0, "currency": "CNY"},
        {"total": True, "currency": "CNY"},
        {"total": 0, "currency": "CNY"},
        {"total": -1000, "currency": "CNY"},
        {"total": 10**15, "currency": "CNY"},
        {"total": 1000, "currency": "RMB"},
    ],
)
async def test_what_is_no_amount_is_refused(shop: Shop, amount: object) -> None:
    told = await shop.transaction() | {"amount": amount}
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.weixin.telling(PAID, told))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("out_trade_no", "7H3KQ0W2-9XD01"),
        ("out_trade_no", None),
        ("transaction_id", ""),
        ("transaction_id", 4200),
        ("trade_state", None),
    ],
)
async def test_what_is_not_of_its_form_is_refused(shop: Shop, name: str, value: object) -> None:
    told = await shop.transaction() | {name: value}
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.weixin.telling(PAID, told))


@pytest.mark.parametrize("name", ["mchid", "appid"])
async def test_another_merchants_payment_is_refused(shop: Shop, name: str) -> None:
    told = await shop.transaction()
    for other in (told | {name: told[name] + "0"}, {k: v for k, v in told.items() if k != name}):
        with pytest.raises(WrongMerchant):
            await shop.hears(shop.weixin.telling(PAID, other))


async def test_other_news_is_no_payment(shop: Shop) -> None:
    news = shop.weixin.other_news(await shop.paid())
    heard = {name: await shop.hears(notice) for name, notice in news.items()}
    assert not any(
        isinstance(event, PaymentEvent) for events in heard.values() for event in events
    )
    assert {name for name, events in heard.items() if events} == {"the shop's own refund"}


# --- Refunds --------------------------------------------------------------------------------


async def test_a_refund_at_the_desk_is_told(shop: Shop) -> None:
    shop.weixin.give_back(await shop.paid(), Money.parse("4.00", "CNY"))
    assert await shop.hears(shop.weixin.notice(NUMBER)) == [
        returned(shop, "4.00", f"DESK0{NUMBER}")
    ]


async def test_the_shops_own_refund_is_told_by_its_number(shop: Shop) -> None:
    """Of which the shop knows: whether it is news, the books decide."""
    await shop.paid()
    refund = shop.refund()
    await shop.wechat.refund(refund)
    (event,) = await shop.hears(shop.weixin.notice(NUMBER))
    assert isinstance(event, RefundEvent)
    assert event.refund_id == refund.number


async def test_two_refunds_at_the_desk_are_two(shop: Shop) -> None:
    await shop.paid()
    shop.weixin.give_back(NUMBER)
    order = shop.weixin.orders[NUMBER]
    for number in ("DESK1", "DESK2"):
        told = shop.weixin.refund_resource(order) | {"out_refund_no": number}
        notice = shop.weixin.telling(BACK, told)
        assert await shop.hears(notice) == [returned(shop, "10.00", number)]


@pytest.mark.parametrize("refund", [None, 0, -1, "1000", 10.0, True])
async def test_a_refund_of_no_amount_is_refused(shop: Shop, refund: object) -> None:
    shop.weixin.give_back(await shop.paid())
    told = shop.weixin.refund_resource(shop.weixin.orders[NUMBER])
    with pytest.raises(MalformedCallback):
        await shop.hears(shop.weixin.telling(BACK, told | {"amount": {"refund": refund}}))


async def test_another_merchants_refund_is_refused(shop: Shop) -> None:
    shop.weixin.give_back(await shop.paid())
    told = shop.weixin.refund_resource(shop.weixin.orders[NUMBER]) | {"mchid": "1900007292"}
    with pytest.raises(WrongMerchant):
        await shop.hears(shop.weixin.telling(BACK, told))


# --- Over HTTP ------------------------------------------------------------------------------


async def test_wechat_pay_calls_back_over_http(shop: Shop) -> None:
    heard: list[Event] = []

    async def notify(request: web.Request) -> web.Response:
        body = await request.read()
        answer = Answer.ACCEPTED
        try:
            callback = RawCallback(request.method, request.headers, "", body)
            heard.extend(await shop.wechat.parse(callback))
        except DOCUMENTED:
            answer = Answer.REJECTED
        reply = shop.wechat.reply(answer)
        return web.Response(status=reply.status, text=reply.body, content_type=reply.content_type)

    app = web.Application()
    app.router.add_post("/payments/wechat/notify", notify)
    async with TestServer(app) as server:
        url = str(server.make_url("/payments/wechat/notify"))
        number = await shop.paid()
        genuine = await shop.weixin.notice(number).send(shop.http, url)
        forged = [
            (await notice.send(shop.http, url))[0]
            for notice in shop.weixin.forgeries(number).values()
        ]
    assert genuine == shop.weixin.accepted
    assert heard == [shop.event()]
    assert set(forged) == set(shop.weixin.refused)


@pytest.mark.parametrize(
    ("answer", "status"), [(Answer.ACCEPTED, 204), (Answer.RETRY, 500), (Answer.REJECTED, 401)]
)
async def test_replies_are_as_wechat_pay_reads_them(
    shop: Shop, answer: Answer, status: int
) -> None:
    reply = shop.wechat.reply(answer)
    assert (reply.status, reply.content_type) == (status, "application/json")
    code = json.loads(reply.body)["code"] if reply.body else None
    assert code == (None if answer is Answer.ACCEPTED else "FAIL")


# --- A second opinion -----------------------------------------------------------------------


async def test_wechatpayv3_reads_the_same_notice(shop: Shop) -> None:
    notice = shop.weixin.notice(await shop.paid())
    sdk = Core(
        MCH_ID,
        keys.MERCHANT_SERIAL,
        keys.private_pem(keys.MERCHANT),
        API_V3_KEY,
        public_key=keys.public_pem(keys.PLATFORM),
        public_key_id=PUBLIC_KEY_ID,
    )
    told = sdk.callback(notice.headers, notice.body)["resource"]
    [event] = await shop.hears(notice)
    assert isinstance(event, PaymentEvent)
    assert told["transaction_id"] == event.external_id
    assert told["amount"]["total"] == event.amount.amount
    assert not sdk.callback(notice.headers, notice.body + b" ")


async def test_a_notice_that_wechatpayv3_signs_is_believed(shop: Shop) -> None:
    told, nonce = json.dumps(await shop.transaction()), secrets.token_hex(6)
    sealed = AESGCM(API_V3_KEY.encode()).encrypt(nonce.encode(), told.encode(), b"transaction")
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": "transaction",
        "ciphertext": base64.b64encode(sealed).decode(),
    }
    body = json.dumps({"event_type": PAID, "resource": resource})
    at = f"{int(shop.now)}"
    key = load_private_key(keys.private_pem(keys.PLATFORM))
    headers = {
        "Wechatpay-Timestamp": at,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": PUBLIC_KEY_ID,
        "Wechatpay-Signature": rsa_sign(key, f"{at}\n{nonce}\n{body}\n"),
    }
    assert await shop.hears(Notice(headers=headers, body=body.encode())) == [shop.event()]


async def test_a_notice_without_associated_data_is_read(shop: Shop) -> None:
    """WeChat Pay's documents have it as optional."""
    told, nonce = json.dumps(await shop.transaction()), secrets.token_hex(6)
    sealed = AESGCM(API_V3_KEY.encode()).encrypt(nonce.encode(), told.encode(), b"")
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "ciphertext": base64.b64encode(sealed).decode(),
    }
    notice = shop.weixin.signed(json.dumps({"event_type": PAID, "resource": resource}).encode())
    assert await shop.hears(notice) == [shop.event()]
