"""Alipay: what answers are believed, what may go wrong, and which settings are refused."""

import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from alipay import AliPay  # type: ignore[import-untyped]  # python-alipay-sdk has no types
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability, CloseResult
from payments.alipay import Alipay
from payments.provider import CallbackProvider
from tests.payments.alipay_keys import (
    ALIPAY,
    MERCHANT,
    STRANGER,
    content_of,
    private_text,
    public_text,
)
from tests.payments.alipay_shop import (
    PRIVATE_KEY,
    Shop,
    alipay_shop,
    event,
    refund,
    saying,
    settings_of,
)
from tests.payments.alipay_standin import APP_ID, AlipayStandIn, answer
from tests.payments.purchases import NUMBER, attempt, new
from tests.payments.standin import Fault

PRECREATE = "alipay.trade.precreate"
QUERY, REFUND = "alipay.trade.query", "alipay.trade.refund"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with alipay_shop() as shop:
        yield shop


# --- Refusals, and whom to believe ----------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"code": "20000", "sub_code": "isp.unknow-error"}, ProviderUnavailable),
        ({"code": "40005", "sub_code": "isv.app-call-limited"}, ProviderUnavailable),
        ({"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}, ProviderUnavailable),
        ({"code": "40004", "sub_code": "aop.ACQ.SYSTEM_ERROR"}, ProviderUnavailable),
        ({"code": "10003"}, ProviderUnavailable),
        ({}, ProviderUnavailable),
        ([], ProviderUnavailable),
        ({"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"}, ProviderRejected),
        ({"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}, ProviderRejected),
    ],
)
async def test_only_a_definite_no_rejects(
    shop: Shop, told: object, error: type[Exception]
) -> None:
    paid = await shop.paid()
    shop.standin.answers[REFUND] = saying(REFUND, told)
    with pytest.raises(error):
        await shop.alipay.refund(refund(paid, "1.00"))


@pytest.mark.parametrize("sub_code", ["an answer about a@b.example", "余额不足", "X" * 65])
async def test_no_free_text_gets_into_an_error(shop: Shop, sub_code: str) -> None:
    shop.standin.answers[PRECREATE] = saying(PRECREATE, {"code": "40004", "sub_code": sub_code})
    with pytest.raises(ProviderRejected, match=r"^alipay: refused$"):
        await shop.order()


async def test_a_refusal_of_the_gateway_needs_no_signature(shop: Shop) -> None:
    refusal = {"error_response": {"code": "40002", "sub_code": "isv.invalid-method"}}
    shop.standin.answers[PRECREATE] = json.dumps(refusal).encode()
    with pytest.raises(ProviderRejected, match=r"isv\.invalid-method"):
        await shop.order()


@pytest.mark.parametrize("sign", ["", "AAAA", "%%", None, 7])
async def test_an_unsigned_answer_is_not_believed(shop: Shop, sign: object) -> None:
    told = {"code": "10000", "out_trade_no": NUMBER, "qr_code": "https://evil.example/1"}
    whole = {"alipay_trade_precreate_response": told, "sign": sign}
    shop.standin.answers[PRECREATE] = json.dumps(whole, separators=(",", ":")).encode()
    with pytest.raises(ProviderUnavailable):
        await shop.order()


async def test_an_unsigned_no_trade_is_not_believed(shop: Shop) -> None:
    told = {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"}
    whole = {"alipay_trade_query_response": told}
    shop.standin.answers[QUERY] = json.dumps(whole, separators=(",", ":")).encode()
    with pytest.raises(ProviderUnavailable):
        await shop.alipay.query(attempt())


@pytest.mark.parametrize("key", [STRANGER, MERCHANT])
async def test_an_answer_signed_by_others_is_not_believed(shop: Shop, key: object) -> None:
    told = {"code": "10000", "out_trade_no": NUMBER, "qr_code": "https://evil.example/1"}
    assert isinstance(key, type(STRANGER))
    name = "alipay_trade_precreate_response"
    shop.standin.answers[PRECREATE] = answer(name, json.dumps(told).encode(), key)
    with pytest.raises(ProviderUnavailable):
        await shop.order()


async def test_what_is_signed_is_read_as_it_stands(shop: Shop) -> None:
    """Spaces, escapes and braces in texts: nothing is written anew."""
    signed = b'{ "code":"10000" , "out_trade_no":"%s", "qr_code":"https:\\/\\/qr.x\\/1", "a":"}"}'
    name = "alipay_trade_precreate_response"
    shop.standin.answers[PRECREATE] = answer(name, signed % NUMBER.encode())
    assert (await shop.order()).qr == "https://qr.x/1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"alipay_trade_query_response" : {}}',
        b'{"alipay_trade_query_response":[],"sign":"AAAA"}',
        b'{"alipay_trade_query_response":"\xed\xa0\x80","sign":"AAAA"}',
        '{"alipay_trade_query_response":{}}'.encode("utf-16"),
        b'{"alipay_close_response":{},"sign":"AAAA"}',
        b'{"error_response":{"code":["40002"]}}',
    ],
)
async def test_what_is_no_answer_is_nonsense(shop: Shop, body: bytes) -> None:
    shop.standin.answers[QUERY] = body
    with pytest.raises(ProviderUnavailable):
        await shop.alipay.query(attempt())


# --- Faults ---------------------------------------------------------------------------------

FAULTS = [
    Fault.MISSING,
    Fault.BROKEN,
    Fault.NONSENSE,
    Fault.CUT,
    Fault.GARBLED,
    Fault.SLOW,
    Fault.TOO_MANY,
    Fault.MOVED,
    Fault.LOST,
]
Act = Callable[[Shop, Alipay], Awaitable[object]]
ACTS: dict[str, Act] = {
    "create": lambda shop, alipay: alipay.create(new()),
    "query": lambda shop, alipay: alipay.query(attempt()),
    "close": lambda shop, alipay: alipay.close(attempt()),
    "refund": lambda shop, alipay: alipay.refund(refund(event(shop.standin), "4.00")),
    "check": lambda shop, alipay: alipay.check(),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_leaves_the_outcome_unknown_and_doubles_nothing(
    shop: Shop, fault: Fault, act: str
) -> None:
    await shop.order()
    if act == "refund":
        shop.standin.pay(NUMBER)
    hasty = shop.other(timeout=0.05 if fault is Fault.SLOW else 8)
    shop.standin.faults["*"] = fault
    with pytest.raises(ProviderUnavailable):
        await ACTS[act](shop, hasty)
    shop.standin.faults.clear()
    await ACTS[act](shop, shop.alipay)
    assert list(shop.standin.orders) == [NUMBER]
    returned = Money(400, "CNY") if act == "refund" else None
    assert shop.standin.given_back(NUMBER) == returned


async def test_a_close_whose_answer_was_lost_is_closed(shop: Shop) -> None:
    await shop.order()
    shop.standin.scan(NUMBER)
    shop.standin.faults["*"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.alipay.close(attempt())
    shop.standin.faults.clear()
    assert await shop.alipay.close(attempt()) is CloseResult.CLOSED


# --- Settings -------------------------------------------------------------------------------


async def test_the_adapter_is_what_a_shop_expects(shop: Shop) -> None:
    assert isinstance(shop.alipay, CallbackProvider)
    assert shop.alipay.live
    assert shop.alipay.capabilities == (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("https://openapi.alipay.com/gateway.do", True),
        ("https://openapi-sandbox.dl.alipaydev.com/gateway.do", False),
        ("https://openapi.alipaydev.com/gateway.do", False),
        ("not an address", True),
    ],
)
async def test_the_sandbox_is_not_live(shop: Shop, url: str, *, live: bool) -> None:
    assert shop.other(url=url).live is live


@pytest.mark.parametrize("pem", [False, True])
@pytest.mark.parametrize("pkcs1", [False, True])
async def test_keys_are_taken_as_alipays_tools_hand_them_out(
    shop: Shop, *, pkcs1: bool, pem: bool
) -> None:
    private = private_text(MERCHANT, pkcs1=pkcs1, pem=pem)
    public = public_text(ALIPAY, pem=pem)
    await shop.other(private_key=f"\n{private}\n", public_key=f" {public}").check()


@pytest.mark.parametrize("setting", ["private_key", "public_key"])
@pytest.mark.parametrize(
    "value",
    ["", "unreadable-secret", "AAAA", "密钥密钥密钥", PRIVATE_KEY[:-8]],
)
async def test_a_key_that_cannot_be_read_is_named_and_not_told(
    shop: Shop, setting: str, value: str
) -> None:
    with pytest.raises(ValueError, match=setting) as refused:
        shop.other(**{setting: value})
    assert not value or value not in told_by(refused.value)


@pytest.mark.parametrize("setting", ["private_key", "public_key"])
async def test_a_key_of_another_kind_is_refused(shop: Shop, setting: str) -> None:
    curve = generate_private_key(SECP256R1())
    swapped = {"private_key": public_text(ALIPAY), "public_key": PRIVATE_KEY}
    of_a_curve = {"private_key": private_text(curve), "public_key": public_text(curve)}
    for keys in (swapped, of_a_curve):
        with pytest.raises(ValueError, match=setting):
            shop.other(**{setting: keys[setting]})


@pytest.mark.parametrize("setting", ["app_id", "seller_id"])
async def test_an_empty_merchant_is_refused(shop: Shop, setting: str) -> None:
    with pytest.raises(ValueError, match="app id and a seller id"):
        shop.other(**{setting: ""})


async def test_right_settings_pass_the_check(shop: Shop) -> None:
    await shop.alipay.check()
    assert not shop.standin.orders


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("app_id", "2021000000000000", "the app id"),
        ("private_key", private_text(STRANGER), "the private key"),
        ("public_key", public_text(MERCHANT), "the public key"),
    ],
)
async def test_a_wrong_setting_is_named(shop: Shop, setting: str, value: str, said: str) -> None:
    with pytest.raises(ProviderRejected, match=said):
        await shop.other(**{setting: value}).check()


async def test_another_refusal_of_the_check_is_told(shop: Shop) -> None:
    refusal = {"code": "40004", "sub_code": "ACQ.ACCESS_FORBIDDEN"}
    shop.standin.answers[QUERY] = saying(QUERY, refusal)
    with pytest.raises(ProviderRejected, match=r"ACQ\.ACCESS_FORBIDDEN"):
        await shop.alipay.check()
    with pytest.raises(ProviderRejected, match=r"ACQ\.ACCESS_FORBIDDEN"):
        await shop.alipay.query(attempt())


def told_by(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error.__context__)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_error_tells_a_secret_or_the_address(shop: Shop, fault: Fault) -> None:
    shop.standin.faults["*"] = fault
    hasty = shop.other(timeout=0.05 if fault is Fault.SLOW else 8)
    with pytest.raises(ProviderUnavailable) as failed:
        await hasty.create(new())
    told = told_by(failed.value)
    assert PRIVATE_KEY not in told
    assert "sign=" not in told
    assert PRIVATE_KEY not in repr(hasty)


# --- A second opinion -----------------------------------------------------------------------


async def test_the_sdk_believes_what_the_adapter_signs(shop: Shop) -> None:
    link = (await shop.other(product="page").create(new("游戏 A+B"))).link
    sent = dict(parse_qsl(urlsplit(link or "").query))
    sdk = AliPay(
        appid=APP_ID,
        app_private_key_string=private_text(STRANGER, pem=True),
        alipay_public_key_string=public_text(MERCHANT, pem=True),
    )
    assert sdk._verify(content_of(sent, without=("sign",)), sent["sign"])


async def test_the_sdk_and_the_adapter_sign_alike(shop: Shop) -> None:
    link = (await shop.other(product="wap").create(new("A game"))).link
    sent = dict(parse_qsl(urlsplit(link or "").query))
    sdk = AliPay(
        appid=APP_ID,
        app_private_key_string=private_text(MERCHANT, pem=True),
        alipay_public_key_string=public_text(ALIPAY, pem=True),
    )
    theirs = dict(parse_qsl(sdk.sign_data({k: sent[k] for k in sent if k != "sign"})))
    assert theirs == sent


async def test_the_sdk_reads_the_standins_answers(shop: Shop) -> None:
    sdk = AliPay(
        appid=APP_ID,
        app_private_key_string=private_text(MERCHANT, pem=True),
        alipay_public_key_string=public_text(ALIPAY, pem=True),
    )
    told = json.dumps({"code": "10000", "msg": "成功"}, ensure_ascii=False).encode()
    whole = answer("alipay_trade_close_response", told).decode()
    read = sdk._verify_and_return_sync_response(whole, "alipay_trade_close_response")
    assert read == {"code": "10000", "msg": "成功"}


async def test_a_standin_that_runs_by_the_clock_is_payable() -> None:
    standin = AlipayStandIn()
    assert set(standin.environment()) == {
        "ALIPAY_URL",
        "ALIPAY_APP_ID",
        "ALIPAY_SELLER_ID",
        "ALIPAY_PRIVATE_KEY",
        "ALIPAY_PUBLIC_KEY",
        "ALIPAY_PRODUCT",
    }
    async with standin.serving(), aiohttp.ClientSession() as http:
        settings = {k: v for k, v in settings_of(standin).items() if k != "clock"}
        ends = datetime.now(UTC) + timedelta(minutes=15)
        await Alipay(http, **settings).create(replace(new(), expires_at=ends))
        assert standin.payable(NUMBER)
