"""USDT against the three kinds of gateway over HTTP: what it is, and what is offered."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability
from payments.provider import Answer, CallbackProvider, HttpReply
from payments.usdt_wire import moment, signature
from tests.payments.purchases import NOW, NUMBER, new
from tests.payments.standin import Fault, StandIn
from tests.payments.usdt_shop import PUBLIC_URL, Shop, usdt_shop
from tests.payments.usdt_standin import ADDRESS, PID, Kind, UsdtGateway

WRONG_TOKEN = "another_password"
KINDS: list[Kind] = ["epusdt", "bepusdt", "gmpay"]
VECTOR = {
    "amount": "42",
    "notify_url": "http://example.com/notify",
    "order_id": "20220201030210321",
    "redirect_url": "http://example.com/redirect",
}
GMPAY_VECTOR = {"amount": "100", "name": "VIP", "pid": "1000"}
HMAC = "ced9141fab53a83d1178f903e7c22d8a2a7033520f31e319934e92455a008b6c"


@pytest.fixture(params=KINDS)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with usdt_shop(UsdtGateway(request.param)) as shop:
        yield shop


@pytest.fixture
async def bepusdt() -> AsyncIterator[Shop]:
    async with usdt_shop(UsdtGateway("bepusdt")) as shop:
        yield shop


@pytest.fixture(params=["epusdt", "gmpay"])
async def classic(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """Gateways that know an order by their own id alone."""
    async with usdt_shop(UsdtGateway(request.param)) as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back(shop: Shop) -> None:
    provider: CallbackProvider = shop.usdt
    standin: StandIn = shop.gateway
    assert (provider.code, provider.title, provider.live) == (standin.code, "USDT", True)
    assert provider.account == (PID if shop.gateway.kind == "gmpay" else "usdt")
    assert provider.currencies == ("CNY",)
    assert provider.tail == timedelta(hours=3)
    assert provider.methods == {"POST": frozenset({"application/json"})}
    closes = shop.gateway.kind == "bepusdt"
    assert provider.capabilities == (
        Capability.QUERY | Capability.CLOSE if closes else Capability.QUERY
    )


async def test_a_merchant_id_is_the_account_wherever_it_is_set(shop: Shop) -> None:
    assert shop.other(pid="7").account == "7"


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"token": ""}, "USDT_TOKEN"),
        ({"dialect": "gmpay", "pid": ""}, "USDT_PID"),
        ({"network": "TRC20"}, "USDT_NETWORK"),
    ],
)
async def test_without_its_settings_it_is_not_made(
    shop: Shop, changes: dict[str, Any], setting: str
) -> None:
    with pytest.raises(ValueError, match=setting):
        shop.other(**changes)


@pytest.mark.parametrize(
    ("amount", "taken"),
    [("0.01", False), ("0.02", True), ("999999.99", True), ("1000000.00", False)],
)
async def test_it_takes_what_the_gateways_take(shop: Shop, *, amount: str, taken: bool) -> None:
    assert shop.usdt.takes(Money.parse(amount, "CNY")) is taken


def test_signatures_are_those_of_the_documents() -> None:
    assert signature(VECTOR, "epusdt_password_xasddawqe") == "1cd4b52df5587cfb1968b0c0c6e156cd"
    assert signature(GMPAY_VECTOR, "test-secret") == "2203e5d2a13264c188f7fac194a632f8"
    assert signature(GMPAY_VECTOR, "test-secret", "hmac-sha256") == HMAC
    more = GMPAY_VECTOR | {"signature": "ignored", "empty": ""}
    assert signature(more, "test-secret", "hmac-sha256") == HMAC


async def test_it_answers_as_gateways_read_it(shop: Shop) -> None:
    assert shop.usdt.reply(Answer.ACCEPTED) == HttpReply(200, "ok")
    assert shop.usdt.reply(Answer.RETRY) == HttpReply(500, "fail")
    assert shop.usdt.reply(Answer.REJECTED) == HttpReply(401, "fail")


# --- Creating -------------------------------------------------------------------------------


async def test_the_offer_is_an_address_an_exact_amount_and_a_page(shop: Shop) -> None:
    checkout = (await shop.ordered("12.30")).checkout
    order = shop.gateway.order(NUMBER)
    assert checkout is not None
    assert checkout.transfer is not None
    assert checkout.link == f"{shop.gateway.url}/pay/checkout-counter/{order.trade_id}"
    assert (checkout.qr, checkout.external_id) == (ADDRESS, order.trade_id)
    transfer = checkout.transfer
    assert (transfer.address, transfer.amount) == (ADDRESS, str(order.actual))
    assert (transfer.asset, transfer.network) == ("USDT", "TRON (TRC20)")
    assert type(transfer.amount) is str


async def test_the_gateway_is_told_where_to_call(shop: Shop) -> None:
    await shop.ordered("12.30")
    asked = shop.gateway.order(NUMBER).asked
    assert asked["notify_url"] == f"{PUBLIC_URL}/payments/usdt/notify"
    assert asked["redirect_url"] == f"{PUBLIC_URL}/payments/usdt/return"
    assert (asked["order_id"], asked["amount"]) == (NUMBER, 12.3)


async def test_bepusdt_is_told_money_network_name_and_time(bepusdt: Shop) -> None:
    await bepusdt.ordered()
    asked = bepusdt.gateway.order(NUMBER).asked
    assert (asked["fiat"], asked["trade_type"], asked["name"]) == ("CNY", "usdt.trc20", "A game")
    assert asked["timeout"] == 15 * 60


@pytest.mark.parametrize(("minutes", "timeout"), [(-1, 180), (2, 180), (30, 1800), (90, 3600)])
async def test_bepusdts_bounds_of_time_are_kept(bepusdt: Shop, minutes: int, timeout: int) -> None:
    usdt = bepusdt.other(clock=(NOW + timedelta(minutes=15 - minutes)).timestamp)
    await usdt.create(new())
    assert bepusdt.gateway.order(NUMBER).asked["timeout"] == timeout


async def test_gmpay_is_told_money_coin_network_and_merchant() -> None:
    async with usdt_shop(UsdtGateway("gmpay", algorithm="hmac-sha256")) as shop:
        usdt = shop.other(network="BNB Smart Chain (BEP20)")
        checkout = await usdt.create(new("A\x00 \ud800very\nlong  " + "x" * 80))
        assert checkout.transfer is not None
        assert checkout.transfer.network == "BNB Smart Chain (BEP20)"
        asked = shop.gateway.order(NUMBER).asked
        assert (asked["pid"], asked["currency"]) == (PID, "cny")
        assert (asked["token"], asked["network"]) == ("usdt", "binance")
        assert asked["name"] == "A very long " + "x" * 52


async def test_a_name_that_is_nothing_is_left_out(bepusdt: Shop) -> None:
    await bepusdt.usdt.create(new("\x00"))
    assert "name" not in bepusdt.gateway.order(NUMBER).asked


async def test_an_end_before_the_orders_is_told(bepusdt: Shop) -> None:
    bepusdt.gateway.told = {"expiration_time": 300}
    checkout = await bepusdt.usdt.create(new())
    assert checkout.expires_at == NOW + timedelta(minutes=5)
    bepusdt.gateway.told = {"expiration_time": 900}
    assert (await bepusdt.usdt.create(new())).expires_at is None


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ("300", NOW + timedelta(minutes=5)),
        ("1648381192", datetime(2022, 3, 27, 11, 39, 52, tzinfo=UTC)),
        ("1713264600000", datetime(2024, 4, 16, 10, 50, tzinfo=UTC)),
        ("18446744073709551000", None),
        ("-5", None),
        ("1e3", None),
        (None, None),
        (300, None),
    ],
)
def test_an_end_is_read_by_its_magnitude(told: object, end: datetime | None) -> None:
    assert moment(told, NOW.timestamp()) == end


@pytest.mark.parametrize("link", ["javascript:alert(1)", "", None, "/pay/1", 5])
async def test_a_page_that_no_button_takes_is_left_out(shop: Shop, link: object) -> None:
    shop.gateway.told = {"payment_url": link}
    checkout = await shop.usdt.create(new())
    assert (checkout.link, checkout.qr) == (None, ADDRESS)


@pytest.mark.parametrize(
    "told",
    [
        {"order_id": "ANOTHERORDER01"},
        {"amount": 9.99},
        {"amount": None},
        {"actual_amount": "0x1"},
        {"actual_amount": None},
        {"trade_id": "../admin"},
        {"token": "", "receive_address": ""},
        {"token": ["T"], "receive_address": "a b"},
    ],
)
async def test_an_offer_that_cannot_be_read_is_none(shop: Shop, told: dict[str, Any]) -> None:
    shop.gateway.told = told
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.usdt.create(new())


async def test_bepusdt_repeats_an_offer(bepusdt: Shop) -> None:
    first = await bepusdt.usdt.create(new())
    assert await bepusdt.usdt.create(new()) == first
    bepusdt.gateway.pay(NUMBER)
    assert await bepusdt.usdt.create(new()) == first
    assert len(bepusdt.gateway.orders) == 1


async def test_the_others_refuse_to_repeat_one_and_nothing_is_doubled(classic: Shop) -> None:
    await classic.usdt.create(new())
    with pytest.raises(ProviderRejected, match="10002"):
        await classic.usdt.create(new())
    assert len(classic.gateway.orders) == 1


async def test_a_lost_answer_doubles_nothing(shop: Shop) -> None:
    shop.gateway.faults["*"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.usdt.create(new())
    shop.gateway.faults.clear()
    if shop.gateway.kind == "bepusdt":
        assert (await shop.usdt.create(new())).qr == ADDRESS
    else:  # nobody has seen the address: another number gets its own
        with pytest.raises(ProviderRejected):
            await shop.usdt.create(new())
    assert len(shop.gateway.orders) == 1


@pytest.mark.parametrize(
    ("kind", "code"), [("epusdt", "401"), ("gmpay", "401"), ("bepusdt", "400")]
)
async def test_a_wrong_token_is_a_refusal(kind: Kind, code: str) -> None:
    """A control too: without it, nothing here would prove our signatures."""
    async with usdt_shop(UsdtGateway(kind)) as shop:
        with pytest.raises(ProviderRejected) as refusal:
            await shop.other(token=WRONG_TOKEN).create(new())
        assert refusal.value.code == code
        assert shop.gateway.orders == []
