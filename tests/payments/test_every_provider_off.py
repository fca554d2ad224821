"""f23: without its secret a provider is off, or the shop does not start; it never believes all."""

from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiogram import Bot

from bot.providers import build
from bot.settings import BadSettings, load
from tests.chat.shop_chat import TOKEN, open_shop
from tests.payments.stand_ins import NEW, names

_SECRETS: Final = {
    "alipay": ["ALIPAY_PUBLIC_KEY", "ALIPAY_PRIVATE_KEY"],
    "wechat": ["WECHAT_PUBLIC_KEYS", "WECHAT_API_V3_KEY", "WECHAT_PRIVATE_KEY"],
    "epay": ["EPAY_KEY"],
    "epay_v2": ["EPAY_PLATFORM_KEY", "EPAY_PRIVATE_KEY"],
    "stripe": ["STRIPE_WEBHOOK_SECRET", "STRIPE_SECRET_KEY"],
    "paypal": ["PAYPAL_WEBHOOK_ID", "PAYPAL_SECRET"],
    "cryptopay": ["CRYPTOPAY_TOKEN"],
    "btcpay": ["BTCPAY_WEBHOOK_SECRET", "BTCPAY_API_KEY"],
    "epusdt": ["USDT_TOKEN"],
    "bepusdt": ["USDT_TOKEN"],
    "gmpay": ["USDT_TOKEN", "USDT_PID"],
    "gmpay_hmac": ["USDT_TOKEN"],
    "nowpayments": ["NOWPAYMENTS_IPN_SECRET", "NOWPAYMENTS_API_KEY"],
}


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("name", names())
async def test_f23_with_a_blank_secret_a_provider_is_off_or_the_shop_does_not_start(
    monkeypatch: pytest.MonkeyPatch, name: str, blank: str
) -> None:
    stand_in = NEW[name]()
    stand_in.url = "http://127.0.0.1:9"
    for secret in _SECRETS[name]:
        with monkeypatch.context() as patch:
            for variable, value in (stand_in.environment() | {secret: blank}).items():
                patch.setenv(variable, value)
            assert not await offered(stand_in.code), secret


async def offered(code: str) -> bool:
    """Whether the shop starts with this provider, as the environment is now."""
    async with aiohttp.ClientSession() as http:
        try:
            settings = load(_env_file=None, public_url="https://shop.example")
            return code in build(settings, Bot(TOKEN), lambda _: http)
        except BadSettings:
            return False


async def test_f23_where_providers_are_off_nobody_listens(tmp_path: Path, sqlite_url: str) -> None:
    async with open_shop(tmp_path, sqlite_url) as shop, aiohttp.ClientSession() as http:
        for name in names():
            stand_in = NEW[name]()
            assert stand_in.code not in shop.app.ways.providers
            for method in ("GET", "POST"):
                url = f"{shop.url}/payments/{stand_in.code}/notify"
                async with http.request(method, url) as response:
                    assert response.status == 404
