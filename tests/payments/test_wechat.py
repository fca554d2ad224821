"""WeChat Pay over its API: orders asked for, closed and refunded."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import CloseResult, Ended, PaymentProvider, RefundResult
from payments.provider import CallbackProvider
from tests.payments.purchases import NOW, NUMBER, attempt, new
from tests.payments.wechat_keys import APP_ID, MCH_ID
from tests.payments.wechat_shop import REFUND, Shop, wechat_shop
from tests.payments.wechat_standin import Json


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with wechat_shop() as shop:
        yield shop


def asked(shop: Shop) -> Json:
    return shop.weixin.orders[NUMBER].asked


async def test_it_is_a_provider_that_calls_back(shop: Shop) -> None:
    provider: PaymentProvider = shop.wechat
    assert isinstance(provider, CallbackProvider)
    assert (provider.account, provider.live) == (MCH_ID, True)
    assert [provider.takes(Money(fen, "CNY")) for fen in (0, 1)] == [False, True]


# --- Creating -------------------------------------------------------------------------------


async def test_an_order_is_a_code_to_scan(shop: Shop) -> None:
    checkout = await shop.wechat.create(new("A  game\n"))
    assert checkout.qr == shop.weixin.orders[NUMBER].code_url
    assert (checkout.link, checkout.expires_at) == (None, None)
    assert asked(shop) == {
        "appid": APP_ID,
        "mchid": MCH_ID,
        "description": "A game",
        "out_trade_no": NUMBER,
        "time_expire": "2026-11-20T20:15:00+08:00",
        "notify_url": "https://shop.example/payments/wechat/notify",
        "amount": {"total": 1000, "currency": "CNY"},
    }


async def test_created_again_it_is_the_same_order(shop: Shop) -> None:
    first = await shop.wechat.create(new())
    shop.now += 60
    assert await shop.wechat.create(new()) == first
    assert list(shop.weixin.orders) == [NUMBER]


async def test_a_code_lives_no_longer_than_two_hours(shop: Shop) -> None:
    checkout = await shop.wechat.create(replace(new(), expires_at=NOW + timedelta(days=1)))
    assert checkout.expires_at == NOW + timedelta(hours=2)
    assert asked(shop)["time_expire"] == "2026-11-20T22:00:00+08:00"


async def test_a_code_lives_a_minute_at_least(shop: Shop) -> None:
    checkout = await shop.wechat.create(replace(new(), expires_at=NOW + timedelta(seconds=1)))
    assert checkout.expires_at is None
    assert asked(shop)["time_expire"] == "2026-11-20T20:01:00+08:00"


@pytest.mark.parametrize(
    ("title", "sent"),
    [
        ("游戏" * 100, ("游戏" * 64)[:127]),
        ("a\x00b\u202ec\ud800\t \nd", "a b c d"),
        ("x" * 126 + " y", "x" * 126),
        ("\x00\n", NUMBER),
        ("", NUMBER),
    ],
)
async def test_a_title_is_as_wechat_pay_takes_it(shop: Shop, title: str, sent: str) -> None:
    await shop.wechat.create(new(title))
    assert asked(shop)["description"] == sent


async def test_another_currency_is_not_taken_for_yuan(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="PARAM_ERROR"):
        await shop.wechat.create(new(tried=attempt(currency="USD")))
    assert not shop.weixin.knows(NUMBER)


async def test_a_refused_order_is_told_by_its_code(shop: Shop) -> None:
    with pytest.raises(ProviderRejected) as refused:
        await shop.other(app_id="wx0000000000000000").create(new())
    assert refused.value.code == "APPID_MCHID_NOT_MATCH"
    await shop.paid()
    with pytest.raises(ProviderRejected) as refused:
        await shop.wechat.create(new())
    assert refused.value.code == "ORDERPAID"


@pytest.mark.parametrize("code", ["余额不足 13800138000", "x" * 65, "two words"])
async def test_a_refusals_text_is_not_repeated(shop: Shop, code: str) -> None:
    shop.weixin.barred = code
    with pytest.raises(ProviderRejected) as refused:
        await shop.wechat.create(new())
    assert refused.value.code == "refused"


@pytest.mark.parametrize(
    "code_url", ["", None, 1, "https://evil.example/", "weixin://a b", "weixin://" + "x" * 504]
)
async def test_an_answer_without_a_code_is_nonsense(shop: Shop, code_url: object) -> None:
    shop.weixin.changes = {"code_url": code_url}
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.wechat.create(new())


# --- Asking and closing ---------------------------------------------------------------------


async def test_an_unknown_order_is_no_news(shop: Shop) -> None:
    assert await shop.wechat.query(attempt()) is None


async def test_an_unpaid_order_is_no_news(shop: Shop) -> None:
    await shop.order()
    assert await shop.wechat.query(attempt()) is None


async def test_a_paid_order_is_a_payment(shop: Shop) -> None:
    await shop.paid("8.88")
    assert await shop.wechat.query(attempt()) == shop.event("8.88")


async def test_what_went_back_is_a_payment_only_where_it_was_known_before(shop: Shop) -> None:
    shop.weixin.give_back(await shop.paid())
    assert shop.weixin.orders[NUMBER].state == "REFUND"
    assert await shop.wechat.query(attempt()) == Ended("wechat", NUMBER)
    known = replace(attempt(), received=1000)
    assert await shop.wechat.query(known) == shop.event()


@pytest.mark.parametrize("state", ["CLOSED", "REVOKED", "PAYERROR"])
async def test_an_order_that_takes_no_money_has_ended(shop: Shop, state: str) -> None:
    shop.weixin.orders[await shop.order()].state = state
    assert await shop.wechat.query(attempt()) == Ended("wechat", NUMBER)


@pytest.mark.parametrize("state", ["USERPAYING", "ACCEPT", "success", "PAID"])
async def test_no_other_state_is_a_payment(shop: Shop, state: str) -> None:
    shop.weixin.changes = {"trade_state": state}
    await shop.paid()
    assert await shop.wechat.query(attempt()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"out_trade_no": "ANOTHERORDER01"},
        {"mchid": "1900007292"},
        {"appid": None},
        {"trade_state": None},
        {"transaction_id": ""},
        {"amount": {"total": "1000", "currency": "CNY"}},
        {"amount": None},
    ],
)
async def test_an_answer_that_does_not_fit_is_not_believed(shop: Shop, changes: Json) -> None:
    await shop.paid()
    shop.weixin.changes = changes
    with pytest.raises(ProviderUnavailable):
        await shop.wechat.query(attempt())


async def test_a_question_refused_leaves_all_open(shop: Shop) -> None:
    await shop.paid()
    shop.weixin.barred = "NO_AUTH"
    with pytest.raises(ProviderUnavailable, match="NO_AUTH"):
        await shop.wechat.query(attempt())


async def test_a_closed_order_takes_no_money(shop: Shop) -> None:
    await shop.order()
    assert await shop.wechat.close(attempt()) is CloseResult.CLOSED
    assert not shop.weixin.payable(NUMBER)
    assert await shop.wechat.close(attempt()) is CloseResult.CLOSED


async def test_a_paid_order_is_not_closed(shop: Shop) -> None:
    await shop.paid()
    assert await shop.wechat.close(attempt()) is CloseResult.ALREADY_PAID


async def test_an_order_that_is_not_there_may_yet_come(shop: Shop) -> None:
    assert await shop.wechat.close(attempt()) is CloseResult.MAYBE_PAYABLE


# --- Refunding ------------------------------------------------------------------------------


async def test_a_refund_gives_all_back(shop: Shop) -> None:
    await shop.paid()
    assert await shop.wechat.refund(shop.refund()) == RefundResult(done=True)
    assert shop.weixin.given_back(NUMBER) == Money(1000, "CNY")


async def test_refunded_twice_under_one_number_it_goes_back_once(shop: Shop) -> None:
    await shop.paid()
    for _ in range(2):
        assert (await shop.wechat.refund(shop.refund("4.00"))).done
    assert shop.weixin.given_back(NUMBER) == Money(400, "CNY")


async def test_parts_go_back_under_numbers_of_their_own(shop: Shop) -> None:
    await shop.paid()
    await shop.wechat.refund(shop.refund("4.00"))
    await shop.wechat.refund(shop.refund("6.00", "7H3KQ0W2M9XDR02"))
    assert shop.weixin.given_back(NUMBER) == Money(1000, "CNY")


async def test_more_than_was_paid_does_not_go_back(shop: Shop) -> None:
    await shop.paid()
    await shop.wechat.refund(shop.refund("4.00"))
    with pytest.raises(ProviderRejected, match="INVALID_REQUEST"):
        await shop.wechat.refund(shop.refund("6.01", "7H3KQ0W2M9XDR02"))
    assert shop.weixin.given_back(NUMBER) == Money(400, "CNY")


async def test_a_refund_may_take_its_time(shop: Shop) -> None:
    await shop.paid()
    shop.weixin.refund_status = "PROCESSING"
    assert await shop.wechat.refund(shop.refund()) == RefundResult(done=False)
    [back] = shop.weixin.orders[NUMBER].refunds
    assert await shop.wechat.refund(shop.refund()) == RefundResult(done=False)
    back.status = "SUCCESS"
    assert await shop.wechat.refund(shop.refund()) == RefundResult(done=True)
    assert shop.weixin.orders[NUMBER].refunds == [back]


async def test_what_a_query_says_of_a_refund_counts_and_not_the_answer_to_asking(
    shop: Shop,
) -> None:
    """That repeats what it said first, for one."""
    await shop.paid()
    shop.weixin.echoes = "PROCESSING"
    assert await shop.wechat.refund(shop.refund()) == RefundResult(done=True)


@pytest.mark.parametrize("status", ["CLOSED", "ABNORMAL"])
async def test_a_refund_that_failed_is_rejected(shop: Shop, status: str) -> None:
    await shop.paid()
    shop.weixin.refund_status = status
    with pytest.raises(ProviderRejected, match=status):
        await shop.wechat.refund(shop.refund())


async def test_without_a_balance_nothing_goes_back(shop: Shop) -> None:
    await shop.paid()
    shop.weixin.broke = True
    with pytest.raises(ProviderRejected, match="NOT_ENOUGH"):
        await shop.wechat.refund(shop.refund())
    assert shop.weixin.given_back(NUMBER) is None


async def test_a_refusal_of_what_is_done_already_is_not_the_last_word(shop: Shop) -> None:
    """Asked with another total, WeChat Pay refuses; the refund is there all the same."""
    await shop.paid()
    done = shop.refund()
    await shop.wechat.refund(done)
    assert (await shop.wechat.refund(replace(done, paid=Money(2000, "CNY")))).done


async def test_one_number_is_not_taken_for_another_refund(shop: Shop) -> None:
    await shop.paid()
    await shop.wechat.refund(shop.refund("4.00"))
    with pytest.raises(ProviderUnavailable, match="another refund"):
        await shop.wechat.refund(shop.refund("5.00"))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "DONE"},
        {"status": None},
        {"out_refund_no": "7H3KQ0W2M9XDR02"},
        {"transaction_id": "4200"},
        {"amount": None},
        {"amount": {"refund": "1000"}},
    ],
)
async def test_an_answer_about_another_refund_is_not_believed(shop: Shop, changes: Json) -> None:
    await shop.paid()
    shop.weixin.changes = changes
    with pytest.raises(ProviderUnavailable):
        await shop.wechat.refund(shop.refund())


async def test_refused_for_the_merchants_sake_a_refund_stays_open(shop: Shop) -> None:
    """It may have been done before: nobody says that it was not."""
    await shop.paid()
    shop.weixin.barred = "NO_AUTH"
    with pytest.raises(ProviderUnavailable, match="NO_AUTH"):
        await shop.wechat.refund(shop.refund())


async def test_the_reason_does_not_reach_the_buyer(shop: Shop) -> None:
    await shop.paid()
    await shop.wechat.refund(shop.refund("4.00"))
    [back] = shop.weixin.orders[NUMBER].refunds
    assert back.asked == {
        "transaction_id": shop.weixin.orders[NUMBER].transaction_id,
        "out_refund_no": REFUND,
        "amount": {"refund": 400, "total": 1000, "currency": "CNY"},
    }
