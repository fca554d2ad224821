"""Settings, typed, from the environment and `.env`."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import NoDecode

from bot.payment_settings import BLOCKS, ProviderBlock
from bot.setting_types import (
    ENV_FILE,
    Block,
    Currency,
    HeaderSecret,
    Rates,
    Titles,
    Token,
    UserId,
    WebAddress,
    Words,
    numbers,
)
from domain import pricing
from domain.money import STARS
from domain.remedies import Remedies, Remedy
from domain.rules import Rules

_BLOCKS: Final = "blocks of payment providers"
TELEGRAM_API: Final = "https://api.telegram.org"
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


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # no address; whoever opens it says so
        return None


class Settings(Block):
    """Every setting is described in `.env.example`."""

    bot_token: Token | None = None
    owner_ids: Annotated[frozenset[UserId], NoDecode, BeforeValidator(numbers)] = frozenset()
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
    rates: Rates = Field(default_factory=dict)
    methods_order: Words = ()
    method_titles: Titles = Field(default_factory=dict)
    top_up_min: Decimal = Field(Decimal(1), gt=0, le=1_000_000_000, decimal_places=0)
    top_up_max: Decimal = Field(Decimal(1000), gt=0, le=1_000_000_000, decimal_places=0)
    confirming_hold_minutes: int = Field(120, ge=1, le=10_080)
    rule_late: Literal["deliver", "ask"] = "deliver"
    rule_sold_out: Literal["credit", "refund", "wait", "ask"] = "credit"
    rule_under: Literal["credit", "refund", "ask"] = "ask"
    rule_over: Literal["credit", "refund", "ask"] = "credit"
    rule_twice: Literal["credit", "refund", "ask"] = "credit"
    rule_mismatch: Literal["credit", "refund", "ask"] = "ask"
    rule_unknown: Literal["ask", "wait"] = "ask"
    rule_undeliverable: Literal["ask", "wait"] = "ask"
    ban_on_chargeback: bool = False
    daily_report: bool = True
    metrics_token: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    data_dir: Path = Path("data")
    # Under a name that no environment variable can have: they are read block by block.
    providers: dict[str, ProviderBlock] = Field(default_factory=dict, validation_alias=_BLOCKS)

    @model_validator(mode="after")
    def _reachable(self) -> "Settings":
        if self.telegram_mode == "webhook" and self.public_url is None:
            raise ValueError("TELEGRAM_MODE=webhook needs PUBLIC_URL")
        for block in self.providers.values():
            if block.on and block.calls_back and self.public_url is None:
                raise ValueError(f"{block.title} calls back: it needs PUBLIC_URL")
        if self.top_up_max < self.top_up_min:
            raise ValueError("TOP_UP_MAX is less than TOP_UP_MIN")
        return self

    @property
    def rules(self) -> Rules:
        return Rules(
            order_ttl=timedelta(minutes=self.order_ttl_minutes),
            max_pending=self.max_pending_orders,
            low_stock=self.low_stock_threshold,
            delivery_attempts=self.delivery_max_attempts,
            rates=pricing.Rates(self.currency, self._rates()),
            remedies=Remedies(
                late=Remedy(self.rule_late),
                sold_out=Remedy(self.rule_sold_out),
                under=Remedy(self.rule_under),
                over=Remedy(self.rule_over),
                twice=Remedy(self.rule_twice),
                mismatch=Remedy(self.rule_mismatch),
                unknown=Remedy(self.rule_unknown),
                undeliverable=Remedy(self.rule_undeliverable),
            ),
            confirming_hold=timedelta(minutes=self.confirming_hold_minutes),
            ban_on_chargeback=self.ban_on_chargeback,
            least_top_up=self.top_up_min,
            most_top_up=self.top_up_max,
        )

    def _rates(self) -> dict[str, Decimal]:
        stars = {STARS: self.stars_rate} if self.stars_rate is not None else {}
        return {**self.rates, **stars}

    def secrets(self) -> list[str]:
        """Every value that must not be seen in a log."""
        given = (
            self.bot_token,
            self.telegram_webhook_secret,
            self.secret_key,
            self.metrics_token,
        )
        passwords = (_password(url) for url in (self.database_url, self.redis_url or ""))
        return [
            *(s.get_secret_value() for s in given if s),
            *(secret for block in self.providers.values() for secret in block.secrets()),
            *(form for p in passwords if p for form in (p, unquote(p))),
        ]

    def token(self) -> str:
        """Raises `BadSettings` with how to get one."""
        if self.bot_token is None:
            raise BadSettings(_NO_BOT)
        return self.bot_token.get_secret_value()


def load(**changes: Any) -> Settings:  # values of any setting's type
    """Raises `BadSettings` naming the first setting that is wrong."""
    file = changes.get("_env_file", ENV_FILE)
    try:
        read = {
            code: block(_env_file=file)  # type: ignore[call-arg]  # known to pydantic's plugin
            for code, block in BLOCKS.items()
        }
        changes[_BLOCKS] = read | changes.pop("providers", {})
        return Settings(**changes)
    except ValidationError as error:
        raise BadSettings(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0]).upper() if first["loc"] else ""
    block = next((b for b in BLOCKS.values() if b.__name__ == error.title), None)
    if block is not None and name:
        name = name if name.startswith(block.env_name("")) else block.env_name(name)
    reason = _REASONS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason
