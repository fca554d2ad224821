"""Requests to the callbacks' address that no honest payment service sends."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import psutil
import pytest

from bot.sandbox.webhook import SECRET_HEADER
from bot.settings import BadSettings, load
from payments.provider import MAX_CALLBACK_BYTES
from payments.testpay import TestPay
from storage import tables
from tests.chat.shop_chat import ANN
from tests.faults.world import (
    ByEPay,
    ByTestPay,
    Ordered,
    Stall,
    epay_settings,
    keys,
    open_stall,
    signed,
)
from tests.payments.epay_standin import KEY

KEYS = keys(3)
MEGABYTE: Final = 1024 * 1024
OVERSIZED: Final = 256 * MEGABYTE


async def waiting(stall: Stall) -> Ordered:
    await stall.stocked(*KEYS)
    return await stall.ordered(ANN)


async def nothing_happened(stall: Stall, ordered: Ordered) -> None:
    assert await stall.rows(tables.payments) == []
    assert (await stall.order(ordered)).is_pending


async def test_f23_with_an_empty_secret_a_provider_is_off(tmp_path: Path, sqlite_url: str) -> None:
    nothing = {"epay": epay_settings(None, key="")}
    async with open_stall(tmp_path, sqlite_url, providers=nothing) as stall:
        ordered = await waiting(stall)
        assert "epay" not in stall.app.ways.providers
        for method in ("GET", "POST"):
            status, _ = await stall.shop.callback("epay", method=method)
            assert status == 404
        request = signed(stall.service.request(ordered.attempt)["data"], secret=b"")
        assert await stall.told(request) == stall.service.refused
        await nothing_happened(stall, ordered)
        await stall.check()


def test_f23_a_provider_with_an_empty_secret_is_not_made() -> None:
    with pytest.raises(ValueError, match="secret"):
        TestPay(b"", page_url="http://127.0.0.1")
    with pytest.raises(ValueError, match="EPAY_KEY"):
        epay_settings("https://pay.example", key="")


def test_f23_an_empty_webhook_secret_is_refused_at_the_start() -> None:
    with pytest.raises(BadSettings, match="TELEGRAM_WEBHOOK_SECRET"):
        load(_env_file=None, telegram_webhook_secret="")


async def test_f23_updates_without_the_secret_are_nobodys(plain_stall: Stall) -> None:
    await plain_stall.stocked(*KEYS)
    url = f"{plain_stall.shop.url}/telegram/webhook"
    for secret in (None, "", "x", plain_stall.app.webhook_secret[:-1]):
        headers = {} if secret is None else {SECRET_HEADER: secret}
        async with plain_stall.shop.http.post(url, json={"update_id": 1}, headers=headers) as got:
            assert got.status == 401


def odd_forms_of(ordered: Ordered) -> list[bytes]:
    """The same notice, as other JSON writers write it."""
    told = json.loads(ByTestPay().request(ordered.attempt)["data"])
    spaced = json.dumps(dict(reversed(told.items())), indent=3).encode() + b" \r\n"
    escaped = "".join(f"\\u{ord(c):04x}" for c in told["number"])
    return [spaced, json.dumps(told).replace(told["number"], escaped).encode()]


@pytest.mark.parametrize("form", [0, 1])
async def test_f24_the_bytes_that_came_are_what_is_verified(plain_stall: Stall, form: int) -> None:
    stall = plain_stall
    ordered = await waiting(stall)
    request = signed(odd_forms_of(ordered)[form])
    again = json.dumps(json.loads(request["data"])).encode()
    assert again != request["data"]
    assert await stall.told(request | {"data": again}) == stall.service.refused
    await nothing_happened(stall, ordered)
    assert await stall.told(request) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]


async def told_raw(stall: Stall, query: str) -> tuple[int, str]:
    """A query byte for byte as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stall.app.settings.port)
    head = f"GET /payments/epay/notify?{query} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return int(answer.split(" ", 2)[1]), answer.rpartition("\r\n\r\n")[2]


@pytest.mark.parametrize("stall", ["epay"], indirect=True)
async def test_f24_epay_signs_what_was_meant_whatever_its_spelling(stall: Stall) -> None:
    """A field that comes twice could mean two things, and is refused."""
    ordered = await waiting(stall)
    told = stall.service.request(ordered.attempt, changes={"name": "a game & more 密"})["params"]
    for doubled in ({"money": "0.01"}, {"money": told["money"]}, {"sign": told["sign"]}):
        twice = urlencode(told) + "&" + urlencode(doubled)
        assert await told_raw(stall, twice) == stall.service.refused
    await nothing_happened(stall, ordered)
    percent = "&".join(
        f"{name}=" + "".join(f"%{byte:02x}" for byte in value.encode())
        for name, value in reversed(told.items())
    )
    assert await told_raw(stall, percent) == stall.service.accepted
    assert await told_raw(stall, urlencode(told, quote_via=quote)) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]


# Each stands in the body as it is: JSON for the test provider, a field's text for EPay.
NO_AMOUNT: Final = {
    "test": [
        *("-499", "0", "4.99", "499.0", "4.99e2", "1E400", "NaN", "-Infinity", "true", "null"),
        *('"499"', "[499]", "{}", "100000000000001", "9223372036854775808", "9" * 4000, "4_99"),
    ],
    "epay": [
        *("-4.99", "0", "0.00", "4.999", "4.99e0", "0x4", "NaN", "Infinity", "-Infinity", "sNaN"),
        *("", " 4.99", "4.99 ", "+4.99", "4,99", "4.99.0", "４.99", "٤.٩٩", ".99", "4.", "9" * 15),
        *("4.99\n", "4_99", "1e400", "9" * 4000),
    ],
}


async def test_f37_what_is_no_amount_is_refused(stall: Stall) -> None:
    ordered = await waiting(stall)
    for amount in NO_AMOUNT[stall.service.code]:
        assert await stall.told(with_amount(stall, ordered, amount)) == stall.service.refused
    await nothing_happened(stall, ordered)


def with_amount(stall: Stall, ordered: Ordered, amount: str) -> dict[str, Any]:
    request = stall.service.request(ordered.attempt)
    if stall.service.code == "epay":
        return stall.service.request(ordered.attempt, changes={"money": amount})
    body = request["data"].replace(b'"amount": 499', f'"amount": {amount}'.encode())
    assert body != request["data"]
    return signed(body)


@pytest.mark.parametrize("stall", ["epay"], indirect=True)
async def test_f37_more_zeros_are_the_same_amount(stall: Stall) -> None:
    ordered = await waiting(stall)
    request = stall.service.request(ordered.attempt, changes={"money": "4.990000"})
    assert await stall.told(request) == stall.service.accepted
    assert await stall.keys_read_by(ANN) == KEYS[:1]


FORM: Final = "application/x-www-form-urlencoded"
WRONG_METHODS: Final = {
    "test": ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"],
    "epay": ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"],
}
WRONG_TYPES: Final = {
    "test": [FORM, "text/plain", "text/json", "application/octet-stream", "multipart/form-data"],
    "epay": ["application/json", "text/plain", "multipart/form-data", "application/octet-stream"],
}


async def test_f38_other_methods_and_types_are_refused(stall: Stall) -> None:
    ordered, service = await waiting(stall), stall.service
    request = service.request(ordered.attempt)
    for method in WRONG_METHODS[service.code]:
        status, _ = await stall.told(request | {"method": method})
        assert (method, status) == (method, 405)
    body = request["data"] if "data" in request else urlencode(request["params"]).encode()
    given = request.get("headers", {})
    for content_type in WRONG_TYPES[service.code]:
        headers = given | {"Content-Type": content_type}
        status, _ = await stall.shop.callback(service.code, data=body, headers=headers)
        assert (content_type, status) == (content_type, 415)
    await nothing_happened(stall, ordered)


async def test_f39_an_oversized_body_is_refused_without_being_kept(stall: Stall) -> None:
    ordered = await waiting(stall)
    content_type = "application/json" if stall.service.code == "test" else FORM
    before = resident()
    declared = await poured(stall, content_type, f"Content-Length: {OVERSIZED}", chunked=False)
    chunked = await poured(stall, content_type, "Transfer-Encoding: chunked", chunked=True)
    assert (declared, chunked) == (413, 413)
    assert resident() - before < 16 * MEGABYTE
    await nothing_happened(stall, ordered)


def resident() -> int:
    return psutil.Process(os.getpid()).memory_info().rss


async def poured(stall: Stall, content_type: str, length: str, *, chunked: bool) -> int:
    """Send until the shop has answered, or everything is sent; the answer's status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stall.app.settings.port)
    path = f"/payments/{stall.service.code}/notify"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: {content_type}\r\n{length}\r\n\r\n"
    )
    writer.write(head.encode())
    piece = b"x" * MAX_CALLBACK_BYTES
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(reader.readline())
        sent = 0
        while not answer.done() and sent < OVERSIZED:
            sent += len(piece)
            try:
                writer.write(framed)
                await writer.drain()
            except ConnectionError:
                break
    writer.transport.abort()
    return int(answer.result().split()[1])


@pytest.mark.parametrize("address", ["https://shop.example/?x=1", "https://shop.example/#notify"])
def test_the_address_for_notices_has_no_query(address: str) -> None:
    with pytest.raises(BadSettings, match="PUBLIC_URL"):
        load(_env_file=None, public_url=address)


@pytest.mark.parametrize("stall", ["epay"], indirect=True)
async def test_the_notify_url_that_a_service_is_given_has_no_query(stall: Stall) -> None:
    """Services that check or sign the address refuse one with a query, or drop it."""
    ordered = await waiting(stall)
    assert isinstance(stall.service, ByEPay)
    told = stall.service.platform.trades[ordered.attempt].told
    assert told["notify_url"] == f"{stall.shop.url}/payments/epay/notify"
    assert KEY not in urlencode(told)
