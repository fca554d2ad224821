"""BTCPay Server: making invoices and closing them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Capability, Checkout, CloseResult, ListingProvider
from payments.provider import Answer, CallbackProvider
from tests.payments.btcpay_shop import Shop, btcpay_shop
from tests.payments.btcpay_standin import API_KEY, SECRET, STORE
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.standin import Fault, StandIn

SECOND = "7H3KQ0W2M9XD02"


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with btcpay_shop() as shop:
        yield shop


# --- What it is -----------------------------------------------------------------------------


async def test_it_is_a_provider_that_calls_back_and_lists(shop: Shop) -> None:
    provider: CallbackProvider = shop.provider
    assert isinstance(provider, ListingProvider)
    assert (provider.code, provider.title, provider.account) == ("btcpay", "Bitcoin", STORE)
    assert provider.live
    assert provider.capabilities == (
        Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND
    )
    assert provider.methods == {"POST": frozenset({"application/json"})}
    assert provider.currencies == ()
    assert provider.takes(Money(1, "USD"))
    assert not provider.takes(Money(0, "USD"))
    assert not provider.takes(Money(1, "XTR"))


async def test_the_stand_in_is_one(shop: Shop) -> None:
    standin: StandIn = shop.there
    assert standin.environment() == {
        "BTCPAY_URL": shop.there.url,
        "BTCPAY_STORE_ID": STORE,
        "BTCPAY_API_KEY": API_KEY,
        "BTCPAY_WEBHOOK_SECRET": SECRET,
    }
    assert not standin.knows(NUMBER)
    await shop.order()
    assert standin.payable(NUMBER)
    standin.give_back(NUMBER)
    assert standin.given_back(NUMBER) is None


@pytest.mark.parametrize(
    ("store_id", "api_key", "webhook_secret"),
    [("", API_KEY, SECRET), (STORE, "", SECRET), (STORE, API_KEY, "")],
)
async def test_without_a_secret_it_is_not_made(
    shop: Shop, store_id: str, api_key: str, webhook_secret: str
) -> None:
    with pytest.raises(ValueError, match="needs a store id, an API key and a webhook's secret"):
        shop.other(store_id=store_id, api_key=api_key, webhook_secret=webhook_secret)


async def test_it_does_not_show_its_secrets(shop: Shop) -> None:
    assert API_KEY not in repr(shop.provider)
    assert SECRET not in repr(shop.provider)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(Answer.ACCEPTED, 200), (Answer.RETRY, 503), (Answer.REJECTED, 401)],
)
async def test_it_answers_with_a_status(shop: Shop, answer: Answer, status: int) -> None:
    assert shop.provider.reply(answer).status == status


# --- Creating -------------------------------------------------------------------------------


async def test_an_invoice_carries_the_attempts_number(shop: Shop) -> None:
    tried = await shop.order("10.50")
    id_ = "Inv0000000000000000000"
    assert tried.checkout == Checkout(link=f"{shop.there.url}/i/{id_}", external_id=id_)
    assert shop.there.invoice(NUMBER).asked == {
        "amount": "10.50",
        "currency": "USD",
        "metadata": {"orderId": NUMBER, "itemDesc": "A game"},
        "checkout": {
            "expirationMinutes": 15,
            "redirectURL": "https://shop.example/payments/btcpay/return",
        },
    }


async def test_created_again_it_is_the_same_invoice(shop: Shop) -> None:
    await shop.order(number=SECOND)
    first = await shop.order()
    shop.there.invoice(NUMBER).archived = True
    again = await shop.order()
    assert first.checkout == again.checkout
    assert len(shop.there.invoices) == 2


async def test_a_creation_of_unknown_outcome_is_found_again(shop: Shop) -> None:
    shop.there.losing = True
    with pytest.raises(ProviderUnavailable):
        await shop.order()
    assert shop.there.knows(NUMBER)
    await shop.order()
    assert len(shop.there.invoices) == 1


@pytest.mark.parametrize(("left", "minutes"), [(-5, 1), (59, 1), (60.5, 2), (900, 15)])
async def test_it_expires_with_the_order(shop: Shop, left: float, minutes: int) -> None:
    purchase = replace(new(tried=attempt("1.00", "USD")), expires_at=NOW + timedelta(seconds=left))
    await shop.provider.create(purchase)
    checkout = shop.there.invoice(NUMBER).asked["checkout"]
    assert isinstance(checkout, dict)
    assert checkout["expirationMinutes"] == minutes


async def test_a_title_is_trimmed(shop: Shop) -> None:
    await shop.provider.create(
        new("Ключ\n\tот\x00 игры\u202e" + "!" * 999, attempt("1.00", "USD"))
    )
    metadata = shop.there.invoice(NUMBER).asked["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["itemDesc"] == ("Ключ от игры " + "!" * 999)[:256]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"checkoutLink": "javascript:alert(1)"}, "nonsense"),
        ({"checkoutLink": None}, "nonsense"),
        ({"id": "../users"}, "nonsense"),
        ({"id": None}, "nonsense"),
        ({"storeId": "8AB"}, "another order"),
        ({"metadata": {"orderId": SECOND}}, "another order"),
        ({"metadata": None}, "another order"),
    ],
)
async def test_an_invoice_of_another_form_is_not_offered(
    shop: Shop, changes: dict[str, object], why: str
) -> None:
    await shop.order()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match=why):
        await shop.order()


async def test_what_the_server_refuses_is_not_created(shop: Shop) -> None:
    with pytest.raises(ProviderRejected) as info:
        await shop.order("100", "ISK")
    assert info.value.code == "refused"


# --- Closing --------------------------------------------------------------------------------


async def test_a_closed_invoice_takes_no_money(shop: Shop) -> None:
    tried = await shop.order()
    assert await shop.provider.close(tried) is CloseResult.CLOSED
    assert shop.there.invoice(NUMBER).status == "Invalid"
    assert await shop.provider.close(tried) is CloseResult.CLOSED


async def test_a_closing_of_unknown_outcome_is_repeated(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.faults["/status"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.provider.close(tried)
    shop.there.faults.clear()
    assert await shop.provider.close(tried) is CloseResult.CLOSED


async def test_an_expired_invoice_is_closed(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.expire(NUMBER)
    assert await shop.provider.close(tried) is CloseResult.CLOSED
    assert shop.there.invoice(NUMBER).status == "Expired"


async def test_what_was_never_made_is_closed(shop: Shop) -> None:
    assert await shop.provider.close(attempt("10.00", "USD")) is CloseResult.CLOSED


async def test_a_paid_invoice_is_not_closed(shop: Shop) -> None:
    assert await shop.provider.close(await shop.paid()) is CloseResult.ALREADY_PAID
    assert shop.there.invoice(NUMBER).status == "Settled"


async def test_an_invoice_on_which_money_is_under_way_is_not_closed(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "4.00")
    assert await shop.provider.close(tried) is CloseResult.MAYBE_PAYABLE
    assert shop.there.invoice(NUMBER).status == "New"


async def test_an_invoice_that_the_server_keeps_open_may_be_paid(shop: Shop) -> None:
    shop.there.marking = False
    assert await shop.provider.close(await shop.order()) is CloseResult.MAYBE_PAYABLE
