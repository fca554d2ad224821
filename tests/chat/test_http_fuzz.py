"""Whatever comes over HTTP: never a failure of ours, never a look inside."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from structlog.typing import EventDict

from tests.chat.captured_logs import captured_logs
from tests.chat.http_side import FORM, HOOK_SECRET, SECRET_HEADER, open_hooked, post, update
from tests.chat.shop_chat import ShopChat

pytestmark = pytest.mark.asyncio(loop_scope="module")
METRICS_TOKEN: Final = "metrics-token-of-the-tests"
# The time is the network's; one shop serves all examples.
few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> AsyncIterator[ShopChat]:
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copyfile(sqlite_template, folder / "shop.db")
    url = f"sqlite+aiosqlite:///{folder}/shop.db"
    async with open_hooked(folder, url, metrics_token=METRICS_TOKEN) as opened:
        yield opened


@pytest.fixture(autouse=True)
def events() -> Iterator[list[EventDict]]:
    with captured_logs() as captured:
        yield captured


async def ask(shop: ShopChat, request: bytes, seconds: float = 5.0) -> tuple[int, bytes]:
    """Status and whole answer to these very bytes; 0 where the line was closed without one."""
    at = urlsplit(shop.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        writer.write(request)
        async with asyncio.timeout(seconds):
            answer = await reader.read()
    finally:
        writer.transport.abort()
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"0"
    return int(status), answer


def http(method: str, path: str, headers: dict[str, bytes], body: bytes) -> bytes:
    sent = {"Host": b"shop", "Connection": b"close", **headers}
    sent |= {"Content-Length": str(len(body)).encode()}
    lines = [name.encode() + b": " + value for name, value in sent.items()]
    return b"\r\n".join([f"{method} {path} HTTP/1.1".encode(), *lines, b"", body])


paths = st.sampled_from(
    [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/telegram/webhook",
        "/payments/epay/notify",
        "/payments/epay/return",
        "/payments/test/notify",
        "/payments/test/return",
    ]
)
odd = st.text(max_size=30).map(lambda text: quote(text.encode(errors="replace"), safe="/?&=%"))
targets = st.builds("{}{}".format, paths, st.one_of(st.just(""), odd, odd.map("?{}".format)))
methods = st.one_of(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH"]),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1, max_size=12),
)
values = st.one_of(
    st.sampled_from(
        [FORM.encode(), b"application/json", HOOK_SECRET.encode(), b"Bearer x", b"gzip", b"utf-8"]
    ),
    st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n\0")),
)
headers = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "Content-Encoding",
            "Authorization",
            "Cookie",
            "X-Forwarded-For",
            "If-None-Match",
            "Range",
            SECRET_HEADER,
        ]
    ),
    values,
    max_size=4,
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=6).map(
        lambda form: "&".join(f"{quote(k)}={quote(v)}" for k, v in form.items()).encode()
    ),
)


@given(method=methods, path=targets, headers=headers, body=bodies)
@example("GET", "/metrics", {"Authorization": b"Bearer \xff"}, b"")
@example("POST", "/telegram/webhook", {SECRET_HEADER: b"\xff"}, b"")
@example("GET", "/payments/epay/notify?sign=%ff&pid=%ed%a0%80", {}, b"")
@example("POST", "/payments/epay/notify", {"Content-Type": FORM.encode()}, b"sign=\xff")
@example("POST", "/payments/epay/notify", {"Content-Type": b"\xff/\xff; a=\xff"}, b"a=1")
@example("POST", "/payments/test/notify", {"Content-Type": b"application/json"}, b"[" * 20_000)
@example("POST", "/payments/epay/notify", {"Content-Encoding": b"gzip"}, b"not gzip")
@few
async def test_nothing_that_comes_over_http_is_a_failure_of_ours(
    shop: ShopChat, method: str, path: str, headers: dict[str, bytes], body: bytes
) -> None:
    status, answer = await ask(shop, http(method, path, headers, body))
    assert status < 500
    assert b"Traceback" not in answer
    assert HOOK_SECRET.encode() not in answer
    assert METRICS_TOKEN.encode() not in answer


@given(st.binary(min_size=1, max_size=200).map(lambda raw: raw + b"\r\n\r\n"))
@settings(few, max_examples=60)
async def test_what_is_not_even_http_is_no_failure_either(shop: ShopChat, raw: bytes) -> None:
    try:
        status, answer = await ask(shop, raw, seconds=0.5)
    except (TimeoutError, ConnectionError):
        return  # it waits for the rest of a request, or hangs up
    assert status < 500
    assert b"Traceback" not in answer


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "from", "id", "text", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(anything)
@settings(few, max_examples=60)
async def test_any_json_with_the_secret_is_an_update_or_none(shop: ShopChat, content: Any) -> None:
    assert await post(shop, json.dumps(content).encode()) in {200, 400}


@given(st.text(max_size=200), st.text(max_size=64))
@example("/start\0", "")
@example("/order \0", "a:\0")
@example("/start p_" + "x" * 5000, "")
@settings(
    few,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
async def test_whatever_somebody_types_or_forges_is_handled(
    shop: ShopChat, events: list[EventDict], text: str, data: str
) -> None:
    typed = update(text, await newcomer(shop))
    pressed = {
        "id": "1",
        "from": typed["message"]["from"],
        "chat_instance": "1",
        "data": data,
        "message": typed["message"],
    }
    assert await post(shop, json.dumps(typed).encode()) in {200, 400}
    assert [event for event in events if event["log_level"] == "error"] == []
    # Telegram knows of no such press, which the program notes when it answers.
    body = {"update_id": 7, "callback_query": pressed}
    assert await post(shop, json.dumps(body).encode()) in {200, 400}
    events.clear()


numbers = itertools.count(50_000)


async def newcomer(shop: ShopChat) -> int:
    """Somebody whom no limit concerns yet."""
    number = next(numbers)
    person = {"id": number, "first_name": "New", "started": True}
    async with shop.http.post(f"{shop.url}/sandbox/people", json=person) as response:
        assert response.status == 201
    return number
