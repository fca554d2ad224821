"""EPay's callbacks: what is believed, what is refused, and what is asked again."""

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ProviderUnavailable
from domain.payments import PaymentEvent
from payments.epay import EPay
from payments.provider import (
    FORM,
    Answer,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    WrongMerchant,
)
from tests.payments.epay_shop import Shop, epay_shop, event
from tests.payments.epay_standin import PID, Fault, Platform
from tests.payments.purchases import NUMBER, new

DOCUMENTED = (InvalidSignature, MalformedCallback, WrongMerchant)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with epay_shop() as shop:
        yield shop


@pytest.fixture
async def trusting(shop: Shop) -> EPay:
    """An adapter that believes signatures alone."""
    return shop.other(confirm_by_query=False)


def by_get(told: dict[str, str]) -> RawCallback:
    return RawCallback("GET", {}, urlencode(told), b"")


async def hears(shop: Shop, told: dict[str, str]) -> list[PaymentEvent]:
    return await shop.epay.parse(by_get(told))


def by_post(told: dict[str, str]) -> RawCallback:
    return RawCallback("POST", {"Content-Type": FORM}, "", urlencode(told).encode())


# --- Callbacks ------------------------------------------------------------------------------


async def test_a_callback_by_get_is_a_payment(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    assert await shop.epay.parse(by_get(told)) == [event(shop.platform)]


async def test_a_callback_by_post_is_a_payment(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    assert await shop.epay.parse(by_post(told)) == [event(shop.platform)]


async def test_a_replayed_callback_is_the_same_payment(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    assert await hears(shop, told) == await hears(shop, told)


async def test_fields_in_another_order_are_the_same_payment(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    assert await hears(shop, dict(reversed(told.items()))) == [event(shop.platform)]


async def test_fields_in_another_encoding_are_the_same_payment(shop: Shop) -> None:
    """The signature is over what is decoded: `+` and `%20` are one."""
    told = shop.platform.notice(await shop.paid(), name="A game")
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in told.items())
    assert "%20" in query
    assert await shop.epay.parse(RawCallback("GET", {}, query, b"")) == [event(shop.platform)]


async def test_four_decimals_are_the_same_money(shop: Shop) -> None:
    shop.platform.money = "100.0000"
    told = shop.platform.notice(await shop.paid("100.00"))
    assert await hears(shop, told) == [event(shop.platform, "100.00")]


async def test_the_kind_of_signature_need_not_be_named(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    del told["sign_type"]
    assert await hears(shop, told) == [event(shop.platform)]


async def test_blank_fields_are_not_signed(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid(), param="")
    assert await hears(shop, told) == [event(shop.platform)]


async def test_the_algorithm_is_not_the_callers_choice(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    assert await hears(shop, told | {"sign_type": "NONE"}) == [event(shop.platform)]
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {"sign_type": "NONE", "sign": ""})


@pytest.mark.parametrize(
    "sign", ["", "0" * 32, "\u00e9" * 32, "22af0227eebf7a4095b64af5fa89ca6d", "sign"]
)
async def test_a_forged_signature_is_refused(shop: Shop, sign: str) -> None:
    told = shop.platform.notice(await shop.paid())
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {"sign": sign})


async def test_a_missing_signature_is_refused(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    del told["sign"]
    with pytest.raises(InvalidSignature):
        await hears(shop, told)


async def test_a_signature_in_capitals_is_refused(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {"sign": told["sign"].upper()})


@pytest.mark.parametrize("name", ["money", "out_trade_no", "trade_no", "pid", "name", "type"])
async def test_a_changed_field_is_refused(shop: Shop, name: str) -> None:
    told = shop.platform.notice(await shop.paid())
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {name: told[name] + "0"})


async def test_an_added_field_is_refused(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {"param": "1"})


async def test_a_truncated_callback_is_refused(shop: Shop) -> None:
    """Cut anywhere before its last field, in which nothing is signed."""
    whole = urlencode(shop.platform.notice(await shop.paid()))
    for end in range(whole.index("&sign_type")):
        with pytest.raises((InvalidSignature, MalformedCallback)):
            await shop.epay.parse(RawCallback("GET", {}, whole[:end], b""))


async def test_the_merchants_own_link_is_no_callback(shop: Shop) -> None:
    """It carries a genuine signature, and the buyer sees it."""
    shop.platform.faults["mapi.php"] = Fault.MISSING
    link = (await shop.epay.create(new())).link
    assert link is not None
    assert await shop.epay.parse(RawCallback("GET", {}, urlsplit(link).query, b"")) == []


@pytest.mark.parametrize("name", ["money", "sign", "trade_status", "param"])
async def test_a_doubled_field_is_refused(shop: Shop, name: str) -> None:
    told = shop.platform.notice(await shop.paid(), param="x")
    doubled = f"{urlencode(told)}&{urlencode({name: told[name]})}"
    with pytest.raises(MalformedCallback):
        await shop.epay.parse(RawCallback("GET", {}, doubled, b""))
    with pytest.raises(MalformedCallback):
        await shop.epay.parse(RawCallback("POST", {}, "", doubled.encode()))


async def test_a_posts_query_is_not_read(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    callback = RawCallback("POST", {}, "money=1.00&pid=2", urlencode(told).encode())
    assert await shop.epay.parse(callback) == [event(shop.platform)]


async def test_a_body_that_is_no_text_is_refused(shop: Shop) -> None:
    with pytest.raises(MalformedCallback):
        await shop.epay.parse(RawCallback("POST", {}, "", b"\xff=1"))


@pytest.mark.parametrize("pid", ["1002", "01001", ""])
async def test_another_merchants_payment_is_refused(shop: Shop, pid: str) -> None:
    told = shop.platform.notice(await shop.paid(), pid=pid)
    with pytest.raises(WrongMerchant):
        await hears(shop, told)


@pytest.mark.parametrize(
    "status", ["TRADE_CLOSED", "TRADE_FINISHED", "WAIT_BUYER_PAY", "trade_success", "", "1"]
)
async def test_no_other_status_is_a_payment(shop: Shop, status: str) -> None:
    told = shop.platform.notice(await shop.paid(), trade_status=status)
    assert await hears(shop, told) == []


@pytest.mark.parametrize(
    "money",
    ["1e1", "NaN", "Infinity", "-10.00", "+10.00", "10.001", "0.00", "", "10,00", " 10", "١٠.00"],
)
async def test_what_is_no_amount_is_refused(shop: Shop, money: str) -> None:
    told = shop.platform.notice(await shop.paid(), money=money)
    with pytest.raises(MalformedCallback):
        await hears(shop, told)


@pytest.mark.parametrize("number", ["", "SHORT", "X" * 33, "7H3KQ0W2-9XD01", "订单订单订单订单"])
async def test_what_is_no_number_of_ours_is_refused(shop: Shop, number: str) -> None:
    told = shop.platform.notice(await shop.paid(), out_trade_no=number)
    with pytest.raises(MalformedCallback):
        await hears(shop, told)


@pytest.mark.parametrize("trade_no", ["", "a b", "\x00", "x" * 256])
async def test_what_is_no_trade_is_refused(shop: Shop, trade_no: str) -> None:
    told = shop.platform.notice(await shop.paid(), trade_no=trade_no)
    with pytest.raises(MalformedCallback):
        await hears(shop, told)


@pytest.mark.parametrize("post", [False, True])
async def test_a_platform_calls_back_over_http(shop: Shop, *, post: bool) -> None:
    heard: list[PaymentEvent] = []

    async def notify(request: web.Request) -> web.Response:
        query = request.rel_url.raw_query_string
        body = await request.read()
        heard.extend(
            await shop.epay.parse(RawCallback(request.method, request.headers, query, body))
        )
        reply = shop.epay.reply(Answer.ACCEPTED)
        return web.Response(status=reply.status, text=reply.body)

    app = web.Application()
    app.router.add_route("*", "/payments/epay/notify", notify)
    async with TestServer(app) as server:
        shop.epay = shop.other(public_url=str(server.make_url("")))
        number = await shop.paid()
        answer = await shop.platform.notify(shop.http, number, post=post, name="A+B 游戏")
    assert answer == (200, "success")
    assert heard == [event(shop.platform)]


# --- Confirming by query --------------------------------------------------------------------


async def test_a_genuine_callback_is_confirmed_under_its_trade(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    await hears(shop, told)
    script, asked = shop.platform.asked[-1]
    assert script == "api.php"
    assert (asked["out_trade_no"], asked["trade_no"]) == (NUMBER, told["trade_no"])


async def test_a_callback_for_an_unpaid_order_is_refused(shop: Shop) -> None:
    told = shop.platform.notice(await shop.order())
    with pytest.raises(InvalidSignature):
        await hears(shop, told)


@pytest.mark.parametrize("changes", [{"money": "1.00"}, {"trade_no": "2026000000000000"}])
async def test_a_callback_that_differs_from_the_order_is_refused(
    shop: Shop, changes: dict[str, str]
) -> None:
    told = shop.platform.notice(await shop.paid(), **changes)
    with pytest.raises(InvalidSignature):
        await hears(shop, told)


async def test_a_callback_for_an_unknown_order_is_refused(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid(), out_trade_no="ANOTHERORDER01")
    with pytest.raises(InvalidSignature):
        await hears(shop, told)


@pytest.mark.parametrize("fault", [Fault.MISSING, Fault.BROKEN, Fault.NONSENSE, Fault.CUT])
async def test_an_unconfirmed_callback_is_to_be_sent_again(shop: Shop, fault: Fault) -> None:
    told = shop.platform.notice(await shop.paid())
    shop.platform.faults["api.php"] = fault
    with pytest.raises(ProviderUnavailable):
        await hears(shop, told)
    shop.platform.faults.clear()
    assert await hears(shop, told) == [event(shop.platform)]


async def test_a_forged_callback_asks_nobody(shop: Shop) -> None:
    told = shop.platform.notice(await shop.paid())
    shop.platform.asked.clear()
    with pytest.raises(InvalidSignature):
        await hears(shop, told | {"money": "1.00"})
    assert shop.platform.asked == []


async def test_without_confirmation_the_signature_is_enough(shop: Shop, trusting: EPay) -> None:
    told = shop.platform.notice(await shop.order())
    shop.platform.asked.clear()
    assert await trusting.parse(by_get(told)) == [event(shop.platform)]
    assert shop.platform.asked == []


# --- Anything at all ------------------------------------------------------------------------

quickly = settings(
    max_examples=150,
    deadline=None,
    # The adapter keeps nothing between examples.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WILD = st.text() | st.text(alphabet="a=&%+;f0\udc80") | st.just("sign=")


@quickly
@given(method=st.sampled_from(["GET", "POST", "HEAD"]), query=WILD, body=st.binary())
async def test_whatever_comes_is_refused_in_a_documented_way(
    trusting: EPay, method: str, query: str, body: bytes
) -> None:
    with pytest.raises(DOCUMENTED):
        await trusting.parse(RawCallback(method, {}, query, body))


@quickly
@given(
    changes=st.dictionaries(
        st.sampled_from(["pid", "money", "out_trade_no", "trade_no", "trade_status", "more"]),
        st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    )
)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(
    trusting: EPay, changes: dict[str, str]
) -> None:
    told = {
        "pid": PID,
        "money": "10.00",
        "out_trade_no": NUMBER,
        "trade_no": "2026",
        "trade_status": "TRADE_SUCCESS",
    } | changes
    try:
        events = await trusting.parse(by_post(Platform().signed(told)))
    except DOCUMENTED:
        return
    assert all(found.amount and found.attempt_number and found.external_id for found in events)


async def test_a_terse_confirmation_is_enough(shop: Shop) -> None:
    attempt = new()
    await shop.epay.create(attempt)
    shop.platform.pay(attempt.attempt.number)
    shop.platform.raw_order = b'{"code": 1, "status": 1}'
    told = shop.platform.notice(attempt.attempt.number)
    assert [e.attempt_number for e in await hears(shop, told)] == [attempt.attempt.number]
