"""Crypto Pay: making invoices, asking for them, and closing them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability, Checkout, CloseResult, Ended, ListingProvider
from payments.provider import CallbackProvider
from tests.payments.cryptopay_shop import Shop, cryptopay_shop, event
from tests.payments.cryptopay_standin import APP, TOKEN
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault, StandIn

SECOND = "7H3KQ0W2M9XD02"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with cryptopay_shop() as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back_and_lists(shop: Shop) -> None:
    provider: CallbackProvider = shop.provider
    assert isinstance(provider, ListingProvider)
    assert (provider.code, provider.title, provider.account) == ("cryptopay", "Crypto Bot", APP)
    assert provider.live
    assert provider.capabilities == (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    assert provider.methods == {"POST": frozenset({"application/json"})}
    assert len(set(provider.currencies)) == 20
    assert provider.takes(Money(1, "USD"))
    assert not provider.takes(Money(0, "USD"))


async def test_the_stand_in_is_one(shop: Shop) -> None:
    standin: StandIn = shop.there
    assert standin.environment() == {"CRYPTOPAY_TOKEN": TOKEN, "CRYPTOPAY_URL": shop.there.url}
    assert not standin.knows(NUMBER)
    await shop.order()
    assert standin.payable(NUMBER)
    standin.give_back(NUMBER)
    assert standin.given_back(NUMBER) is None


@pytest.mark.parametrize(
    ("url", "live"),
    [("https://pay.crypt.bot", True), ("https://testnet-pay.crypt.bot/", False), ("", True)],
)
async def test_the_testnets_money_is_not_live(shop: Shop, url: str, *, live: bool) -> None:
    assert shop.other(url=url).live is live


@pytest.mark.parametrize("token", ["", ":", "12345", "12345:", "app:secret", "12345:a b", "١٢:aa"])
async def test_without_a_usable_token_it_is_not_made(shop: Shop, token: str) -> None:
    with pytest.raises(ValueError, match=r"^CRYPTOPAY_TOKEN is an app's number, a colon") as info:
        shop.other(token=token)
    assert len(token) < 3 or token not in str(info.value)


async def test_it_does_not_show_its_token(shop: Shop) -> None:
    assert TOKEN not in repr(shop.provider) + str(vars(shop.provider)["_service"])


# --- Creating -------------------------------------------------------------------------------


async def test_an_invoice_is_in_fiat_money_under_the_attempts_number(shop: Shop) -> None:
    tried = await shop.order("10.50")
    assert tried.checkout == Checkout(
        link="https://t.me/CryptoBot?start=IV1000", external_id="1000"
    )
    assert shop.there.invoice(NUMBER).asked == {
        "currency_type": "fiat",
        "fiat": "USD",
        "amount": "10.50",
        "description": "A game",
        "payload": NUMBER,
        "expires_in": 900,
        "allow_comments": False,
    }


async def test_created_again_it_is_the_same_invoice(shop: Shop) -> None:
    await shop.order(number=SECOND)
    first = await shop.order()
    again = await shop.order()
    assert first.checkout == again.checkout
    assert len(shop.there.invoices) == 2


async def test_an_invoice_is_found_beyond_the_first_page(shop: Shop) -> None:
    first = await shop.order()
    asked = shop.there.invoice(NUMBER).asked
    for number in range(1000):
        shop.there._create(asked | {"payload": f"OTHER{number}"})
    again = await shop.order()
    assert first.checkout == again.checkout
    assert shop.there.asked.count("POST /api/getInvoices") == 3


@pytest.mark.parametrize(
    ("left", "expires_in"), [(-5, 1), (0.4, 1), (59.9, 59), (10**8, 2_678_400)]
)
async def test_it_expires_within_what_crypto_pay_allows(
    shop: Shop, left: float, expires_in: int
) -> None:
    purchase = replace(new(tried=attempt("1.00", "USD")), expires_at=NOW + timedelta(seconds=left))
    await shop.provider.create(purchase)
    assert shop.there.invoice(NUMBER).asked["expires_in"] == expires_in


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Ключ\n\tот\x00 игры\u202e", "Ключ от игры"),
        ("游" * 2000, "游" * 1024),
        ("\x00\n", NUMBER),
    ],
)
async def test_a_title_is_trimmed(shop: Shop, title: str, description: str) -> None:
    await shop.provider.create(new(title, attempt("1.00", "USD")))
    assert shop.there.invoice(NUMBER).asked["description"] == description


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_invoice_url": "javascript:alert(1)"},
        {"bot_invoice_url": None},
        {"invoice_id": "1000"},
        {"invoice_id": True},
    ],
)
async def test_an_invoice_without_a_usable_link_is_nonsense(
    shop: Shop, changes: dict[str, object]
) -> None:
    await shop.order()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.order()


async def test_what_crypto_pay_refuses_is_not_created(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="cryptopay: FIAT_INVALID"):
        await shop.provider.create(new(tried=attempt("10.00", "CHF")))


async def test_a_creation_of_unknown_outcome_is_found_again(shop: Shop) -> None:
    shop.there.faults["createInvoice"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.order()
    assert shop.there.knows(NUMBER)
    shop.there.faults.clear()
    await shop.order()
    assert len(shop.there.invoices) == 1


# --- Asking ---------------------------------------------------------------------------------


async def test_an_open_invoice_is_no_news(shop: Shop) -> None:
    assert await shop.provider.query(await shop.order()) is None


async def test_a_paid_invoice_is_a_payment(shop: Shop) -> None:
    assert await shop.provider.query(await shop.paid("10.50")) == event("10.50")


async def test_an_expired_invoice_has_ended(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.expire(NUMBER)
    assert await shop.provider.query(tried) == Ended("cryptopay", NUMBER)


async def test_an_invoice_of_unknown_id_is_found_by_its_number(shop: Shop) -> None:
    await shop.paid()
    await shop.paid(number=SECOND)
    assert await shop.provider.query(attempt("10.00", "USD")) == event()
    lost = attempt("10.00", "USD")
    lost.checkout = Checkout(link="https://t.me/CryptoBot")
    assert await shop.provider.query(lost) == event()


async def test_an_invoice_that_was_never_made_is_no_news(shop: Shop) -> None:
    await shop.paid()
    assert await shop.provider.query(attempt("10.00", "USD", number=SECOND)) is None


@pytest.mark.parametrize("changes", [{"payload": SECOND}, {"invoice_id": 1001}])
async def test_an_answer_about_another_order_is_not_believed(
    shop: Shop, changes: dict[str, object]
) -> None:
    tried = await shop.paid()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match="another order"):
        await shop.provider.query(tried)


@pytest.mark.parametrize(
    "changes",
    [{"amount": 10.0}, {"amount": "1e1"}, {"amount": "0"}, {"fiat": "TON"}, {"fiat": None}],
)
async def test_a_payment_without_an_amount_is_nonsense(
    shop: Shop, changes: dict[str, object]
) -> None:
    tried = await shop.paid()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.query(tried)


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"null",
        b"{}",
        b'{"ok": true}',
        b'{"ok": 1, "result": {"items": []}}',
        b'{"ok": true, "result": []}',
        b'{"ok": true, "result": {"items": [1]}}',
        b'{"ok": false}',
        b'{"ok": false, "error": {"code": "400"}}',
        b'{"ok": false, "error": {"code": 500, "name": "INTERNAL"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
async def test_an_answer_of_another_form_is_nonsense(shop: Shop, answer: bytes) -> None:
    tried = await shop.order()
    shop.there.answers["getInvoices"] = answer
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.query(tried)


# --- Closing --------------------------------------------------------------------------------


async def test_a_closed_invoice_takes_no_money(shop: Shop) -> None:
    tried = await shop.order()
    assert await shop.provider.close(tried) is CloseResult.CLOSED
    assert not shop.there.payable(NUMBER)
    assert await shop.provider.close(tried) is CloseResult.CLOSED


async def test_a_closing_of_unknown_outcome_is_repeated(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.faults["deleteInvoice"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.provider.close(tried)
    shop.there.faults.clear()
    assert await shop.provider.close(tried) is CloseResult.CLOSED


async def test_a_paid_invoice_is_not_closed(shop: Shop) -> None:
    assert await shop.provider.close(await shop.paid()) is CloseResult.ALREADY_PAID
    assert "POST /api/deleteInvoice" not in shop.there.asked


async def test_an_expired_invoice_is_closed(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.expire(NUMBER)
    assert await shop.provider.close(tried) is CloseResult.CLOSED


async def test_what_was_never_made_is_closed(shop: Shop) -> None:
    assert await shop.provider.close(attempt("10.00", "USD")) is CloseResult.CLOSED


async def test_an_invoice_that_stays_may_be_paid(shop: Shop) -> None:
    shop.there.deleting = False
    assert await shop.provider.close(await shop.order()) is CloseResult.MAYBE_PAYABLE


async def test_an_invoice_that_cannot_be_deleted_may_be_paid(shop: Shop) -> None:
    tried = await shop.order()
    refused = {"ok": False, "error": {"code": 400, "name": "INVOICE_NOT_FOUND"}}
    shop.there.answers["deleteInvoice"] = json.dumps(refused).encode()
    assert await shop.provider.close(tried) is CloseResult.MAYBE_PAYABLE
