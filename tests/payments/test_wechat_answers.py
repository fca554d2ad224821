"""WeChat Pay's settings, and answers: which are believed, and what becomes of the others."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wechatpayv3.utils import (  # type: ignore[import-untyped]
    build_authorization,
    load_private_key,
    load_public_key,
    rsa_verify,
)

from domain.errors import ProviderRejected, ProviderUnavailable
from payments.provider import InvalidSignature
from payments.wechat import WeChat
from payments.wechat_signing import Signing
from tests.payments import wechat_keys as keys
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault
from tests.payments.wechat_keys import MCH_ID, PUBLIC_KEY_ID
from tests.payments.wechat_shop import REFUND, Shop, raw, secrets_of, wechat_shop
from tests.payments.wechat_standin import Json

FAULTS = [
    Fault.MISSING,
    Fault.BROKEN,
    Fault.TOO_MANY,
    Fault.NONSENSE,
    Fault.CUT,
    Fault.GARBLED,
    Fault.SLOW,
    Fault.MOVED,
    Fault.LOST,
]
Operation = Callable[[Shop, WeChat], Awaitable[object]]
OPERATIONS: dict[str, Operation] = {
    "create": lambda _, wechat: wechat.create(new()),
    "query": lambda _, wechat: wechat.query(attempt()),
    "close": lambda _, wechat: wechat.close(attempt()),
    "refund": lambda shop, wechat: wechat.refund(shop.refund()),
    "check": lambda _, wechat: wechat.check(),
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with wechat_shop() as shop:
        yield shop


# --- Checking the settings ------------------------------------------------------------------


async def test_right_settings_pass(shop: Shop) -> None:
    await shop.wechat.check()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mch_id": "1900007292"},
        {"cert_serial": "7B980D"},
        {"private_key": keys.private_pem(keys.STRANGER)},
        {"clock": lambda: NOW.timestamp() + 1000},
    ],
)
async def test_whom_wechat_pay_does_not_know_is_told_why(shop: Shop, wrong: Json) -> None:
    shop.weixin.spoil = lambda headers: {}
    with pytest.raises(ProviderRejected, match="WECHAT_PRIVATE_KEY"):
        await shop.other(**wrong).check()


async def test_a_missing_public_key_is_told(shop: Shop) -> None:
    other = {"PUB_KEY_ID_OTHER": keys.public_pem(keys.STRANGER)}
    with pytest.raises(ProviderRejected, match="WECHAT_PUBLIC_KEYS"):
        await shop.other(public_keys=other).check()


async def test_a_merchant_without_the_right_to_ask_is_told(shop: Shop) -> None:
    shop.weixin.barred = "NO_AUTH"
    with pytest.raises(ProviderRejected, match="NO_AUTH"):
        await shop.wechat.check()


@pytest.mark.parametrize("name", ["app_id", "mch_id", "cert_serial", "api_v3_key", "private_key"])
async def test_an_empty_setting_is_no_setting(shop: Shop, name: str) -> None:
    with pytest.raises(ValueError, match=r"WeChat Pay needs|WECHAT_"):
        shop.other(**{name: ""})


EC_KEY = ec.generate_private_key(ec.SECP256R1())
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PASSWORD = serialization.BestAvailableEncryption(b"password")


@pytest.mark.parametrize(
    "pem",
    [
        "-----BEGIN PRIVATE KEY-----\nMIIEvwIBADANBgkq\n-----END PRIVATE KEY-----\n",
        EC_KEY.private_bytes(PEM, PKCS8, serialization.NoEncryption()).decode(),
        keys.MERCHANT.private_bytes(PEM, PKCS8, PASSWORD).decode(),
        keys.public_pem(keys.MERCHANT),
    ],
)
async def test_what_is_no_private_key_is_refused_without_being_shown(shop: Shop, pem: str) -> None:
    with pytest.raises(ValueError, match="WECHAT_PRIVATE_KEY") as refused:
        shop.other(private_key=pem)
    assert pem.splitlines()[1] not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN CERTIFICATE-----\nMIIEvwIBADANBgkq\n-----END CERTIFICATE-----\n",
        keys.private_pem(keys.MERCHANT),
        EC_KEY.public_key()
        .public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    ],
)
async def test_what_is_no_public_key_is_refused(shop: Shop, pem: str) -> None:
    with pytest.raises(ValueError, match="WECHAT_PUBLIC_KEYS"):
        shop.other(public_keys={PUBLIC_KEY_ID: pem})


@pytest.mark.parametrize("key", ["x" * 31, "x" * 33, "密" * 11])
async def test_the_shared_key_has_32_bytes(shop: Shop, key: str) -> None:
    with pytest.raises(ValueError, match="WECHAT_API_V3_KEY") as refused:
        shop.other(api_v3_key=key)
    assert key not in str(refused.value)


async def test_no_public_keys_are_no_settings(shop: Shop) -> None:
    with pytest.raises(ValueError, match="public keys"):
        shop.other(public_keys={})


# --- Answers that are not believed ----------------------------------------------------------

SPOILT: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "unsigned": lambda headers: {"Content-Type": "application/json"},
    "of another nonce": lambda headers: headers | {"Wechatpay-Nonce": "another"},
    "by an unknown key": lambda headers: headers | {"Wechatpay-Serial": "7B980D"},
    "by the other key": lambda h: h | {"Wechatpay-Serial": keys.CERTIFICATE_SERIAL},
    "a probe": lambda headers: headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/abc"},
    "no signature": lambda headers: headers | {"Wechatpay-Signature": ""},
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("operation", ["create", "query", "close", "refund"])
async def test_an_answer_that_is_not_signed_is_not_believed(
    shop: Shop, how: str, operation: str
) -> None:
    """The empty 204 of a close as well."""
    await (shop.order() if operation in ("create", "close") else shop.paid())
    shop.weixin.spoil = SPOILT[how]
    with pytest.raises(ProviderUnavailable):
        await OPERATIONS[operation](shop, shop.wechat)


async def test_a_stale_answer_is_not_believed(shop: Shop) -> None:
    await shop.paid()
    times = iter([shop.now, shop.now + 300])  # asked, answered
    with pytest.raises(ProviderUnavailable, match="too long ago"):
        await shop.other(clock=lambda: next(times)).query(attempt())


async def test_a_refusal_may_be_unsigned_but_not_signed_wrongly(shop: Shop) -> None:
    shop.weixin.spoil = SPOILT["unsigned"]
    assert await shop.wechat.query(attempt()) is None
    shop.weixin.spoil = SPOILT["of another nonce"]
    with pytest.raises(ProviderUnavailable):
        await shop.wechat.query(attempt())


async def test_answers_by_certificate_are_believed(shop: Shop) -> None:
    older = {keys.CERTIFICATE_SERIAL: keys.CERTIFICATE_PEM}
    await shop.paid()
    assert await shop.other(public_keys=older).query(attempt()) == shop.event()


async def test_with_both_kinds_of_key_answers_come_by_the_newer(shop: Shop) -> None:
    await shop.paid()
    only = {PUBLIC_KEY_ID: keys.public_pem(keys.PLATFORM)}
    assert await shop.other(public_keys=only).query(attempt()) == shop.event()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_whatever_goes_wrong_there_nothing_is_doubled(
    shop: Shop, operation: str, fault: Fault
) -> None:
    await (shop.order() if operation == "close" else shop.paid())
    if operation == "create":
        shop.weixin.orders.clear()
    shop.weixin.faults["*"] = fault
    hasty = shop.other(timeout=0.1 if fault is Fault.SLOW else 8)
    refund = shop.refund() if operation == "refund" else None
    with pytest.raises(ProviderUnavailable):
        await OPERATIONS[operation](shop, hasty)
    shop.weixin.faults.clear()
    await OPERATIONS[operation](shop, shop.wechat)
    assert list(shop.weixin.orders) == [NUMBER]
    if refund is not None:
        assert [back.number for back in shop.weixin.orders[NUMBER].refunds] == [REFUND]


# --- Secrets --------------------------------------------------------------------------------


async def test_no_secret_is_in_any_error(shop: Shop) -> None:
    await shop.paid()
    forgeries = shop.weixin.forgeries(NUMBER)
    told = [str(shop.wechat), repr(shop.wechat)]
    for notice in forgeries.values():
        with pytest.raises(Exception) as refused:  # noqa: PT011 - whichever
            await shop.wechat.parse(raw(notice))
        told += traceback.format_exception(refused.value)
    for fault in (Fault.BROKEN, Fault.NONSENSE, Fault.CUT):
        shop.weixin.faults["*"] = fault
        for operation in OPERATIONS.values():
            with pytest.raises(ProviderUnavailable) as failed:
                await operation(shop, shop.wechat)
            told += traceback.format_exception(failed.value)
    assert not [secret for secret in secrets_of(shop.weixin) if secret in "".join(told)]


# --- A second opinion -----------------------------------------------------------------------


def signing(shop: Shop) -> Signing:
    settings = shop.settings()
    names = ("mch_id", "api_v3_key", "private_key", "cert_serial", "public_keys", "clock")
    return Signing(**{name: settings[name] for name in names})


async def test_wechatpayv3_verifies_what_the_shop_signs(shop: Shop) -> None:
    path, body = f"/v3/pay?mchid={MCH_ID}", b'{"description": "\\u6e38"}'
    header = signing(shop).headers("POST", path, body)["Authorization"]
    scheme, _, rest = header.partition(" ")
    told = dict(part.split("=", 1) for part in rest.split(","))
    at, nonce, signature = (
        told[name].strip('"') for name in ("timestamp", "nonce_str", "signature")
    )
    key = load_public_key(keys.public_pem(keys.MERCHANT))
    # Its verifier takes three lines: the method and path stand before the first.
    assert rsa_verify(f"POST\n{path}\n{at}", nonce, body.decode(), signature, key)
    assert not rsa_verify(f"GET\n{path}\n{at}", nonce, body.decode(), signature, key)
    ours = build_authorization(
        path,
        "POST",
        MCH_ID,
        keys.MERCHANT_SERIAL,
        load_private_key(keys.private_pem(keys.MERCHANT)),
        body.decode(),
    )
    assert scheme == ours.partition(" ")[0]
    assert set(told) == {part.split("=", 1)[0] for part in ours.partition(" ")[2].split(",")}


async def test_the_standin_believes_what_wechatpayv3_signs(shop: Shop) -> None:
    """So it can be trusted to judge what the adapter signs."""
    await shop.paid()
    path = f"/v3/pay/transactions/out-trade-no/{NUMBER}?mchid={MCH_ID}"
    key = load_private_key(keys.private_pem(keys.MERCHANT))
    header = build_authorization(path, "GET", MCH_ID, keys.MERCHANT_SERIAL, key)
    shop.now = float(header.partition('timestamp="')[2].partition('"')[0])
    headers = {"Authorization": header, "Accept": "application/json"}
    async with shop.http.get(f"{shop.weixin.url}{path}", headers=headers) as answer:
        assert answer.status == 200
        body = await answer.read()
        signing(shop).verify(answer.headers, body)
        with pytest.raises(InvalidSignature):
            signing(shop).verify(answer.headers, body + b" ")
