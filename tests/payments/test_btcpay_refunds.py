"""BTCPay Server: pull payments, listing what came, and a server that fails."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Attempt, RefundResult
from payments.btcpay import BTCPay
from tests.payments.btcpay_shop import ANOTHER_KEY, Shop, btcpay_shop, coins, event, refund
from tests.payments.btcpay_standin import API_KEY, STORE
from tests.payments.purchases import NOW, NUMBER, new
from tests.payments.standin import Fault

SECOND = "7H3KQ0W2M9XD02"
EVERY_FAULT = [fault for fault in Fault if fault is not Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with btcpay_shop() as shop:
        yield shop


def told(info: pytest.ExceptionInfo[BaseException]) -> str:
    return "".join(traceback.format_exception(info.value)) + repr(info.value.__context__)


# --- Giving back ----------------------------------------------------------------------------


async def test_a_refund_is_a_pull_payment_that_the_buyer_claims(shop: Shop) -> None:
    await shop.paid()
    claim = f"{shop.there.url}/pull-payments/pull0"
    assert await shop.provider.refund(refund("4.00")) == RefundResult(done=True, claim=claim)
    assert shop.there.given_back(NUMBER) == Money.parse("4.00", "USD")


async def test_a_refund_repeated_is_the_same_pull_payment(shop: Shop) -> None:
    await shop.paid()
    first = await shop.provider.refund(refund())
    shop.there.pulls[0]["archived"] = True
    assert await shop.provider.refund(refund()) == first
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


async def test_parts_are_given_back_one_after_another(shop: Shop) -> None:
    await shop.paid()
    await shop.provider.refund(refund("4.00"))
    await shop.provider.refund(refund("6.00", number="R2"))
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


async def test_of_two_invoices_the_one_with_the_payment_is_refunded(shop: Shop) -> None:
    await shop.order()
    shop.there.make(shop.there.invoice(NUMBER).asked)
    shop.there.pay(NUMBER)
    await shop.provider.refund(refund())
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


async def test_what_was_not_paid_is_not_given_back(shop: Shop) -> None:
    for external_id in (coins(0), coins(1)):
        with pytest.raises(ProviderUnavailable, match="no such payment"):
            await shop.provider.refund(refund(external_id=external_id))
        if external_id == coins(0):
            await shop.paid()
    assert shop.there.pulls == []


async def test_what_the_server_refuses_is_not_given_back(shop: Shop) -> None:
    await shop.paid()
    with pytest.raises(ProviderRejected) as info:
        await shop.provider.refund(refund("11.00"))
    assert info.value.code == "refused"


async def test_the_servers_own_code_of_a_refusal_is_told(shop: Shop) -> None:
    await shop.paid()
    invoice = shop.there.invoice(NUMBER)
    invoice.status, invoice.overrides = "New", {"status": "Settled"}
    with pytest.raises(ProviderRejected, match="btcpay: non-refundable"):
        await shop.provider.refund(refund())


async def test_a_refund_of_unknown_outcome_is_not_made_twice(shop: Shop) -> None:
    await shop.paid()
    shop.there.faults["/refund"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.provider.refund(refund())
    shop.there.faults.clear()
    await shop.provider.refund(refund())
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


async def test_a_pull_payment_without_a_link_is_nonsense(shop: Shop) -> None:
    await shop.paid()
    shop.there.pulls.append({"name": "R1", "viewLink": "javascript:alert(1)"})
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.refund(refund())


# --- Listing and checking -------------------------------------------------------------------


async def test_payments_are_listed_of_all_invoices_in_time(shop: Shop) -> None:
    await shop.paid()
    shop.there.now += timedelta(hours=30)
    await shop.paid("2.00", number=SECOND)
    await shop.order(number="7H3KQ0W2M9XD03")
    await shop.order(number="7H3KQ0W2M9XD04")
    shop.there.expire("7H3KQ0W2M9XD04")
    second = event("2.00", external_id=coins(1), number=SECOND)
    assert await shop.provider.listed(NOW) == [second, event()]
    assert await shop.provider.listed(NOW + timedelta(hours=25)) == [second]


async def test_a_list_has_several_pages(shop: Shop) -> None:
    await shop.paid()
    asked = shop.there.invoice(NUMBER).asked
    for _ in range(100):
        shop.there.make({**asked, "metadata": {"orderId": "web shop #7"}})
    for invoice in shop.there.invoices.values():
        invoice.status = "Settled"
    assert await shop.provider.listed(NOW) == [event()]


async def test_the_right_settings_pass_the_check(shop: Shop) -> None:
    await shop.provider.check()
    assert shop.there.asked == [f"GET /api/v1/stores/{STORE}/invoices"]


async def test_wrong_settings_fail_the_check(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="BTCPAY_API_KEY is wrong") as info:
        await shop.other(api_key=ANOTHER_KEY).check()
    assert ANOTHER_KEY not in told(info)
    with pytest.raises(ProviderRejected, match="BTCPAY_STORE_ID is wrong, or"):
        await shop.other(store_id="a/b").check()


async def test_a_refused_question_is_no_answer(shop: Shop) -> None:
    with pytest.raises(ProviderUnavailable, match="btcpay: status 401"):
        await shop.other(api_key=ANOTHER_KEY).query(await shop.order())


# --- Faults ---------------------------------------------------------------------------------

Doing = Callable[[BTCPay, Attempt], Awaitable[object]]
DOINGS: dict[str, Doing] = {
    "create": lambda provider, tried: provider.create(new(tried=tried)),
    "query": lambda provider, tried: provider.query(tried),
    "close": lambda provider, tried: provider.close(tried),
    "refund": lambda provider, _: provider.refund(refund()),
    "check": lambda provider, _: provider.check(),
    "listed": lambda provider, _: provider.listed(NOW),
}


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("fault", EVERY_FAULT)
async def test_without_an_answer_the_outcome_is_unknown(
    shop: Shop, fault: Fault, doing: str
) -> None:
    tried = await shop.order()
    shop.there.faults["*"] = fault
    hasty = shop.other(timeout=0.05 if fault is Fault.SLOW else 8)
    expected = (
        ProviderRejected if (fault, doing) == (Fault.MISSING, "check") else ProviderUnavailable
    )
    with pytest.raises(expected) as info:
        await DOINGS[doing](hasty, tried)
    assert API_KEY not in told(info)
    assert (len(shop.there.invoices), shop.there.pulls) == (1, [])


@pytest.mark.parametrize(("part", "doing"), [("/refund", "refund"), ("/status", "close")])
@pytest.mark.parametrize("fault", [fault for fault in EVERY_FAULT if fault is not Fault.MISSING])
async def test_a_fault_halfway_does_no_harm(
    shop: Shop, fault: Fault, part: str, doing: str
) -> None:
    tried = await (shop.paid() if doing == "refund" else shop.order())
    shop.there.faults[part] = fault
    with pytest.raises(ProviderUnavailable):
        await DOINGS[doing](shop.other(timeout=0.05 if fault is Fault.SLOW else 8), tried)
    shop.there.faults.clear()
    await DOINGS[doing](shop.provider, tried)
    assert len(shop.there.pulls) == (doing == "refund")
