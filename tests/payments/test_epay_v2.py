"""EPay V2 against a platform over HTTP: its keys, and what is offered."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from domain.money import Money
from domain.payments import Capability, Checkout, CloseResult
from payments.provider import FORM, Answer, CallbackProvider, HttpReply
from tests.payments.epay_v2_shop import PRIVATE_KEY, PUBLIC_URL, Shop, epay_v2_shop, shown
from tests.payments.epay_v2_standin import (
    MERCHANT,
    PID,
    PLATFORM,
    EPayV2StandIn,
    bare,
    bare_public,
)
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault, StandIn

STRANGER = rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with epay_v2_shop() as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back(shop: Shop) -> None:
    provider: CallbackProvider = shop.epay
    assert (provider.code, provider.title, provider.account) == ("epay", "EPay", PID)
    assert provider.live
    assert provider.currencies == ("CNY",)
    assert provider.takes(Money.parse("0.01", "CNY"))
    assert provider.tail == timedelta(hours=2)
    assert provider.methods == {"GET": frozenset(), "POST": frozenset({FORM})}
    assert provider.capabilities == (
        Capability.QUERY | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    assert await provider.close(attempt()) is CloseResult.MAYBE_PAYABLE


def test_the_stand_in_is_one() -> None:
    standin: StandIn = EPayV2StandIn()
    assert standin.environment()["EPAY_PRIVATE_KEY"] == PRIVATE_KEY


async def test_the_platform_repeats_a_callback_unless_it_hears_success(shop: Shop) -> None:
    assert shop.epay.reply(Answer.ACCEPTED) == HttpReply(200, "success")
    assert shop.epay.reply(Answer.RETRY) == HttpReply(500, "fail")
    assert shop.epay.reply(Answer.REJECTED) == HttpReply(401, "fail")


# --- Keys -----------------------------------------------------------------------------------


def pem(form: PrivateFormat) -> str:
    return MERCHANT.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def public_pem(form: PublicFormat) -> str:
    return PLATFORM.public_key().public_bytes(Encoding.PEM, form).decode()


@pytest.mark.parametrize(
    "key", [bare(MERCHANT), pem(PrivateFormat.PKCS8), pem(PrivateFormat.TraditionalOpenSSL)]
)
@pytest.mark.parametrize(
    "platform_key",
    [
        bare_public(PLATFORM),
        public_pem(PublicFormat.SubjectPublicKeyInfo),
        public_pem(PublicFormat.PKCS1).replace("\n", "\r\n"),
    ],
)
async def test_keys_come_in_all_their_forms(shop: Shop, key: str, platform_key: str) -> None:
    await shop.other(private_key=key, platform_key=platform_key).check()


LOCKED = MERCHANT.private_bytes(
    Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
)
CURVE = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "wrong",
    [
        {"private_key": ""},
        {"private_key": "no key"},
        {"private_key": "密钥"},
        {"private_key": PRIVATE_KEY[:200]},
        {"private_key": bare_public(MERCHANT)},
        {"private_key": CURVE.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode()},
        {"platform_key": ""},
        {"platform_key": PRIVATE_KEY},
        {"platform_key": CURVE.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        ).decode()},
    ],
)  # fmt: skip
async def test_a_key_that_cannot_be_read_is_named(shop: Shop, wrong: dict[str, str]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"EPAY_{name.upper()} is no RSA") as failure:
        shop.other(**wrong)
    assert not value or value not in shown(failure.value)


async def test_a_locked_key_is_named(shop: Shop) -> None:
    with pytest.raises(ValueError, match="EPAY_PRIVATE_KEY"):
        shop.other(private_key=base64.b64encode(LOCKED).decode())


@pytest.mark.parametrize("missing", [{"pid": ""}, {"types": []}])
async def test_without_its_settings_it_is_not_made(shop: Shop, missing: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="merchant id"):
        shop.other(**missing)


# --- Starting a payment ---------------------------------------------------------------------


async def test_the_platform_makes_a_page_to_pay_on(shop: Shop) -> None:
    checkout = await shop.epay.create(new("  A\n game "))
    trade = shop.standin.trades[NUMBER]
    page = f"{shop.standin.url}/pay/submit/{trade.trade_no}/"
    assert checkout == Checkout(link=page, external_id=trade.trade_no)
    told = trade.told
    assert told["notify_url"] == f"{PUBLIC_URL}/payments/epay/notify"
    assert told["return_url"] == f"{PUBLIC_URL}/payments/epay/return"
    assert (told["name"], told["money"], told["type"]) == ("A game", "10.00", "alipay")


async def test_a_repeated_creation_is_one_trade(shop: Shop) -> None:
    assert await shop.epay.create(new()) == await shop.epay.create(new())
    assert len(shop.standin.trades) == 1


async def test_a_code_to_scan_is_shown(shop: Shop) -> None:
    shop.standin.offer = {"pay_type": "qrcode", "pay_info": "weixin://wxpay/bizpayurl?pr=abc"}
    checkout = await shop.epay.create(new())
    assert (checkout.link, checkout.qr) == (None, "weixin://wxpay/bizpayurl?pr=abc")


async def opened(shop: Shop, checkout: Checkout) -> str:
    """What the buyer sees on a signed link, which ends after five minutes."""
    assert checkout.link is not None
    assert checkout.link.startswith(f"{shop.standin.url}/api/pay/submit?")
    assert checkout.expires_at == NOW + timedelta(minutes=5)
    shop.standin.faults.clear()
    async with shop.http.get(checkout.link) as response:
        return await response.text()


@pytest.mark.parametrize(
    "offer",
    [
        {"pay_type": "jump", "pay_info": "javascript:alert(1)"},
        {"pay_type": "html", "pay_info": "<form>"},
        {"pay_type": "urlscheme", "pay_info": "weixin://dl/business/?ticket=abc"},
        {"pay_type": None, "pay_info": None},
        {"code": -1, "pay_info": "https://elsewhere.example/"},
    ],
)
async def test_an_offer_that_no_chat_can_show_becomes_the_link(
    shop: Shop, offer: dict[str, Any]
) -> None:
    shop.standin.offer = offer
    assert await opened(shop, await shop.epay.create(new())) == "<h1>10.00</h1>"


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
async def test_without_an_offer_there_is_still_a_link(shop: Shop, fault: Fault) -> None:
    shop.standin.faults["create"] = fault
    title = "Tom & Jerry = 100 %+ 游戏"
    assert await opened(shop, await shop.epay.create(new(title))) == "<h1>10.00</h1>"
    assert shop.standin.trades[NUMBER].told["name"] == title


async def test_an_offer_that_is_not_signed_becomes_the_link(shop: Shop) -> None:
    shop.standin.signs = False
    assert await opened(shop, await shop.epay.create(new())) == "<h1>10.00</h1>"


async def test_a_single_type_is_named_in_the_link(shop: Shop) -> None:
    shop.standin.faults["create"] = Fault.MISSING
    for types, named in ((["wxpay"], "wxpay"), (["wxpay", "alipay"], None)):
        link = (await shop.other(types=types).create(new())).link
        assert link is not None
        assert dict(parse_qsl(link)).get("type") == named


async def test_the_stand_in_refuses_what_is_not_signed_by_the_merchant(shop: Shop) -> None:
    """A control: without it, the tests above would prove nothing of our signatures."""
    stranger = shop.other(private_key=bare(STRANGER))
    checkout = await stranger.create(new())
    assert await opened(shop, checkout) == "<h1>RSA签名校验失败</h1>"
    late = await shop.other(clock=lambda: NOW.timestamp() - 301).create(new())
    assert late.external_id is None
    assert shop.standin.trades == {}
