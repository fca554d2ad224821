"""The shop over HTTP: probes, metrics, payment callbacks and Telegram's webhook."""

import io
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.typing import EventDict

from bot.opening import storage_opened
from bot.settings import load
from bot.web import Probes
from payments.provider import MAX_CALLBACK_BYTES
from storage import tables
from tests.chat.captured_logs import captured_logs
from tests.chat.http_side import FORM, HOOK_SECRET, get, open_hooked, post, update
from tests.chat.shop_chat import ANN, ShopChat
from tests.invariants import _rows

METRICS_TOKEN: Final = "metrics-token-of-the-tests"
# One shop for all: nothing here depends on what was before.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> AsyncIterator[ShopChat]:
    """With a webhook, EPay and the test provider."""
    folder = tmp_path_factory.mktemp("http")
    shutil.copyfile(sqlite_template, folder / "shop.db")
    async with open_hooked(folder, f"sqlite+aiosqlite:///{folder}/shop.db") as opened:
        yield opened


@pytest.fixture(autouse=True)
def events() -> Iterator[list[EventDict]]:
    with captured_logs() as captured:
        yield captured


# --- Probes ---------------------------------------------------------------------------------


async def test_the_shop_says_that_it_lives_and_is_ready(shop: ShopChat) -> None:
    assert await get(shop, "/healthz") == (200, "ok\n")
    assert await get(shop, "/readyz") == (200, "ready\n")
    assert (await get(shop, "/healthz", method="HEAD"))[0] == 200
    assert (await get(shop, "/healthz", method="POST"))[0] == 405


async def test_no_secret_is_in_what_the_wired_program_looks_like(
    shop: ShopChat, tmp_path: Path
) -> None:
    """A repr is one log line away from a log."""
    assert HOOK_SECRET not in repr(shop.app)
    url = f"sqlite+aiosqlite:///{tmp_path}/shop.db"
    async with storage_opened(load(_env_file=None, database_url=url, data_dir=tmp_path)) as stored:
        assert repr(stored.master) not in repr(stored)


# --- Metrics --------------------------------------------------------------------------------


async def test_metrics_are_prometheus_and_tell_of_callbacks(shop: ShopChat) -> None:
    await shop.callback("epay", data={"sign": "forged"})
    status, body = await get(shop, "/metrics")
    assert status == 200
    assert 'keystall_callbacks_total{outcome="InvalidSignature",provider="epay"}' in body


NEAR: Final = ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fd00::1"]
FAR: Final = ["8.8.8.8", "172.32.0.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "", "nowhere"]


@pytest.mark.parametrize("address", NEAR)
async def test_without_a_token_metrics_are_for_near_addresses(address: str) -> None:
    request = make_mocked_request("GET", "/metrics").clone(remote=address)
    assert (await Probes({}, None).metrics(request)).status == 200


@pytest.mark.parametrize("address", FAR)
@pytest.mark.parametrize("header", [None, "X-Forwarded-For", "X-Real-IP", "Forwarded"])
async def test_a_far_address_gets_none_whatever_a_header_says(
    address: str, header: str | None
) -> None:
    headers = {header: "127.0.0.1"} if header else {}
    request = make_mocked_request("GET", "/metrics", headers).clone(remote=address)
    with pytest.raises(web.HTTPForbidden):
        await Probes({}, None).metrics(request)


@pytest.mark.parametrize("address", ["127.0.0.1", "8.8.8.8"])
async def test_with_a_token_metrics_are_for_whoever_has_it(address: str) -> None:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    request = make_mocked_request("GET", "/metrics", headers).clone(remote=address)
    assert (await Probes({}, METRICS_TOKEN).metrics(request)).status == 200


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("9.9.9.1", 403)])
async def test_without_it_metrics_stay_for_near_addresses(address: str, status: int) -> None:
    request = make_mocked_request("GET", "/metrics").clone(remote=address)
    try:
        answer = (await Probes({}, METRICS_TOKEN).metrics(request)).status
    except web.HTTPForbidden as refused:
        answer = refused.status
    assert answer == status


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer wrong",
        "Bearer ",
        METRICS_TOKEN,
        f"Basic {METRICS_TOKEN}",
        f"Bearer {METRICS_TOKEN}x",
        "Bearer ключ",
    ],
    ids=range(7),
)
async def test_a_wrong_token_gets_none(authorization: str) -> None:
    headers = {"Authorization": authorization}
    request = make_mocked_request("GET", "/metrics", headers).clone(remote="127.0.0.1")
    with pytest.raises(web.HTTPForbidden):
        await Probes({}, METRICS_TOKEN).metrics(request)


# --- Payment callbacks ----------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["nobody", "stars", "test%00", "..", "a/b"])
@pytest.mark.parametrize("path", ["notify", "return"])
async def test_a_provider_that_is_not_there_is_not_found(
    shop: ShopChat, provider: str, path: str
) -> None:
    assert (await get(shop, f"/payments/{provider}/{path}"))[0] == 404
    assert (await get(shop, f"/payments/{provider}/{path}", method="POST"))[0] in {404, 405}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("provider", ["epay", "test"])
async def test_a_callback_by_another_method_is_refused(
    shop: ShopChat, provider: str, method: str
) -> None:
    assert (await shop.callback(provider, method=method))[0] == 405


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
async def test_a_callback_of_another_kind_is_refused(shop: ShopChat, kind: str) -> None:
    status, _ = await shop.callback("epay", data=b"a=1", headers={"Content-Type": kind})
    assert status == 415


async def test_a_callback_that_does_not_say_its_kind_is_refused(shop: ShopChat) -> None:
    status, _ = await shop.callback("epay", data=b"a=1", skip_auto_headers=["Content-Type"])
    assert status == 415


async def test_a_callback_that_declares_too_much_is_refused(shop: ShopChat) -> None:
    body = b"a" * (MAX_CALLBACK_BYTES + 1)
    assert (await shop.callback("epay", data=body, headers={"Content-Type": FORM}))[0] == 413


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 1024):
        yield b"a" * 1024


async def test_a_callback_that_turns_out_too_much_is_refused(shop: ShopChat) -> None:
    body = chunks(2 * MAX_CALLBACK_BYTES)
    assert (await shop.callback("epay", data=body, headers={"Content-Type": FORM}))[0] == 413


async def test_a_callback_of_the_size_allowed_is_read(shop: ShopChat) -> None:
    body = b"a" * MAX_CALLBACK_BYTES
    answer = await shop.callback("epay", data=body, headers={"Content-Type": FORM})
    assert answer == (401, "fail")


@pytest.mark.parametrize("provider", ["epay", "test"])
async def test_the_page_that_a_buyer_comes_back_to_says_where_to_go_and_changes_nothing(
    shop: ShopChat, provider: str
) -> None:
    before = await everything(shop)
    path = f"/payments/{provider}/return?trade_status=TRADE_SUCCESS&out_trade_no=K7Q2M9"
    status, body = await get(shop, path)
    assert status == 200
    assert "Go back to the chat" in body
    assert "K7Q2M9" not in body
    assert await everything(shop) == before
    assert (await get(shop, path, method="POST"))[0] == 405


async def everything(shop: ShopChat) -> list[Any]:  # rows of any table
    kept = (tables.orders, tables.card_keys, tables.attempts, tables.payments, tables.ledger)
    async with shop.app.database.engine.connect() as connection:
        return [await _rows(connection, table) for table in kept]


# --- Telegram's webhook ---------------------------------------------------------------------


async def test_the_webhook_is_there_to_be_posted_to(shop: ShopChat) -> None:
    assert (await get(shop, "/telegram/webhook"))[0] == 405


@pytest.mark.parametrize(
    "secret", [None, "", "wrong", HOOK_SECRET.upper(), f"{HOOK_SECRET}x", "ключ", "\x80"]
)
async def test_an_update_without_the_secret_is_nobodys(shop: ShopChat, secret: str | None) -> None:
    said = len(shop.telegram.chat(ANN))
    assert await post(shop, json.dumps(update()).encode(), secret) == 401
    assert len(shop.telegram.chat(ANN)) == said


NO_UPDATES: Final = [
    b"",
    b"{",
    b"[]",
    b"7",
    b"null",
    b'"update"',
    b"{}",
    b"\xff\xfe",
    b'{"update_id": "x"}',
    b'{"update_id": 1, "message": 7}',
    b'{"update_id": 1e400}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", NO_UPDATES, ids=range(len(NO_UPDATES)))
async def test_what_is_no_update_is_refused(shop: ShopChat, body: bytes) -> None:
    assert await post(shop, body) == 400


@pytest.mark.parametrize("kind", ["text/plain", FORM, "application/xml"])
async def test_an_update_of_another_kind_is_refused(shop: ShopChat, kind: str) -> None:
    assert await post(shop, json.dumps(update()).encode(), kind=kind) == 415


async def test_an_update_may_say_how_it_is_encoded(shop: ShopChat) -> None:
    body = json.dumps(update("/cancel")).encode()
    assert await post(shop, body, kind="application/json; charset=utf-8") == 200


async def test_an_update_that_declares_too_much_is_refused(shop: ShopChat) -> None:
    assert await post(shop, io.BytesIO(b" " * (1024 * 1024 + 1))) == 413


async def test_an_update_that_turns_out_too_much_is_refused(shop: ShopChat) -> None:
    assert await post(shop, chunks(2 * 1024 * 1024)) == 413


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a_kind_of_next_year": {"id": 1}},
        {"channel_post": {"message_id": 1, "date": 1, "chat": {"id": -100, "type": "channel"}}},
    ],
    ids=["empty", "unknown", "channel"],
)
async def test_an_update_that_concerns_nobody_is_done_with(
    shop: ShopChat, content: dict[str, Any]
) -> None:
    assert await post(shop, json.dumps({"update_id": 5, **content}).encode()) == 200


async def test_an_update_is_answered_when_it_is_handled(shop: ShopChat) -> None:
    said = len(shop.telegram.chat(ANN))
    assert await post(shop, json.dumps(update("/terms")).encode()) == 200
    assert len(shop.telegram.chat(ANN)) == said + 1


async def test_an_update_may_come_twice(shop: ShopChat) -> None:
    body = json.dumps(update("/orders")).encode()
    assert [await post(shop, body) for _ in range(2)] == [200, 200]


async def test_an_update_that_telegram_answers_badly_is_done_with(shop: ShopChat) -> None:
    """What failed is logged and said; sent again it would only fail again."""
    shop.telegram.fault("400", "sendMessage", count=2, chat_id=ANN)
    assert await post(shop, json.dumps(update("/help")).encode()) == 200


async def test_a_press_that_telegram_has_forgotten_is_done_with(shop: ShopChat) -> None:
    message = update()["message"]
    query = {"id": "1", "from": message["from"], "chat_instance": "1", "data": "x:1"}
    body = {"update_id": 900_002, "callback_query": {**query, "message": message}}
    assert await post(shop, json.dumps(body).encode()) == 200
