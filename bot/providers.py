"""The payment providers whose settings are there: a builder each."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp
from aiogram import Bot
from yarl import URL

from bot.payment_settings import (
    AlipaySettings,
    BTCPaySettings,
    CryptoPaySettings,
    EPaySettings,
    NOWPaymentsSettings,
    PayPalSettings,
    ProviderBlock,
    StripeSettings,
    TelegramCardSettings,
    UsdtSettings,
    WeChatSettings,
    plain,
)
from bot.setting_types import is_loopback
from bot.settings import BadSettings, Settings
from domain.payments import PaymentProvider
from handlers.gateway import BotGateway
from payments.alipay import Alipay
from payments.btcpay import BTCPay
from payments.cryptopay import CryptoPay
from payments.epay import EPay
from payments.epay_v2 import EPayV2
from payments.nowpayments import NowPayments
from payments.paypal import PayPal
from payments.stars import Stars
from payments.stripe import Stripe
from payments.telegram import Cards
from payments.usdt import Usdt
from payments.wechat import WeChat

NewSession = Callable[[str], aiohttp.ClientSession]  # by the provider's code
Http = aiohttp.ClientSession


def build(
    settings: Settings,
    bot: Bot,
    new_session: NewSession,
    extra: Sequence[PaymentProvider] = (),
) -> dict[str, PaymentProvider]:
    """Those whose settings are there, in the order in which buyers see them.

    Raises `BadSettings` for a setting that cannot be what it should.
    """
    found: list[PaymentProvider] = []
    gateway, account = BotGateway(bot), str(bot.id)
    if settings.stars_enabled:
        found.append(Stars(gateway, account=account))
    for code, block in settings.providers.items():
        if not block.on:
            continue
        if isinstance(block, TelegramCardSettings):
            found.append(Cards(gateway, account=account, token=plain(block.provider_token)))
        else:
            found.append(_built(settings, block, new_session(code)))
    found += extra
    _no_test_payments(settings, extra)
    return _in_order(found, settings.methods_order)


def _built(settings: Settings, block: ProviderBlock, http: Http) -> PaymentProvider:
    try:
        return _BUILDERS[type(block)](settings, block, http)
    except ValueError as error:
        raise BadSettings(f"{block.title}: {error}") from None


def _in_order(
    found: Sequence[PaymentProvider], codes: Sequence[str]
) -> dict[str, PaymentProvider]:
    """Those that METHODS_ORDER names first, the rest as they come."""
    known = {provider.code: provider for provider in found}
    named = [code for code in codes if code in known]
    return {code: known[code] for code in [*named, *known]}


def _no_test_payments(settings: Settings, extra: Sequence[PaymentProvider]) -> None:
    host = URL(settings.telegram_api_url).host or ""
    if any(not provider.live for provider in extra) and not is_loopback(host):
        raise BadSettings("test payments are for the local Telegram alone")


def _alipay(settings: Settings, block: AlipaySettings, http: Http) -> Alipay:
    return Alipay(
        http,
        url=block.url,
        app_id=block.app_id or "",
        seller_id=block.seller_id or "",
        private_key=plain(block.private_key),
        public_key=(block.public_key or "").replace("\\n", "\n"),
        public_url=settings.public_url or "",
        product=block.product,
    )


def _wechat(settings: Settings, block: WeChatSettings, http: Http) -> WeChat:
    return WeChat(
        http,
        url=block.url,
        app_id=block.app_id or "",
        mch_id=block.mch_id or "",
        api_v3_key=plain(block.api_v3_key),
        private_key=plain(block.private_key),
        cert_serial=block.cert_serial or "",
        public_keys={k: pem.replace("\\n", "\n") for k, pem in block.public_keys.items()},
        public_url=settings.public_url or "",
    )


def _epay(settings: Settings, block: EPaySettings, http: Http) -> EPay | EPayV2:
    currency, public_url = block.currency or settings.currency, settings.public_url or ""
    if block.private_key is not None:
        return EPayV2(
            http,
            url=block.url or "",
            pid=block.pid or "",
            private_key=plain(block.private_key),
            platform_key=(block.platform_key or "").replace("\\n", "\n"),
            types=block.types,
            currency=currency,
            public_url=public_url,
            confirm_by_query=block.confirm,
        )
    return EPay(
        http,
        url=block.url or "",
        pid=block.pid or "",
        key=plain(block.key),
        types=block.types,
        currency=currency,
        public_url=public_url,
        confirm_by_query=block.confirm,
    )


def _stripe(settings: Settings, block: StripeSettings, http: Http) -> Stripe:
    secrets = plain(block.webhook_secret).split(",")
    return Stripe(
        http,
        url=block.url,
        secret_key=plain(block.secret_key),
        webhook_secrets=[secret.strip() for secret in secrets],
        public_url=settings.public_url or "",
    )


def _paypal(settings: Settings, block: PayPalSettings, http: Http) -> PayPal:
    return PayPal(
        http,
        url=block.url,
        client_id=block.client_id or "",
        secret=plain(block.secret),
        webhook_id=block.webhook_id or "",
        public_url=settings.public_url or "",
        verify=block.verify,
    )


def _cryptopay(_: Settings, block: CryptoPaySettings, http: Http) -> CryptoPay:
    return CryptoPay(http, url=block.url, token=plain(block.token))


def _btcpay(settings: Settings, block: BTCPaySettings, http: Http) -> BTCPay:
    return BTCPay(
        http,
        url=block.url or "",
        store_id=block.store_id or "",
        api_key=plain(block.api_key),
        webhook_secret=plain(block.webhook_secret),
        public_url=settings.public_url or "",
    )


def _usdt(settings: Settings, block: UsdtSettings, http: Http) -> Usdt:
    return Usdt(
        http,
        url=block.url or "",
        token=plain(block.token),
        dialect=block.dialect,
        pid=block.pid or "",
        currency=block.currency,
        signature=block.signature,
        network=block.network,
        confirm_by_query=block.confirm,
        public_url=settings.public_url or "",
    )


def _nowpayments(settings: Settings, block: NOWPaymentsSettings, http: Http) -> NowPayments:
    return NowPayments(
        http,
        url=block.url,
        api_key=plain(block.api_key),
        ipn_secret=plain(block.ipn_secret),
        public_url=settings.public_url or "",
    )


# Each takes its own block.
_BUILDERS: Final[dict[type[ProviderBlock], Callable[[Settings, Any, Http], PaymentProvider]]] = {
    AlipaySettings: _alipay,
    WeChatSettings: _wechat,
    EPaySettings: _epay,
    StripeSettings: _stripe,
    PayPalSettings: _paypal,
    CryptoPaySettings: _cryptopay,
    BTCPaySettings: _btcpay,
    UsdtSettings: _usdt,
    NOWPaymentsSettings: _nowpayments,
}
