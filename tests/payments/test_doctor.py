"""`keystall doctor` on each provider: its settings work, it refuses, it does not answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

from bot.doctor import examine
from bot.sandbox.people import Person
from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram
from bot.settings import Settings, load
from tests import logscan
from tests.chat.local_telegram import serving
from tests.chat.shop_chat import OWNER, TOKEN
from tests.payments.alipay_keys import STRANGER, private_text
from tests.payments.epay_v2_standin import PLATFORM, bare
from tests.payments.open_till import set_environment
from tests.payments.stand_ins import NEW, Served, names
from tests.payments.standin import Fault
from tests.payments.wechat_keys import STRANGER as WECHAT_STRANGER
from tests.payments.wechat_keys import private_pem

TITLES: Final = {
    "alipay": "Alipay",
    "wechat": "WeChat Pay",
    "epay": "EPay",
    "stripe": "Stripe",
    "paypal": "PayPal",
    "cryptopay": "Crypto Bot",
    "btcpay": "Bitcoin",
    "usdt": "USDT",
    "nowpayments": "NOWPayments",
}
_ANOTHERS: Final = "a-secret-of-somebody-else"
WRONG: Final = {
    "alipay": {"ALIPAY_PRIVATE_KEY": private_text(STRANGER)},
    "wechat": {"WECHAT_PRIVATE_KEY": private_pem(WECHAT_STRANGER)},
    "epay": {"EPAY_KEY": _ANOTHERS},
    "epay_v2": {"EPAY_PRIVATE_KEY": bare(PLATFORM)},
    "stripe": {"STRIPE_SECRET_KEY": f"sk_live_{_ANOTHERS}"},
    "paypal": {"PAYPAL_SECRET": _ANOTHERS},
    "cryptopay": {"CRYPTOPAY_TOKEN": f"12345:{_ANOTHERS}"},
    "btcpay": {"BTCPAY_API_KEY": _ANOTHERS},
    "epusdt": {"USDT_TOKEN": _ANOTHERS},
    "bepusdt": {"USDT_TOKEN": _ANOTHERS},
    "gmpay": {"USDT_PID": "1001"},
    "gmpay_hmac": {"USDT_SIGNATURE": "md5"},
    "nowpayments": {"NOWPAYMENTS_API_KEY": _ANOTHERS},
}


@pytest.fixture
async def telegram_url() -> AsyncIterator[str]:
    logscan.plant(TOKEN)
    telegram = LocalTelegram(TOKEN, [Person(OWNER, "Olga")], rate_limits=False)
    application = web.Application()
    application.add_routes(routes(telegram))
    async with serving(application) as url, telegram:
        yield url
        telegram.close()


@pytest.fixture(params=names())
async def there(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Served]]:
    """A provider's name and its stand-in."""
    stand_in = NEW[request.param]()
    async with stand_in.serving():
        yield request.param, stand_in


def settings(
    patch: pytest.MonkeyPatch,
    folder: Path,
    telegram_url: str,
    stand_in: Served,
    **environment: str,
) -> Settings:
    set_environment(patch, stand_in.environment() | environment)
    given: dict[str, Any] = {
        "bot_token": TOKEN,
        "owner_ids": frozenset({OWNER}),
        "telegram_api_url": telegram_url,
        "public_url": "https://shop.example",
        "database_url": f"sqlite+aiosqlite:///{folder}/none.db",
        "currency": stand_in.currency,
    }
    return load(_env_file=None, **given)


async def line_of(
    stand_in: Served, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """The exit status, and what is said of the provider."""
    status = await examine(settings)
    title = TITLES[stand_in.code]
    said = capsys.readouterr().out.splitlines()
    [line] = [line for line in said if line[6:].startswith(f"{title}:")]
    return status, line.replace(f" {title}:", "")


async def test_a_provider_whose_settings_work_is_well(
    there: tuple[str, Served],
    telegram_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, stand_in = there
    right = settings(monkeypatch, tmp_path, telegram_url, stand_in)
    assert await line_of(stand_in, right, capsys) == (0, "ok    its settings work")


async def test_a_provider_that_refuses_is_told_of(
    there: tuple[str, Served],
    telegram_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, stand_in = there
    wrong = settings(monkeypatch, tmp_path, telegram_url, stand_in, **WRONG[name])
    status, said = await line_of(stand_in, wrong, capsys)
    assert status == 1
    assert said.startswith("WRONG refuses: ")
    assert not any(secret in said for secret in logscan.scan.planted)


async def test_a_provider_that_does_not_answer_is_told_of(
    there: tuple[str, Served],
    telegram_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, stand_in = there
    stand_in.faults["*"] = Fault.CUT
    right = settings(monkeypatch, tmp_path, telegram_url, stand_in)
    status, said = await line_of(stand_in, right, capsys)
    assert (status, said[:22]) == (1, "WRONG does not answer ")


async def test_a_provider_that_is_slow_is_not_waited_for(
    telegram_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stand_in = NEW["stripe"]()
    async with stand_in.serving():
        stand_in.faults["*"] = Fault.SLOW
        right = settings(monkeypatch, tmp_path, telegram_url, stand_in)
        status, said = await line_of(stand_in, right, capsys)
    assert (status, said[:22]) == (1, "WRONG does not answer ")
