"""NOWPayments over HTTP: invoices, and what its API cannot do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.orders import OrderStatus
from domain.payments import Capability, CloseResult, Refund
from payments.nowpayments import NowPayments
from payments.provider import Answer, CallbackProvider, HttpReply
from tests.payments.nowpayments_shop import (
    PUBLIC_URL,
    Shop,
    asked,
    dollars,
    nowpayments_shop,
    told_by,
)
from tests.payments.nowpayments_standin import API_KEY, SECRET
from tests.payments.purchases import BUYER, NUMBER, attempt
from tests.payments.standin import Fault, StandIn

WRONG_KEY = "another-key"
BAD = [Fault.BROKEN, Fault.NONSENSE, Fault.CUT, Fault.TOO_MANY, Fault.MOVED, Fault.MISSING]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with nowpayments_shop() as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back(shop: Shop) -> None:
    provider: CallbackProvider = shop.nowpayments
    standin: StandIn = shop.api
    assert (provider.code, provider.title) == (standin.code, "NOWPayments")
    assert (provider.account, provider.live) == ("nowpayments", True)
    assert provider.capabilities == Capability.NONE
    assert standin.currency in provider.currencies
    assert provider.tail == timedelta()
    assert provider.methods == {"POST": frozenset({"application/json"})}


@pytest.mark.parametrize("missing", ["api_key", "ipn_secret"])
async def test_without_its_secrets_it_is_not_made(shop: Shop, missing: str) -> None:
    with pytest.raises(ValueError, match="NOWPAYMENTS_API_KEY and NOWPAYMENTS_IPN_SECRET"):
        shop.other(**{missing: ""})


@pytest.mark.parametrize(
    ("url", "live"),
    [
        ("https://api.nowpayments.io", True),
        ("https://api-sandbox.nowpayments.io/", False),
        ("https://API-SANDBOX.nowpayments.io", False),
    ],
)
async def test_the_sandbox_is_not_live(shop: Shop, *, url: str, live: bool) -> None:
    assert shop.other(url=url).live is live


async def test_it_takes_whatever_is_more_than_nothing(shop: Shop) -> None:
    assert shop.nowpayments.takes(dollars("0.01"))
    assert not shop.nowpayments.takes(dollars("0.00"))


async def test_it_answers_in_http(shop: Shop) -> None:
    assert shop.nowpayments.reply(Answer.ACCEPTED) == HttpReply(200, "ok")
    assert shop.nowpayments.reply(Answer.RETRY).status == 503
    assert shop.nowpayments.reply(Answer.REJECTED).status == 401


# --- Creating -------------------------------------------------------------------------------


async def test_the_offer_is_an_invoices_page(shop: Shop) -> None:
    checkout = (await shop.ordered()).checkout
    assert checkout is not None
    invoice = shop.api.invoice(NUMBER)
    assert checkout.link == f"https://nowpayments.io/payment/?iid={invoice.id}"
    assert (checkout.external_id, checkout.qr, checkout.expires_at) == (invoice.id, None, None)


async def test_an_invoice_names_price_order_and_addresses(shop: Shop) -> None:
    await shop.nowpayments.create(
        asked(attempt("12.30", "USD"), "A\x00 \ud800 «game»\n" + "x" * 200)
    )
    told = shop.api.invoice(NUMBER).asked
    assert told == {
        "price_amount": 12.3,
        "price_currency": "usd",
        "order_id": NUMBER,
        "order_description": "A «game» " + "x" * 141,
        "ipn_callback_url": f"{PUBLIC_URL}/payments/nowpayments/notify",
        "success_url": f"{PUBLIC_URL}/payments/nowpayments/return",
        "cancel_url": f"{PUBLIC_URL}/payments/nowpayments/return",
    }


@pytest.mark.parametrize("amount", ["0.29", "1.10", "123456789.01"])
async def test_no_digit_of_a_price_is_lost(shop: Shop, amount: str) -> None:
    await shop.ordered(amount)
    assert shop.api.invoice(NUMBER).price == dollars(amount).decimal


@pytest.mark.parametrize(
    "told",
    [
        {"invoice_url": "javascript:alert(1)"},
        {"invoice_url": None},
        {"id": None},
        {"order_id": "ANOTHERORDER01"},
        {"order_id": None},
        {"price_amount": "9.99"},
        {"price_amount": None},
        {"price_currency": "EUR"},
    ],
)
async def test_an_invoice_that_cannot_be_read_is_none(shop: Shop, told: dict[str, Any]) -> None:
    shop.api.told = told
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.nowpayments.create(asked())


async def test_an_invoices_id_may_be_a_number(shop: Shop) -> None:
    shop.api.told = {"id": 4522625843, "price_amount": 10}
    assert (await shop.nowpayments.create(asked())).external_id == "4522625843"


async def test_a_wrong_key_is_a_refusal(shop: Shop) -> None:
    with pytest.raises(ProviderRejected) as refusal:
        await shop.other(api_key=WRONG_KEY).create(asked())
    assert refusal.value.code == "INVALID_API_KEY"
    assert shop.api.invoices == []


async def test_a_refusal_has_its_reason(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="INVALID_REQUEST_PARAMS"):
        await shop.nowpayments.create(asked(attempt("10.00", "CNY")))


@pytest.mark.parametrize("reason", [None, [], "", "price 10.00 of a@b.example", "x" * 65])
async def test_a_reason_that_is_no_word_is_not_repeated(shop: Shop, reason: object) -> None:
    shop.api.reason = reason
    with pytest.raises(ProviderRejected) as refusal:
        await shop.nowpayments.create(asked(attempt("10.00", "CNY")))
    assert refusal.value.code == "refused"


async def test_an_invoice_made_again_is_of_the_same_order(shop: Shop) -> None:
    """There is no idempotency key; whichever of the two is paid, the attempt is."""
    shop.api.faults["*"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.nowpayments.create(asked())
    shop.api.faults.clear()
    await shop.nowpayments.create(asked())
    assert [invoice.asked["order_id"] for invoice in shop.api.invoices] == [NUMBER, NUMBER]


# --- What it cannot do ----------------------------------------------------------------------


async def test_nothing_is_asked_for_closed_or_refunded(shop: Shop) -> None:
    tried = await shop.ordered()
    shop.api.pay(NUMBER)
    shop.api.asked.clear()
    back = Refund(
        number="7H3KQ0W2M9XDR01",
        provider="nowpayments",
        external_id="5077125051",
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=tried.amount,
        amount=tried.amount,
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )
    assert await shop.nowpayments.query(tried) is None
    assert await shop.nowpayments.close(tried) is CloseResult.MAYBE_PAYABLE
    with pytest.raises(ProviderRejected, match="not offered"):
        await shop.nowpayments.refund(back)
    assert shop.api.given_back(NUMBER) is None
    assert shop.api.asked == []


# --- Checking -------------------------------------------------------------------------------


async def test_right_settings_pass_the_check(shop: Shop) -> None:
    await shop.nowpayments.check()
    assert shop.api.asked == ["GET /v1/status", "GET /v1/merchant/coins"]


async def test_a_wrong_key_is_named(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="NOWPAYMENTS_API_KEY is wrong") as refusal:
        await shop.other(api_key=WRONG_KEY).check()
    assert WRONG_KEY not in told_by(refusal.value)


async def test_an_api_out_of_order_is_unavailable(shop: Shop) -> None:
    shop.api.healthy = False
    with pytest.raises(ProviderUnavailable, match="out of order"):
        await shop.nowpayments.check()


# --- Faults ---------------------------------------------------------------------------------


async def _all_raise(nowpayments: NowPayments) -> str:
    told = ""
    for asking in (nowpayments.create(asked()), nowpayments.check()):
        with pytest.raises(ProviderUnavailable) as failure:
            await asking
        told += told_by(failure.value)
    return told


@pytest.mark.parametrize("fault", BAD)
async def test_a_failing_api_is_unavailable_and_the_secrets_stay_so(
    shop: Shop, fault: Fault
) -> None:
    shop.api.faults["*"] = fault
    told = await _all_raise(shop.nowpayments)
    assert API_KEY not in told
    assert SECRET not in told
    assert shop.api.invoices == []


async def test_a_slow_api_is_unavailable(shop: Shop) -> None:
    shop.api.faults["*"] = Fault.SLOW
    await _all_raise(shop.other(timeout=0.05))


async def test_coins_that_cannot_be_read_are_no_answer(shop: Shop) -> None:
    shop.api.faults["/coins"] = Fault.NONSENSE
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.nowpayments.check()
