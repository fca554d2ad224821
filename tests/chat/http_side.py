"""The shop's HTTP side, as tests ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bot.payment_settings import EPaySettings
from tests import logscan
from tests.chat.shop_chat import ANN, ShopChat, open_shop

HOOK_SECRET: Final = "secret-of-the-tests-webhook"
SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
EPAY_KEY: Final = "epay-key-of-the-tests"
FORM: Final = "application/x-www-form-urlencoded"


@asynccontextmanager
async def open_hooked(folder: Path, url: str, **settings: Any) -> AsyncIterator[ShopChat]:
    """The shop with EPay and a webhook, which Ann has started."""
    for secret in (HOOK_SECRET, EPAY_KEY):
        logscan.plant(secret)
    block: dict[str, Any] = {
        "url": "https://pay.example",
        "pid": "1001",
        "key": EPAY_KEY,
        "_env_file": None,
    }
    changed: dict[str, Any] = {
        "telegram_mode": "webhook",
        "telegram_webhook_secret": HOOK_SECRET,
        "providers": {"epay": EPaySettings(**block, confirm=False)},
    }
    async with open_shop(folder, url, **changed | settings) as shop:
        await shop.ann.says("/start")
        await shop.ann.reads("")
        yield shop


async def get(shop: ShopChat, path: str, **request: Any) -> tuple[int, str]:
    """Status and body."""
    method = request.pop("method", "GET")
    async with shop.http.request(method, f"{shop.url}{path}", **request) as response:
        return response.status, await response.text()


async def post(
    shop: ShopChat, body: Any, secret: str | None = HOOK_SECRET, kind: str = "application/json"
) -> int:
    """What the webhook answers; the body is whatever aiohttp takes."""
    headers = {"Content-Type": kind}
    if secret is not None:
        headers[SECRET_HEADER] = secret
    status, _ = await get(shop, "/telegram/webhook", method="POST", data=body, headers=headers)
    return status


def update(text: str = "/start", person_id: int = ANN) -> dict[str, Any]:
    """Somebody's message, as a Bot API object."""
    person = {"id": person_id, "is_bot": False, "first_name": "Ann"}
    chat = {"id": person_id, "type": "private", "first_name": "Ann"}
    message = {"message_id": 77, "date": 1767268800, "chat": chat, "from": person, "text": text}
    return {"update_id": 900_001, "message": message}
