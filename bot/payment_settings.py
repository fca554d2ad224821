"""Each payment provider's settings: it is on when what it needs is there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bot.setting_types import Block, Currency, Texts, WebAddress, Words


class ProviderBlock(Block):
    """`needed` are the fields that switch the provider on, all of them or none."""

    title: ClassVar[str]
    needed: ClassVar[tuple[str, ...]]
    calls_back: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _files(cls, given: Any) -> Any:  # whatever the environment holds
        """`…_FILE` names a file that holds the value. What is blank is not there: a secret of
        blanks would let anybody sign.
        """
        if not isinstance(given, dict):
            return given
        given = {name: kept for name, value in given.items() if (kept := _kept(value)) is not None}
        for name in [name for name in cls.model_fields if name.endswith("_file")]:
            path = given.get(name) or given.get(cls.env_name(name).lower())
            if path and not given.get(name.removesuffix("_file")):
                given[name.removesuffix("_file")] = _content(cls.env_name(name), str(path))
        return given

    @model_validator(mode="after")
    def _all_or_none(self) -> "ProviderBlock":
        missing = [self.env_name(name) for name in self.needed if not getattr(self, name)]
        if 0 < len(missing) < len(self.needed):
            raise ValueError(f"{self.title} needs {' and '.join(missing)} as well")
        return self

    @classmethod
    def env_name(cls, field: str) -> str:
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()

    @property
    def on(self) -> bool:
        return all(getattr(self, name) for name in self.needed)

    def secrets(self) -> Iterator[str]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                written = value.get_secret_value()
                yield from {written, plain(value), *(part.strip() for part in written.split(","))}


def _kept(value: Any) -> Any:  # whatever the environment holds
    if isinstance(value, SecretStr):
        return value if value.get_secret_value().strip() else None
    return (value.strip() or None) if isinstance(value, str) else value


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not the name of a text file"
        # Not what it names: that may be the key itself, put there by mistake.
        raise ValueError(f"{name}: {why}") from None


def plain(secret: SecretStr | None) -> str:
    """A secret's value; empty where there is none. `\\n` in a PEM on one line is a line's end."""
    return secret.get_secret_value().replace("\\n", "\n") if secret else ""


class AlipaySettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="ALIPAY_")
    title = "Alipay"
    needed = ("app_id", "seller_id", "private_key", "public_key")

    app_id: str | None = None
    seller_id: str | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None
    public_key: str | None = None
    public_key_file: Path | None = None
    url: WebAddress = "https://openapi.alipay.com/gateway.do"
    product: Literal["precreate", "page", "wap"] = "precreate"


class WeChatSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="WECHAT_")
    title = "WeChat Pay"
    needed = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "public_keys")

    app_id: str | None = None
    mch_id: str | None = None
    api_v3_key: SecretStr | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None
    cert_serial: str | None = None
    public_keys: Texts = Field(default_factory=dict)
    url: WebAddress = "https://api.mch.weixin.qq.com"


class EPaySettings(ProviderBlock):
    """Version 2 of the protocol where its two keys are given, else version 1 by EPAY_KEY."""

    model_config = SettingsConfigDict(env_prefix="EPAY_")
    title = "EPay"
    needed = ("url", "pid")

    url: WebAddress | None = None
    pid: str | None = None
    key: SecretStr | None = None
    private_key: SecretStr | None = None
    private_key_file: Path | None = None
    platform_key: str | None = None
    platform_key_file: Path | None = None
    types: Annotated[Words, Field(min_length=1)] = ("alipay",)
    currency: Currency | None = None
    confirm: bool = True

    @model_validator(mode="after")
    def _one_version(self) -> "EPaySettings":
        second = [self.private_key, self.platform_key]
        if any(second) and not all(second):
            raise ValueError("EPay V2 needs EPAY_PRIVATE_KEY and EPAY_PLATFORM_KEY, both")
        if self.on and not (self.key or all(second)):
            raise ValueError("EPay needs EPAY_KEY as well (for V2, its two keys)")
        if not self.on and (self.key or any(second)):
            raise ValueError("EPay needs EPAY_URL and EPAY_PID as well")
        return self


class StripeSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="STRIPE_")
    title = "Stripe"
    needed = ("secret_key", "webhook_secret")

    secret_key: SecretStr | None = None
    webhook_secret: SecretStr | None = None  # several, separated by commas
    url: WebAddress = "https://api.stripe.com"


class PayPalSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="PAYPAL_")
    title = "PayPal"
    needed = ("client_id", "secret", "webhook_id")

    client_id: str | None = None
    secret: SecretStr | None = None
    webhook_id: str | None = None
    url: WebAddress = "https://api-m.paypal.com"
    verify: Literal["api", "certificate"] = "api"


class CryptoPaySettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="CRYPTOPAY_")
    title = "Crypto Bot"
    needed = ("token",)

    token: SecretStr | None = None
    url: WebAddress = "https://pay.crypt.bot"


class BTCPaySettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="BTCPAY_")
    title = "BTCPay Server"
    needed = ("url", "store_id", "api_key", "webhook_secret")

    url: WebAddress | None = None
    store_id: str | None = None
    api_key: SecretStr | None = None
    webhook_secret: SecretStr | None = None


class UsdtSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="USDT_")
    title = "USDT"
    needed = ("url", "token")

    url: WebAddress | None = None
    token: SecretStr | None = None
    dialect: Literal["epusdt", "bepusdt", "gmpay"] = "epusdt"
    pid: str | None = None
    signature: Literal["md5", "hmac-sha256"] = "md5"
    currency: Currency = "CNY"
    network: str = "TRON (TRC20)"
    confirm: bool = True

    @model_validator(mode="after")
    def _gmpay(self) -> "UsdtSettings":
        if self.on and self.dialect == "gmpay" and not self.pid:
            raise ValueError("USDT_DIALECT=gmpay needs USDT_PID as well")
        return self


class NOWPaymentsSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="NOWPAYMENTS_")
    title = "NOWPayments"
    needed = ("api_key", "ipn_secret")

    api_key: SecretStr | None = None
    ipn_secret: SecretStr | None = None
    url: WebAddress = "https://api.nowpayments.io"


class TelegramCardSettings(ProviderBlock):
    model_config = SettingsConfigDict(env_prefix="TELEGRAM_")
    title = "Card"
    needed = ("provider_token",)
    calls_back = False

    provider_token: SecretStr | None = None


BLOCKS: dict[str, type[ProviderBlock]] = {
    "telegram": TelegramCardSettings,
    "alipay": AlipaySettings,
    "wechat": WeChatSettings,
    "epay": EPaySettings,
    "stripe": StripeSettings,
    "paypal": PayPalSettings,
    "cryptopay": CryptoPaySettings,
    "btcpay": BTCPaySettings,
    "usdt": UsdtSettings,
    "nowpayments": NOWPaymentsSettings,
}
