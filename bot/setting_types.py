"""What settings are made of: their types, and the block that reads them."""

import ipaddress
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.money import CURRENCIES

ENV_FILE: Final = ".env"
_TITLE: Final = 32
_SMALLEST: Final = Decimal("1e-9")  # of a rate; the largest is as far from 1


def numbers(text: Any) -> Any:  # whatever the environment holds
    return [part.strip() for part in text.split(",") if part.strip()] if _is(text) else text


def _words(text: Any) -> Any:  # whatever the environment holds
    return tuple(part.strip() for part in text.split(",") if part.strip()) if _is(text) else text


def _object(text: Any) -> Any:  # whatever the environment holds
    if not _is(text):
        return text
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not all(isinstance(v, str) and v for v in told.values()):
        raise ValueError('write a JSON object of texts, such as {"name": "value"}')
    return told


def _short(texts: dict[str, str]) -> dict[str, str]:
    if any(len(text) > _TITLE for text in texts.values()):
        raise ValueError(f"a name has at most {_TITLE} characters")
    return texts


def _rates(text: Any) -> Any:  # whatever the environment holds
    """`CNY=7.2, EUR=0.92`: units for one unit of CURRENCY."""
    if not _is(text):
        return text
    rates = {}
    for entry in _words(text):
        currency, _, number = entry.partition("=")
        rate = _rate(number.strip())
        if currency.strip() not in CURRENCIES or rate is None:
            raise ValueError("write currencies and numbers such as CNY=7.2, EUR=0.92")
        rates[currency.strip()] = rate
    return rates


def _rate(number: str) -> Decimal | None:
    try:
        rate = Decimal(number)
        return rate if _SMALLEST <= rate <= 1 / _SMALLEST else None
    except InvalidOperation:  # no number, or a NaN
        return None


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
Texts = Annotated[dict[str, str], NoDecode, BeforeValidator(_object)]
Titles = Annotated[Texts, AfterValidator(_short)]
Rates = Annotated[dict[str, Decimal], NoDecode, BeforeValidator(_rates)]
UserId = Annotated[int, Field(gt=0, lt=2**52)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class Block(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )
