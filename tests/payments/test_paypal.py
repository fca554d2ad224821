"""PayPal's orders: created, approved, captured, asked for, and closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import (
    Capability,
    CapturingProvider,
    Checkout,
    PaymentEvent,
)
from payments.provider import Answer, CallbackProvider
from tests.logscan import plant
from tests.payments.paypal_shop import Shop, paypal_shop, settings_of, tells_no_secret
from tests.payments.paypal_standin import CLIENT_ID
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault

FAULTS = [fault for fault in Fault if fault is not Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        yield shop


def asked(shop: Shop, path: str) -> dict[str, Any]:  # JSON of any shape
    """What the shop last sent to a path."""
    body: dict[str, Any] = json.loads(
        [body for to, _, body in shop.there.sent if to.endswith(path)][-1]
    )
    return body


# --- What it is ---------------------------------------------------------------------------------


async def test_it_is_a_provider_that_captures_and_calls_back(shop: Shop) -> None:
    assert isinstance(shop.paypal, CapturingProvider)
    assert isinstance(shop.paypal, CallbackProvider)
    expected = Capability.QUERY | Capability.REFUND | Capability.PARTIAL_REFUND
    assert shop.paypal.capabilities == expected
    assert shop.paypal.methods == {"POST": {"application/json"}}
    assert (shop.paypal.account, shop.paypal.currencies[0]) == (CLIENT_ID, "USD")


async def test_the_sandbox_is_not_live(shop: Shop) -> None:
    assert shop.other(url="https://api-m.paypal.com").live
    assert not shop.other(url="https://api-m.sandbox.paypal.com/").live


@pytest.mark.parametrize("setting", ["client_id", "secret", "webhook_id"])
async def test_an_empty_setting_is_refused(shop: Shop, setting: str) -> None:
    with pytest.raises(ValueError, match="PayPal needs"):
        shop.other(**{setting: ""})


@pytest.mark.parametrize(
    ("amount", "currency", "taken"),
    [
        ("0.01", "USD", True),
        ("0.00", "USD", False),
        ("10", "JPY", True),
        ("1500", "HUF", True),
        ("1500.50", "HUF", False),
        ("30.00", "TWD", True),
        ("30.01", "TWD", False),
    ],
)
async def test_what_has_no_decimals_is_taken_whole(
    shop: Shop, amount: str, currency: str, taken: bool
) -> None:
    assert shop.paypal.takes(Money.parse(amount, currency)) is taken


async def test_replies(shop: Shop) -> None:
    statuses = [shop.paypal.reply(answer).status for answer in Answer]
    assert statuses == [200, 503, 401]


# --- Created ------------------------------------------------------------------------------------


async def test_an_order_is_created_to_be_captured(shop: Shop) -> None:
    tried = await shop.ordered()
    order = shop.there.orders[NUMBER]
    page = f"{shop.there.url}/checkoutnow?token={order.id}"
    assert tried.checkout == Checkout(link=page, external_id=order.id)
    told = asked(shop, "/orders")
    assert told["intent"] == "CAPTURE"
    assert told["purchase_units"] == [
        {
            "custom_id": NUMBER,
            "invoice_id": NUMBER,
            "description": "A game",
            "amount": {"currency_code": "USD", "value": "10.00"},
        }
    ]
    assert told["payment_source"]["paypal"]["experience_context"] == {
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        "return_url": "https://shop.example/payments/paypal/return",
        "cancel_url": "https://shop.example/payments/paypal/return",
    }


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [
        ("1500", "JPY", "1500"),
        ("1500.00", "HUF", "1500"),
        ("30", "TWD", "30"),
        ("5", "EUR", "5.00"),
    ],
)
async def test_amounts_are_written_as_paypal_wants_them(
    shop: Shop, amount: str, currency: str, value: str
) -> None:
    await shop.paid(amount, currency)
    unit = shop.there.orders[NUMBER].unit
    assert unit["amount"] == {"currency_code": currency, "value": value}


async def test_the_older_name_of_the_link_will_do(shop: Shop) -> None:
    shop.there.link_rel = "approve"
    tried = await shop.ordered()
    assert tried.checkout is not None
    assert tried.checkout.link is not None


async def test_a_long_title_is_trimmed_and_cleaned(shop: Shop) -> None:
    await shop.paypal.create(new("A\tgame\n\x00\u202e" + "游戏" * 100, attempt("10.00", "USD")))
    description = shop.there.orders[NUMBER].unit["description"]
    assert description == "A game " + "游戏" * 60  # 127 characters


async def test_an_order_created_again_is_the_same(shop: Shop) -> None:
    first, second = await shop.ordered(), await shop.ordered()
    assert first.checkout == second.checkout
    assert len(shop.there.orders) == 1


async def test_an_order_that_outlives_paypals_says_so(shop: Shop) -> None:
    long = replace(new(tried=attempt("10.00", "USD")), expires_at=NOW + timedelta(hours=4))
    checkout = await shop.paypal.create(long)
    assert checkout.expires_at == NOW + timedelta(hours=3)


@pytest.mark.parametrize(
    "overrides",
    [
        {"links": []},
        {"links": [{"rel": "payer-action", "href": "javascript:alert(1)"}]},
        {"links": None},
        {"id": None},
        {"purchase_units": []},
        {"purchase_units": [{"custom_id": "ANOTHERNUMBER"}]},
    ],
)
async def test_an_answer_without_an_order_is_none(shop: Shop, overrides: dict[str, Any]) -> None:
    shop.there.overrides = overrides
    with pytest.raises(ProviderUnavailable):
        await shop.ordered()


async def test_what_paypal_refuses_is_rejected_in_its_words(shop: Shop) -> None:
    with pytest.raises(ProviderRejected) as caught:
        await shop.ordered("30.01", "TWD")
    assert caught.value.code == "DECIMALS_NOT_SUPPORTED"


# --- Tokens -------------------------------------------------------------------------------------


def tokens(shop: Shop) -> int:
    return shop.there.asked.count("POST /v1/oauth2/token")


async def test_a_token_is_used_until_shortly_before_its_end(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.clock.now += shop.there.token_seconds - 61
    await shop.paypal.query(tried)
    assert tokens(shop) == 1
    shop.clock.now += 1
    await shop.paypal.query(tried)
    assert tokens(shop) == 2


async def test_one_token_is_fetched_for_all_who_wait(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.there.tokens.clear()
    await asyncio.gather(*(shop.paypal.query(tried) for _ in range(5)))
    assert tokens(shop) == 2


async def test_a_token_that_is_refused_is_replaced_once(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.there.token_seconds = -1  # none is good for anything
    shop.there.tokens.clear()
    with pytest.raises(ProviderUnavailable, match="401"):
        await shop.paypal.capture(tried)
    assert tokens(shop) == 2


async def test_a_request_still_in_work_is_of_unknown_outcome(shop: Shop) -> None:
    tried = await shop.approved()
    shop.there.busy = True
    for call in (shop.paypal.create(new(tried=tried)), shop.paypal.capture(tried)):
        with pytest.raises(ProviderUnavailable, match="409"):
            await call


@pytest.mark.parametrize("setting", ["client_id", "secret"])
async def test_wrong_credentials_are_named(shop: Shop, setting: str) -> None:
    wrong = "wrong-credential-Zr8"
    plant(wrong)
    other = shop.other(**{setting: wrong})
    with pytest.raises(ProviderRejected, match="PAYPAL_CLIENT_ID or PAYPAL_SECRET is wrong") as no:
        await other.check()
    assert wrong not in repr(no.value)
    with pytest.raises(ProviderUnavailable):
        await other.create(new(tried=attempt("10.00", "USD")))
    assert shop.there.orders == {}


async def test_a_wrong_webhook_is_named(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="PAYPAL_WEBHOOK_ID is wrong"):
        await shop.other(webhook_id="1AB23456CD789012E").check()


async def test_a_missing_permission_is_no_news(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.there.forbidden = True
    for call in (shop.paypal.query(tried), shop.paypal.close(tried), shop.paypal.check()):
        with pytest.raises(ProviderUnavailable):
            await call


async def test_right_settings_pass_the_check(shop: Shop) -> None:
    await shop.paypal.check()
    await shop.paypal.check()
    assert tokens(shop) == 2  # a token from before would prove nothing


# --- Faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("path", ["token", "/v2/checkout/orders", "/webhooks"])
async def test_a_broken_answer_tells_nothing(shop: Shop, path: str, fault: Fault) -> None:
    tried = await shop.approved()
    hasty = shop.other(timeout=0.1)
    shop.there.faults[path] = fault
    shown: list[Exception] = []
    for call in (
        hasty.create(new(tried=attempt("10.00", "USD"))),
        hasty.query(tried),
        hasty.capture(tried),
        hasty.close(tried),
        hasty.check(),
    ):
        try:
            await call
        except ProviderUnavailable as error:
            shown.append(error)
    assert len(shown) == {"token": 5, "/v2/checkout/orders": 4, "/webhooks": 1}[path]
    assert all(tells_no_secret(error) for error in shown)
    assert len(shop.there.orders) == 1


async def test_an_order_whose_answer_got_lost_is_created_once(shop: Shop) -> None:
    shop.there.faults["/orders"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.ordered()
    shop.there.faults.clear()
    tried = await shop.ordered()
    assert len(shop.there.orders) == 1
    assert tried.checkout is not None
    assert tried.checkout.external_id == shop.there.orders[NUMBER].id


async def test_nothing_shows_the_secret(shop: Shop) -> None:
    secret = settings_of(shop.there, shop.clock)["secret"]
    assert secret not in f"{shop.paypal!r} {shop.paypal}"


async def test_a_payment_is_of_the_account(shop: Shop) -> None:
    news = await shop.paypal.query(await shop.paid())
    assert isinstance(news, PaymentEvent)
    assert (news.account, news.live) == (CLIENT_ID, True)
