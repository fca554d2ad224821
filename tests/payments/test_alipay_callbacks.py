"""Alipay's notices: what is believed, and what is refused."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from alipay import AliPay  # type: ignore[import-untyped]  # python-alipay-sdk has no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.money import Money
from domain.payments import Ended, PaymentEvent, RefundEvent
from payments.provider import (
    Answer,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
)
from tests.payments.alipay_keys import ALIPAY, STRANGER, private_text, public_text
from tests.payments.alipay_shop import (
    Shop,
    alipay_shop,
    event,
    given_back,
    raw,
)
from tests.payments.alipay_standin import APP_ID, SELLER_ID, posted, signed
from tests.payments.purchases import NUMBER, attempt
from tests.payments.standin import Notice

DOCUMENTED = (InvalidSignature, MalformedCallback, WrongMerchant)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with alipay_shop() as shop:
        yield shop


async def paid_notice(shop: Shop, **changes: str) -> Notice:
    await shop.paid()
    return posted(signed(shop.standin.told(NUMBER, **changes)))


# --- Payments -------------------------------------------------------------------------------


async def test_a_notice_of_a_paid_trade_is_a_payment(shop: Shop) -> None:
    paid = await shop.paid()
    assert await shop.hears(shop.standin.notice(NUMBER)) == [paid]


async def test_a_replayed_notice_is_the_same_payment(shop: Shop) -> None:
    paid = await shop.paid()
    notice = shop.standin.notice(NUMBER)
    assert await shop.hears(notice) == await shop.hears(notice) == [paid]


async def test_a_trade_finished_months_later_is_the_same_payment(shop: Shop) -> None:
    paid = await shop.paid()
    shop.standin.finish(NUMBER)
    assert await shop.hears(shop.standin.notice(NUMBER)) == [paid]


async def test_fields_in_another_order_and_encoding_are_the_same_payment(shop: Shop) -> None:
    """The signature is over what is decoded: `+` and `%20` are one."""
    told = dict(parse_qsl((await paid_notice(shop, subject="A+B 游戏")).body.decode()))
    body = "&".join(f"{name}={quote(told[name], safe='')}" for name in reversed(told))
    assert "%20" in body
    assert await shop.hears(Notice(body=body.encode())) == [event(shop.standin)]


async def test_the_algorithm_is_not_the_callers_choice(shop: Shop) -> None:
    await shop.paid()
    told = signed(shop.standin.told(NUMBER))
    del told["sign_type"]
    assert await shop.hears(posted(told)) == [event(shop.standin)]
    with pytest.raises(InvalidSignature):
        await shop.hears(shop.standin.forgeries(NUMBER)["signed by SHA-1"])


async def test_no_refund_fee_is_no_refund(shop: Shop) -> None:
    assert await shop.hears(await paid_notice(shop, refund_fee="0.00")) == [event(shop.standin)]


async def test_a_notice_of_less_says_how_much_came(shop: Shop) -> None:
    notice = await paid_notice(shop, total_amount="9.9")
    (found,) = await shop.hears(notice)
    assert found.amount.amount == 990


async def test_replies_are_in_alipays_words(shop: Shop) -> None:
    replies = [shop.alipay.reply(answer) for answer in Answer]
    told = [(reply.status, reply.body) for reply in replies]
    assert told == [(200, "success"), (500, "fail"), (401, "fail")]


# --- Refunds, and other news ----------------------------------------------------------------


async def test_a_partial_refunds_notice_is_no_payment(shop: Shop) -> None:
    paid = await shop.paid()
    shop.standin.give_back(NUMBER, Money(300, "CNY"))
    assert await shop.hears(shop.standin.notice(NUMBER)) == [given_back(paid, "3.00")]


async def test_refunds_add_up_to_the_whole(shop: Shop) -> None:
    paid = await shop.paid()
    shop.standin.give_back(NUMBER, Money(300, "CNY"))
    shop.standin.give_back(NUMBER)
    told = shop.standin.told(NUMBER)
    assert told["trade_status"] == "TRADE_CLOSED"
    assert await shop.hears(posted(signed(told))) == [given_back(paid, "10.00")]


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"])
@pytest.mark.parametrize(
    "marks",
    [
        {"refund_fee": "0.10"},
        {"refund_fee": "0.10", "gmt_refund": "2026-11-20 20:00:00.1"},
        {"refund_fee": "0.10", "gmt_refund": ""},
    ],
)
async def test_whatever_marks_a_refund_makes_it_one(
    shop: Shop, status: str, marks: dict[str, str]
) -> None:
    notice = await paid_notice(shop, trade_status=status, **marks)
    assert await shop.hears(notice) == [given_back(event(shop.standin), "0.10")]


@pytest.mark.parametrize("fee", ["0.00", "", "-1.00", "1e1"])
async def test_a_refund_of_no_amount_is_refused(shop: Shop, fee: str) -> None:
    notice = await paid_notice(shop, gmt_refund="2026-11-20 20:00:00.1", refund_fee=fee)
    with pytest.raises(MalformedCallback):
        await shop.hears(notice)


async def test_a_refund_without_its_amount_is_refused(shop: Shop) -> None:
    with pytest.raises(MalformedCallback):
        await shop.hears(await paid_notice(shop, gmt_refund="2026-11-20 20:00:00.1"))


async def test_a_trade_closed_without_a_refund_has_ended(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    await shop.alipay.close(attempt())
    assert await shop.hears(shop.standin.notice(NUMBER)) == [Ended("alipay", NUMBER)]


async def test_no_other_news_is_a_payment(shop: Shop) -> None:
    await shop.paid()
    heard = {what: await shop.hears(n) for what, n in shop.standin.other_news(NUMBER).items()}
    kinds = {what: [type(found) for found in events] for what, events in heard.items()}
    assert kinds == {
        "not paid yet": [],
        "closed": [Ended],
        "a part refunded": [RefundEvent],
        "all refunded": [RefundEvent],
        "of a status to come": [],
        "of a status in other letters": [],
    }


# --- Forgeries ------------------------------------------------------------------------------


async def refusal_of(shop: Shop, forgery: Notice) -> type[Exception] | None:
    try:
        await shop.hears(forgery)
    except DOCUMENTED as refusal:
        return type(refusal)
    return None


async def test_every_forgery_is_refused(shop: Shop) -> None:
    await shop.paid()
    expected = {
        "of another app": WrongMerchant,
        "of another seller": WrongMerchant,
        "of no seller": WrongMerchant,
        "with a doubled field": MalformedCallback,
    }
    for what, forgery in shop.standin.forgeries(NUMBER).items():
        assert await refusal_of(shop, forgery) is expected.get(what, InvalidSignature), what


async def test_a_truncated_notice_is_refused(shop: Shop) -> None:
    """Cut at every byte before `sign_type`, which is not signed."""
    body = (await paid_notice(shop)).body
    for end in range(body.index(b"&sign_type")):
        with pytest.raises((InvalidSignature, MalformedCallback)):
            await shop.hears(Notice(body=body[:end]))


async def test_an_alipay_of_another_key_is_not_believed(shop: Shop) -> None:
    notice = await paid_notice(shop)
    with pytest.raises(InvalidSignature):
        await shop.other(public_key=public_text(STRANGER)).parse(raw(notice))


@pytest.mark.parametrize("what", [{"app_id": ""}, {"seller_id": "2088102146225135 "}])
async def test_a_near_merchant_is_another(shop: Shop, what: dict[str, str]) -> None:
    with pytest.raises(WrongMerchant):
        await shop.hears(await paid_notice(shop, **what))


@pytest.mark.parametrize(
    "changes",
    [
        *({"total_amount": a} for a in ("1e1", "NaN", "-10.00", "10.001", "0.00", "", "١٠.00")),
        *({"out_trade_no": n} for n in ("", "SHORT", "X" * 33, "7H3KQ0W2-9XD01", "订单订单订单")),
        *({"trade_no": n} for n in ("", "a b", "\x00", "x" * 256)),
    ],
)
async def test_what_is_signed_but_cannot_be_read_is_refused(
    shop: Shop, changes: dict[str, str]
) -> None:
    with pytest.raises(MalformedCallback):
        await shop.hears(await paid_notice(shop, **changes))


@pytest.mark.parametrize("body", [b"\xff=1", b"sign=%ff", b"&&", b"=", b"sign", b"\x00"])
async def test_what_is_no_form_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises((InvalidSignature, MalformedCallback)):
        await shop.hears(Notice(body=body))


async def test_a_notice_in_plain_utf_8_is_not_believed(shop: Shop) -> None:
    """A form escapes what is not ASCII."""
    notice = await paid_notice(shop, subject="游戏")
    with pytest.raises(InvalidSignature):
        await shop.hears(Notice(body=notice.body.replace(quote("游戏").encode(), "游戏".encode())))


# --- A second opinion -----------------------------------------------------------------------


def sdk_as_alipay() -> AliPay:
    """Signs what it says with Alipay's key."""
    return AliPay(
        appid=APP_ID,
        app_private_key_string=private_text(ALIPAY, pem=True),
        alipay_public_key_string=public_text(ALIPAY, pem=True),
    )


async def test_what_the_sdk_signs_is_believed(shop: Shop) -> None:
    await shop.paid()
    told = shop.standin.told(NUMBER)
    body = sdk_as_alipay().sign_data(dict(told)) + "&sign_type=RSA2"
    assert await shop.hears(Notice(body=body.encode())) == [event(shop.standin)]


async def test_the_sdk_believes_what_the_standin_signs(shop: Shop) -> None:
    told = dict(parse_qsl((await paid_notice(shop)).body.decode()))
    assert sdk_as_alipay().verify(told, told.pop("sign"))


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=150,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WILD = st.binary() | st.text(alphabet="a=&%+;f0").map(str.encode) | st.just(b"sign=AAAA")
SIGNED = [
    *("app_id", "seller_id", "total_amount", "out_trade_no", "trade_no", "trade_status"),
    *("refund_fee", "gmt_refund", "more"),
]


@quickly
@given(method=st.sampled_from(["GET", "POST", "HEAD"]), query=st.text(), body=WILD)
async def test_whatever_comes_is_refused_in_a_documented_way(
    shop: Shop, method: str, query: str, body: bytes
) -> None:
    with pytest.raises(DOCUMENTED):
        await shop.alipay.parse(RawCallback(method, {}, query, body))


@quickly
@given(
    changes=st.dictionaries(
        st.sampled_from(SIGNED),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]))
        | st.sampled_from(["TRADE_SUCCESS", "TRADE_CLOSED", "1.00", "0.00", APP_ID, SELLER_ID]),
    )
)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    shop: Shop, changes: dict[str, str]
) -> None:
    told = {
        "app_id": APP_ID,
        "seller_id": SELLER_ID,
        "total_amount": "10.00",
        "out_trade_no": NUMBER,
        "trade_no": "2026",
        "trade_status": "TRADE_SUCCESS",
    } | changes
    try:
        events = await shop.alipay.parse(
            RawCallback("POST", {}, "", urlencode(signed(told)).encode())
        )
    except DOCUMENTED:
        return
    assert all(found.amount for found in events if isinstance(found, PaymentEvent))
