"""The test payment: its links, and its callbacks."""

import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import ProviderRejected
from domain.money import Money
from domain.orders import Bill
from domain.payments import Capability, CloseResult, PaymentEvent
from domain.pricing import Rates, quote
from payments.provider import (
    Answer,
    CallbackProvider,
    HttpReply,
    InvalidSignature,
    MalformedCallback,
    RawCallback,
    StaleCallback,
)
from payments.testpay import PayLink, TestPay
from tests.logscan import plant
from tests.payments.purchases import NUMBER, attempt, line, new, refund

SECRET = b"a-secret-of-the-demo-only"
AT = 1_790_000_000
TOLD = {
    "event": "payment.succeeded",
    "transaction": f"T{NUMBER}",
    "number": NUMBER,
    "amount": 1000,
    "currency": "CNY",
}
PAID = PaymentEvent(
    provider="test",
    account="test",
    live=False,
    external_id=f"T{NUMBER}",
    attempt_number=NUMBER,
    amount=Money(1000, "CNY"),
)
DOCUMENTED = (InvalidSignature, MalformedCallback, StaleCallback)
plant(SECRET.decode())


def pay_at(now: float = AT, *, page_url: str = "http://127.0.0.1:8080") -> TestPay:
    return TestPay(SECRET, page_url=page_url, clock=lambda: now)


def signed(body: bytes, *, at: int = AT, secret: bytes = SECRET) -> RawCallback:
    """A callback whose signature is worked out here, not by the code under test."""
    mac = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return RawCallback("POST", {"X-Test-Signature": f"t={at},v1={mac}"}, "", body)


def callback(**changes: object) -> RawCallback:
    return signed(json.dumps(TOLD | changes).encode())


# --- The provider ---------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back() -> None:
    provider: CallbackProvider = pay_at()
    assert (provider.code, provider.title, provider.account) == ("test", "Test payment", "test")
    assert not provider.live
    assert provider.capabilities == Capability.NONE
    assert provider.methods == {"POST": frozenset({"application/json"})}
    assert SECRET.decode() not in repr(provider)


def test_without_a_secret_it_is_not_made() -> None:
    with pytest.raises(ValueError, match="a secret is needed"):
        TestPay(b"", page_url="http://127.0.0.1:8080")


@pytest.mark.parametrize("currency", ["CNY", "USD", "JPY", "KWD", "XTR"])
def test_it_takes_any_currency(currency: str) -> None:
    one = line("10", currency, quantity=2)
    assert quote(pay_at(), Bill([one], one.total), Rates()) == Money.parse("20", currency)


async def test_there_is_nobody_to_ask_and_nothing_to_give_back() -> None:
    assert await pay_at().query(attempt()) is None
    assert await pay_at().close(attempt()) is CloseResult.MAYBE_PAYABLE
    with pytest.raises(ProviderRejected, match="test: not offered"):
        await pay_at().refund(refund())


async def test_there_is_nothing_in_its_settings_that_could_be_wrong() -> None:
    await pay_at().check()
    assert pay_at().tail == timedelta()


def test_it_answers_as_its_page_expects() -> None:
    assert pay_at().reply(Answer.ACCEPTED) == HttpReply(200, "ok")
    assert pay_at().reply(Answer.RETRY) == HttpReply(503, "later")
    assert pay_at().reply(Answer.REJECTED) == HttpReply(401, "refused")


# --- Links ----------------------------------------------------------------------------------


async def link(title: str = "A game") -> tuple[str, dict[str, str]]:
    """A link's path and query."""
    checkout = await pay_at().create(new(title))
    assert checkout.link is not None
    parts = urlsplit(checkout.link)
    return parts.path, dict(parse_qsl(parts.query, strict_parsing=True))


async def test_a_link_tells_what_to_pay() -> None:
    path, query = await link()
    del query["signature"]
    assert path == f"/sandbox/pay/{NUMBER}"
    assert query == {"amount": "1000", "currency": "CNY", "title": "A game"}


async def test_a_slash_at_the_end_of_the_address_does_no_harm() -> None:
    checkout = await pay_at(page_url="http://127.0.0.1:8080/").create(new())
    assert checkout.link is not None
    assert checkout.link.startswith(f"http://127.0.0.1:8080/sandbox/pay/{NUMBER}?")


async def test_a_link_is_read_as_it_was_made() -> None:
    _, query = await link("Tom & Jerry <3\n游戏")
    expected = PayLink(NUMBER, Money(1000, "CNY"), "Tom & Jerry <3\n游戏")
    assert PayLink.read(SECRET, NUMBER, query) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1"},
        {"amount": "10.00"},
        {"amount": "-1"},
        {"amount": "١٠٠٠"},
        {"amount": ""},
        {"currency": "USD"},
        {"currency": "XXX"},
        {"title": "Another game"},
        {"title": "\udc80"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "é" * 64},
    ],
)
async def test_a_link_that_was_tampered_with_is_not_read(changes: dict[str, str]) -> None:
    _, query = await link()
    assert PayLink.read(SECRET, NUMBER, query) is not None
    assert PayLink.read(SECRET, NUMBER, query | changes) is None


async def test_a_link_is_for_one_payment_only() -> None:
    _, query = await link()
    assert PayLink.read(SECRET, "7H3KQ0W2M9XD02", query) is None
    assert PayLink.read(b"another secret", NUMBER, query) is None
    assert PayLink.read(SECRET, NUMBER, {}) is None


# --- Callbacks ------------------------------------------------------------------------------


async def test_a_signed_callback_is_a_payment() -> None:
    assert await pay_at().parse(callback()) == [PAID]


async def test_a_replayed_callback_is_the_same_payment() -> None:
    assert await pay_at().parse(callback()) == await pay_at().parse(callback())


@pytest.mark.parametrize("event", ["payment.failed", "payment.refunded", "", None, 1])
async def test_no_other_event_is_a_payment(event: object) -> None:
    assert await pay_at().parse(callback(event=event)) == []


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
async def test_a_callback_is_fresh_for_five_minutes_both_ways(seconds: int) -> None:
    assert await pay_at(AT + seconds).parse(callback()) == [PAID]


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
async def test_a_callback_from_long_ago_or_from_the_future_is_stale(seconds: int) -> None:
    with pytest.raises(StaleCallback):
        await pay_at(AT + seconds).parse(callback())


async def test_a_new_time_on_an_old_signature_is_refused() -> None:
    old = callback()
    header = old.headers["X-Test-Signature"].replace(str(AT), str(AT + 400))
    with pytest.raises(InvalidSignature):
        await pay_at(AT + 400).parse(
            RawCallback("POST", {"X-Test-Signature": header}, "", old.body)
        )


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        f"t={AT},v1={'0' * 64}",
        f"t={AT},v1={'A' * 64}",
        f"t={AT},v1={'0' * 63}",
        f"t={AT},v1={'é' * 64}",
        f"t={AT}.0,v1={'0' * 64}",
        f"v1={'0' * 64},t={AT}",
        f"t={'9' * 40},v1={'0' * 64}",
    ],
)
async def test_a_forged_signature_is_refused(header: str) -> None:
    with pytest.raises(InvalidSignature):
        await pay_at().parse(
            RawCallback("POST", {"X-Test-Signature": header}, "", callback().body)
        )


async def test_a_missing_signature_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        await pay_at().parse(RawCallback("POST", {}, "", callback().body))


async def test_another_secret_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        await pay_at().parse(signed(callback().body, secret=b"another secret"))


async def test_the_raw_bytes_are_what_is_signed() -> None:
    """The same JSON, written anew, carries no valid signature."""
    original = callback()
    again = json.dumps(json.loads(original.body), separators=(",", ":")).encode()
    assert json.loads(again) == json.loads(original.body)
    with pytest.raises(InvalidSignature):
        await pay_at().parse(RawCallback("POST", original.headers, "", again))
    with pytest.raises(InvalidSignature):
        await pay_at().parse(RawCallback("POST", original.headers, "", original.body[:-1]))


@pytest.mark.parametrize(
    "amount",
    ["1000", 10.0, 1e3, True, None, 0, -1000, 10**14 + 1, float("nan"), [1000], {"minor": 1000}],
)
async def test_an_amount_is_a_whole_number_of_minor_units(amount: object) -> None:
    with pytest.raises(MalformedCallback):
        await pay_at().parse(callback(amount=amount))


@pytest.mark.parametrize("currency", ["", "cny", "XXX", None, 156, ["CNY"]])
async def test_a_currency_is_one_that_exists(currency: object) -> None:
    with pytest.raises(MalformedCallback):
        await pay_at().parse(callback(currency=currency))


@pytest.mark.parametrize("name", ["number", "transaction"])
@pytest.mark.parametrize("value", ["", "SHORT", "x" * 65, "a b c d e f", None, 123456789])
async def test_an_id_is_made_of_letters_and_digits(name: str, value: object) -> None:
    with pytest.raises(MalformedCallback):
        await pay_at().parse(callback(**{name: value}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 30_000,
        b'{"amount": ' + b"9" * 5000 + b"}",
        b'{"event":"payment.failed",' + json.dumps(TOLD).encode()[1:],
    ],
)
async def test_what_cannot_be_read_is_refused_though_it_is_signed(body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        await pay_at().parse(signed(body))


quickly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@quickly
@given(header=st.text() | st.from_regex(r"t=\d{1,12},v1=[0-9a-f]{64}"), body=st.binary())
async def test_whatever_comes_is_refused_in_a_documented_way(header: str, body: bytes) -> None:
    with pytest.raises(DOCUMENTED):
        await pay_at().parse(RawCallback("POST", {"X-Test-Signature": header}, "", body))


@quickly
@given(
    body=st.binary()
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(list(TOLD)), json_values).map(
        lambda changes: json.dumps(TOLD | changes).encode()
    )
)
async def test_whatever_is_signed_is_read_or_refused_in_a_documented_way(body: bytes) -> None:
    try:
        events = await pay_at().parse(signed(body))
    except DOCUMENTED:
        return
    assert all(event.amount.amount > 0 for event in events)
