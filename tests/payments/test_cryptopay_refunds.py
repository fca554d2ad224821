"""Crypto Pay: giving money back, listing what came, and an API that fails."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import Attempt, RefundResult
from payments.cryptopay import CryptoPay
from payments.provider import Answer
from tests.payments.cryptopay_shop import ANOTHER, Shop, cryptopay_shop, event, refund
from tests.payments.cryptopay_standin import TOKEN, ApiError
from tests.payments.purchases import BUYER, NOW, NUMBER, new
from tests.payments.standin import Fault

SECOND = "7H3KQ0W2M9XD02"
EVERY_FAULT = [fault for fault in Fault if fault is not Fault.LOST]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with cryptopay_shop() as shop:
        yield shop


# --- Giving back ----------------------------------------------------------------------------


async def test_a_refund_is_a_transfer_to_the_buyer_of_what_was_paid(shop: Shop) -> None:
    await shop.paid()
    assert await shop.provider.refund(refund()) == RefundResult(done=True)
    sent = {"user_id": BUYER, "asset": "TON", "amount": "1.25", "spend_id": "R1"}
    assert shop.there.transfers == {"R1": sent}


async def test_a_refund_repeated_is_done_once(shop: Shop) -> None:
    await shop.paid()
    await shop.provider.refund(refund("4.00"))
    assert await shop.provider.refund(refund("4.00")) == RefundResult(done=True)
    assert shop.there.given_back(NUMBER) == Money.parse("4.00", "USD")


async def test_parts_are_given_back_one_after_another(shop: Shop) -> None:
    await shop.paid()
    await shop.provider.refund(refund("4.00"))
    await shop.provider.refund(refund("6.00", number="R2"))
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


@pytest.mark.parametrize(
    ("asset", "sent"), [("TON", "0.41666666"), ("USDT", "0.416666"), ("TRX", "0.416666")]
)
async def test_a_part_is_rounded_down(shop: Shop, asset: str, sent: str) -> None:
    await shop.paid()
    shop.there.invoice(NUMBER).overrides = {"paid_asset": asset}
    await shop.provider.refund(refund("1.00", paid="3.00"))
    assert shop.there.transfers["R1"]["amount"] == sent


async def test_a_whole_refund_is_exact(shop: Shop) -> None:
    await shop.paid()
    shop.there.invoice(NUMBER).overrides = {"paid_amount": "0.000000000123456789"}
    await shop.provider.refund(refund())
    assert shop.there.transfers["R1"]["amount"] == "0.000000000123456789"


@pytest.mark.parametrize("name", ["NOT_ENOUGH_COINS", "METHOD_DISABLED", "AMOUNT_TOO_SMALL"])
async def test_what_crypto_pay_refuses_is_not_given_back(shop: Shop, name: str) -> None:
    await shop.paid()
    shop.there.refusal = ApiError(400, name)
    with pytest.raises(ProviderRejected, match=f"cryptopay: {name}"):
        await shop.provider.refund(refund())


async def test_a_buyer_without_the_bot_gets_nothing(shop: Shop) -> None:
    await shop.paid()
    shop.there.strangers.add(BUYER)
    with pytest.raises(ProviderRejected, match="USER_NOT_FOUND"):
        await shop.provider.refund(refund())


@pytest.mark.parametrize("name", ["the buyer Ann has no wallet", "", "X" * 65, "ОШИБКА"])
async def test_an_errors_free_text_is_not_repeated(shop: Shop, name: str) -> None:
    await shop.paid()
    shop.there.refusal = ApiError(400, name)
    with pytest.raises(ProviderRejected) as info:
        await shop.provider.refund(refund())
    assert info.value.code == "refused"


async def test_a_refund_that_was_sent_is_done_whatever_a_repetition_is_told(shop: Shop) -> None:
    await shop.paid()
    await shop.provider.refund(refund())
    shop.there.refusal = ApiError(400, "NOT_ENOUGH_COINS")
    assert await shop.provider.refund(refund()) == RefundResult(done=True)
    with pytest.raises(ProviderRejected, match="NOT_ENOUGH_COINS"):
        await shop.provider.refund(refund(number="R2"))


async def test_a_refused_question_leaves_a_refund_open(shop: Shop) -> None:
    await shop.paid()
    with pytest.raises(ProviderUnavailable, match="UNAUTHORIZED"):
        await shop.other(token=ANOTHER).refund(refund())


async def test_what_was_not_paid_is_not_given_back(shop: Shop) -> None:
    with pytest.raises(ProviderUnavailable, match="no such payment"):
        await shop.provider.refund(refund())
    await shop.order()
    with pytest.raises(ProviderUnavailable, match="no such payment"):
        await shop.provider.refund(refund())
    assert shop.there.transfers == {}


@pytest.mark.parametrize("changes", [{"paid_asset": None}, {"paid_amount": "-1.25"}])
async def test_a_payment_of_unknown_coins_is_not_given_back(
    shop: Shop, changes: dict[str, object]
) -> None:
    await shop.paid()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.refund(refund())
    assert shop.there.transfers == {}


async def test_a_refund_of_unknown_outcome_is_not_sent_twice(shop: Shop) -> None:
    await shop.paid()
    shop.there.faults["transfer"] = Fault.LOST
    with pytest.raises(ProviderUnavailable):
        await shop.provider.refund(refund())
    shop.there.faults.clear()
    assert await shop.provider.refund(refund()) == RefundResult(done=True)
    assert shop.there.given_back(NUMBER) == Money.parse("10.00", "USD")


# --- Listing and checking -------------------------------------------------------------------


async def test_what_was_paid_since_is_listed(shop: Shop) -> None:
    await shop.paid()
    shop.there.now += timedelta(hours=2)
    await shop.paid("2.00", number=SECOND)
    await shop.order(number="7H3KQ0W2M9XD03")
    second = event("2.00", "1001", SECOND)
    assert await shop.provider.listed(NOW) == [second, event()]
    assert await shop.provider.listed(NOW + timedelta(hours=1)) == [second]


async def test_other_programs_invoices_are_not_listed(shop: Shop) -> None:
    await shop.paid()
    shop.there.invoice(NUMBER).overrides = {"payload": "donation #7", "paid_at": None}
    assert await shop.provider.listed(NOW) == []


@pytest.mark.parametrize("paid_at", [None, "yesterday", "0001-01-01T00:00:00+23:59"])
async def test_a_payment_at_no_time_is_nonsense(shop: Shop, paid_at: str | None) -> None:
    await shop.paid()
    shop.there.invoice(NUMBER).overrides = {"paid_at": paid_at}
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.listed(NOW)


async def test_the_right_token_passes_the_check(shop: Shop) -> None:
    await shop.provider.check()
    assert shop.there.asked == ["POST /api/getMe"]


async def test_a_wrong_token_fails_the_check(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="CRYPTOPAY_TOKEN is wrong") as info:
        await shop.other(token=ANOTHER).check()
    assert ANOTHER not in told(info)


# --- Faults ---------------------------------------------------------------------------------

Doing = Callable[[CryptoPay, Attempt], Awaitable[object]]
DOINGS: dict[str, Doing] = {
    "create": lambda provider, tried: provider.create(new(tried=tried)),
    "query": lambda provider, tried: provider.query(tried),
    "close": lambda provider, tried: provider.close(tried),
    "refund": lambda provider, _: provider.refund(refund()),
    "check": lambda provider, _: provider.check(),
    "listed": lambda provider, _: provider.listed(NOW),
}


def told(info: pytest.ExceptionInfo[BaseException]) -> str:
    return "".join(traceback.format_exception(info.value))


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("fault", EVERY_FAULT)
async def test_without_an_answer_the_outcome_is_unknown(
    shop: Shop, fault: Fault, doing: str
) -> None:
    tried = await shop.order()
    if doing in ("refund", "listed"):
        shop.there.pay(NUMBER)
    shop.there.faults["*"] = fault
    hasty = shop.other(timeout=0.05 if fault is Fault.SLOW else 8)
    with pytest.raises(ProviderUnavailable) as info:
        await DOINGS[doing](hasty, tried)
    assert TOKEN not in told(info)
    assert info.value.__context__ is None or TOKEN not in repr(info.value.__context__)
    assert (len(shop.there.invoices), shop.there.transfers) == (1, {})


@pytest.mark.parametrize(("method", "doing"), [("transfer", "refund"), ("deleteInvoice", "close")])
@pytest.mark.parametrize("fault", EVERY_FAULT)
async def test_a_fault_halfway_does_no_harm(
    shop: Shop, fault: Fault, method: str, doing: str
) -> None:
    tried = await shop.order()
    if doing == "refund":
        shop.there.pay(NUMBER)
    shop.there.faults[method] = fault
    with pytest.raises(ProviderUnavailable):
        await DOINGS[doing](shop.other(timeout=0.05 if fault is Fault.SLOW else 8), tried)
    shop.there.faults.clear()
    await DOINGS[doing](shop.provider, tried)
    assert len(shop.there.transfers) == (doing == "refund")


@pytest.mark.parametrize(
    ("answer", "status"),
    [(Answer.ACCEPTED, 200), (Answer.RETRY, 503), (Answer.REJECTED, 401)],
)
async def test_it_answers_with_a_status(shop: Shop, answer: Answer, status: int) -> None:
    assert shop.provider.reply(answer).status == status
