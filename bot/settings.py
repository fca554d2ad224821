"""Settings, typed, from the environment and `.env`."""

import ipaddress
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.money import CURRENCIES
from domain.rules import Rules

TELEGRAM_API: Final = "https://api.telegram.org"
_ENV_FILE: Final = ".env"
_REASONS: Final = {
    "int_parsing": "write a whole number",
    "decimal_parsing": "write a number",
    "bool_parsing": "write true or false",
}
_NO_BOT: Final = (
    "BOT_TOKEN is missing: write to @BotFather in Telegram, send /newbot, and put the token "
    "that it answers into .env as BOT_TOKEN=…  (make demo needs none)"
)


class BadSettings(Exception):
    """One sentence, naming the setting and never its value."""


def _numbers(text: Any) -> Any:  # whatever the environment holds
    return [part.strip() for part in text.split(",") if part.strip()] if _is(text) else text


def _words(text: Any) -> Any:  # whatever the environment holds
    return tuple(part.strip() for part in text.split(",") if part.strip()) if _is(text) else text


def _is(text: object) -> bool:
    return isinstance(text, str)


def _web_address(url: str) -> str:
    """https, or http on a loopback address."""
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("write an address such as https://shop.example")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("must begin with https:// unless it is a loopback address")
    if parts.query or parts.fragment or not _has_port(parts):
        raise ValueError("an address such as https://shop.example, without ? and #")
    return url.rstrip("/")


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # no address; whoever opens it says so
        return None


def _has_port(parts: SplitResult) -> bool:
    """Whether what stands behind the colon, if anything, is a port."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _currency(code: str) -> str:
    if code.upper() not in CURRENCIES - {"XTR"}:
        raise ValueError("a currency code such as USD, EUR or CNY")
    return code.upper()


def _token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value()):
        raise ValueError("not a token; copy it from @BotFather, like 123456:ABC-DEF…")
    return token


def _header(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
        raise ValueError("1 to 256 letters, digits, - and _")
    return secret


Token = Annotated[SecretStr, AfterValidator(_token)]
HeaderSecret = Annotated[SecretStr, AfterValidator(_header)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Currency = Annotated[str, AfterValidator(_currency)]
UserId = Annotated[int, Field(gt=0, lt=2**52)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class _Block(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=_ENV_FILE, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )


class EPaySettings(_Block):
    """EPay is on when its three settings are there."""

    model_config = SettingsConfigDict(env_prefix="EPAY_")

    url: WebAddress | None = None
    pid: str | None = None
    key: SecretStr | None = None
    types: Annotated[Words, Field(min_length=1)] = ("alipay",)
    currency: Currency | None = None
    confirm: bool = True

    @model_validator(mode="after")
    def _all_or_none(self) -> "EPaySettings":
        given = {"EPAY_URL": self.url, "EPAY_PID": self.pid, "EPAY_KEY": self.key}
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"EPay needs {' and '.join(missing)} as well")
        return self


class Settings(_Block):
    """Every setting is described in `.env.example`."""

    bot_token: Token | None = None
    owner_ids: Annotated[frozenset[UserId], NoDecode, BeforeValidator(_numbers)] = frozenset()
    telegram_api_url: WebAddress = TELEGRAM_API
    telegram_mode: Literal["polling", "webhook"] = "polling"
    telegram_webhook_secret: HeaderSecret | None = None
    public_url: WebAddress | None = None
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    database_url: str = "sqlite+aiosqlite:///data/keystall.db"
    redis_url: str | None = None
    secret_key: SecretStr | None = None
    currency: Currency = "USD"
    order_ttl_minutes: int = Field(15, ge=1, le=1440)
    max_pending_orders: int = Field(3, ge=1, le=100)
    low_stock_threshold: int = Field(5, ge=0, le=1_000_000)
    delivery_max_attempts: int = Field(8, ge=1, le=100)
    shop_name: str = Field("keystall", min_length=1, max_length=64)
    support_contact: str = Field("", max_length=200)
    stars_enabled: bool = True
    stars_rate: Decimal | None = Field(None, gt=0, le=100_000)
    metrics_token: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    data_dir: Path = Path("data")
    epay: EPaySettings = Field(default_factory=EPaySettings)

    @model_validator(mode="after")
    def _reachable(self) -> "Settings":
        if self.telegram_mode == "webhook" and self.public_url is None:
            raise ValueError("TELEGRAM_MODE=webhook needs PUBLIC_URL")
        if self.epay.url and self.public_url is None:
            raise ValueError("EPay calls back: it needs PUBLIC_URL")
        return self

    @property
    def rules(self) -> Rules:
        return Rules(
            order_ttl=timedelta(minutes=self.order_ttl_minutes),
            max_pending=self.max_pending_orders,
            low_stock=self.low_stock_threshold,
            delivery_attempts=self.delivery_max_attempts,
        )

    def secrets(self) -> list[str]:
        """Every value that must not be seen in a log."""
        given = (
            self.bot_token,
            self.telegram_webhook_secret,
            self.secret_key,
            self.metrics_token,
            self.epay.key,
        )
        passwords = (_password(url) for url in (self.database_url, self.redis_url or ""))
        return [s.get_secret_value() for s in given if s] + [
            form for p in passwords if p for form in (p, unquote(p))
        ]

    def token(self) -> str:
        """Raises `BadSettings` with how to get one."""
        if self.bot_token is None:
            raise BadSettings(_NO_BOT)
        return self.bot_token.get_secret_value()


def load(**changes: Any) -> Settings:  # values of any setting's type
    """Raises `BadSettings` naming the first setting that is wrong."""
    file = changes.get("_env_file", _ENV_FILE)
    try:
        # pydantic's own argument, which its mypy plugin alone knows.
        changes.setdefault("epay", EPaySettings(_env_file=file))  # type: ignore[call-arg]
        return Settings(**changes)
    except ValidationError as error:
        raise BadSettings(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = "_".join(str(part) for part in first["loc"] if not isinstance(part, int)).upper()
    if error.title == "EPaySettings" and name and not name.startswith("EPAY_"):
        name = f"EPAY_{name}"
    reason = _REASONS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason
