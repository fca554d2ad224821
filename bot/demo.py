"""`keystall demo`: the whole shop with a local Telegram, and no account anywhere."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import aiohttp
import structlog
import typer

from bot.app import App, opened
from bot.opening import now
from bot.payment_settings import BLOCKS
from bot.sandbox.pay_page import TestProvider
from bot.sandbox.people import Person
from bot.sandbox.server import routes
from bot.sandbox.telegram import LocalTelegram
from bot.serve import running, stop_asked
from bot.settings import Settings, load
from domain.catalog import sku as checked_sku
from domain.importing import TypedKeys, import_keys
from domain.managing import new_product, set_product
from domain.money import Money
from payments.testpay import TestPay

log = structlog.get_logger(__name__)

ADMIN: Final = Person(9001, "Olga", last_name="(owner)", role="admin", started=True)
BUYERS: Final = (
    Person(1001, "Ann"),
    Person(1002, "王芳", language_code="zh-hans"),
    Person(1003, "Ben", stars=20),
)
_TOKEN: Final = "42:LOCAL-TELEGRAM-TOKEN"  # noqa: S105 - only the local Telegram takes it
_STARS_FOR_ONE: Final = 50

# SKU, name, category, price in cents, keys, description.
CATALOGUE: Final = (
    (
        "GAME-1",
        "Starfarer Deluxe",
        "Games",
        1999,
        12,
        "A space game for long evenings. The key is activated on the publisher's page.",
    ),
    ("GAME-2", "Garden Tales", "Games", 499, 40, "Grow a garden, meet the neighbours."),
    ("GAME-3", "Night Train", "Games", 799, 0, "A mystery in eight carriages."),
    (
        "GIFT-10",
        "Gift card $10",
        "Gift cards",
        1000,
        25,
        "Valid in the app store of your country.",
    ),
    ("GIFT-50", "Gift card $50", "Gift cards", 5000, 4, "Valid in the app store of your country."),
    ("VPN-30", "VPN, 30 days", "Subscriptions", 299, 120, "Five devices, thirty days."),
)


async def run_demo(wanted: Settings) -> None:
    """Until it is told to stop; what happened in it is forgotten."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="keystall-demo-"))
        app = await stack.enter_async_context(demo_shop(Path(folder), wanted.host, wanted.port))
        stop = stop_asked()
        typer.echo(f"keystall is open: {app.settings.public_url}/")
        await stop.wait()


@asynccontextmanager
async def demo_shop(folder: Path, host: str, port: int) -> AsyncIterator[App]:
    """The shop, open on a local Telegram at one address."""
    address = f"http://{host}:{port}"
    settings = _settings(folder, host, port)
    secret = secrets.token_bytes(32)
    async with AsyncExitStack() as stack:
        people = [replace(person) for person in (ADMIN, *BUYERS)]
        telegram = LocalTelegram(
            _TOKEN, people, name="keystall demo", username="keystall_demo_bot"
        )
        await stack.enter_async_context(telegram)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        provider = TestProvider(http, secret, notify_url=f"{address}/payments/test/notify")
        app = await stack.enter_async_context(
            opened(settings, extra_providers=[TestPay(secret, page_url=address)])
        )
        extra = [*routes(telegram), *provider.routes()]
        await stack.enter_async_context(
            running(app, with_web=True, with_worker=True, extra_routes=extra)
        )
        stack.callback(telegram.close)
        await fill(app)
        yield app


def _settings(folder: Path, host: str, port: int) -> Settings:
    """Nothing from .env: the demo is the same for everybody."""
    of_providers = [
        block.env_name(name) for block in BLOCKS.values() for name in block.model_fields
    ]
    for name in ("REDIS_URL", "SECRET_KEY", "METRICS_TOKEN", "RATES", *of_providers):
        os.environ.pop(name, None)
    address = f"http://{host}:{port}"
    return load(
        _env_file=None,
        bot_token=_TOKEN,
        owner_ids=frozenset({ADMIN.id}),
        telegram_api_url=address,
        telegram_mode="polling",
        public_url=address,
        host=host,
        port=port,
        database_url=f"sqlite+aiosqlite:///{folder}/demo.db",
        data_dir=folder,
        currency="USD",
        shop_name="keystall demo",
        support_contact="@keystall_demo_support",
        stars_rate=_STARS_FOR_ONE,
    )


async def fill(app: App) -> None:
    """The sample catalogue, put in as an owner would."""
    uow = app.new_uow()
    for sku, name, category, price, count, description in CATALOGUE:
        money = Money(price, app.settings.currency)
        await new_product(uow, sku=sku, price=money, name=name, actor_id=ADMIN.id, now=now())
        for field, value in (("category", category), ("description", description)):
            await set_product(
                uow,
                sku=checked_sku(sku),
                field=field,
                value=value,
                currency=app.settings.currency,
                actor_id=ADMIN.id,
                now=now(),
            )
        await _stock(app, sku, count)


async def _stock(app: App, sku: str, count: int) -> None:
    keys = "\n".join(f"{sku}-{secrets.token_hex(8).upper()}" for _ in range(count))
    await import_keys(
        app.new_uow(),
        app.vault,
        TypedKeys(keys),
        sku=sku,
        name="sample",
        actor_id=ADMIN.id,
        now=now(),
        progress=_silent,
    )


async def _silent(_read: int) -> None:
    """Nobody waits for the sample stock."""
