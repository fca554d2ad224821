"""What a BTCPay invoice's payments are worth: whole, in parts, late, too much, and by hand."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.errors import ProviderUnavailable
from domain.payments import Attempt, Checkout, Confirming, Ended, News, PaymentEvent
from tests.payments.btcpay_shop import Shop, btcpay_shop, coins, event
from tests.payments.purchases import NUMBER, attempt

UNDER_WAY = Confirming("btcpay", NUMBER, seen=1, needed=2)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with btcpay_shop() as shop:
        yield shop


async def everything(shop: Shop, tried: Attempt) -> list[News]:
    """What the shop learns by asking until there is nothing new, recording what it hears."""
    heard: list[News] = []
    while (news := await shop.provider.query(tried)) is not None and news not in heard:
        heard.append(news)
        tried.received += news.amount.amount if isinstance(news, PaymentEvent) else 0
    return heard


async def test_an_open_invoice_is_no_news(shop: Shop) -> None:
    assert await shop.provider.query(await shop.order()) is None


async def test_a_payment_is_under_way_until_it_is_confirmed(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER)
    assert await shop.provider.query(tried) == UNDER_WAY
    shop.there.confirm(NUMBER)
    assert await shop.provider.query(tried) == event()


async def test_a_confirmed_part_is_under_way_while_more_may_come(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "4.00")
    shop.there.confirm(NUMBER)
    assert await shop.provider.query(tried) == UNDER_WAY


async def test_an_expired_or_invalid_invoice_has_ended(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.expire(NUMBER)
    assert await shop.provider.query(tried) == Ended("btcpay", NUMBER)
    shop.there.mark(NUMBER, "Invalid")
    assert await shop.provider.query(tried) == Ended("btcpay", NUMBER)


async def test_an_invoice_of_unknown_id_is_found_by_its_number(shop: Shop) -> None:
    await shop.paid()
    lost = attempt("10.00", "USD")
    assert await shop.provider.query(lost) == event()
    lost.checkout = Checkout(link="https://btcpay.example/")
    assert await shop.provider.query(lost) == event()
    assert await shop.provider.query(attempt("10.00", "USD", number="NEVERMADE")) is None


# --- What it is worth -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "rate"),
    [
        ("10.00", "USD", "97531.13"),
        ("0.01", "USD", "50000"),
        ("99999", "VND", "2500000000"),  # a satoshi is 25 dong
        ("1", "JPY", "14999999.7"),
        ("10.001", "KWD", "29871.3333"),
    ],
)
async def test_a_settled_invoice_is_worth_its_price(
    shop: Shop, amount: str, currency: str, rate: str
) -> None:
    shop.there.rate = Decimal(rate)
    tried = await shop.order(amount, currency)
    shop.there.pay(NUMBER)
    assert await everything(shop, tried) == [event(amount, currency)]


async def test_the_networks_fee_is_not_the_orders_money(shop: Shop) -> None:
    shop.there.network_fee = Decimal("0.00002")
    assert await everything(shop, await shop.paid()) == [event()]


async def test_what_is_paid_over_counts(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "12.509")
    shop.there.confirm(NUMBER)
    assert shop.there.invoice(NUMBER).additional == "PaidOver"
    assert await everything(shop, tried) == [event("12.50")]


async def test_what_the_store_tolerates_counts_as_the_price(shop: Shop) -> None:
    shop.there.tolerance = Decimal(5)
    tried = await shop.order()
    shop.there.send(NUMBER, "9.60")
    shop.there.confirm(NUMBER)
    assert await everything(shop, tried) == [event("10.00")]


async def test_two_payments_make_up_the_price_together(shop: Shop) -> None:
    shop.there.rate = Decimal("97531.13")
    tried = await shop.order()
    shop.there.send(NUMBER, "3.339")
    assert await shop.provider.query(tried) == UNDER_WAY
    shop.there.send(NUMBER)
    shop.there.confirm(NUMBER)
    expected = [event("3.33"), event("6.67", external_id=coins(1))]
    assert await everything(shop, tried) == expected


async def test_a_payment_on_a_settled_invoice_counts_when_it_is_confirmed(shop: Shop) -> None:
    tried = await shop.paid()
    shop.there.send(NUMBER, "5.00")
    assert await everything(shop, tried) == [event()]
    shop.there.confirm(NUMBER)
    assert await shop.provider.query(tried) == event("5.00", external_id=coins(1))


async def test_dust_is_no_payment(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "0.0094")
    shop.there.confirm(NUMBER)
    shop.there.expire(NUMBER)
    assert await shop.provider.query(tried) == Ended("btcpay", NUMBER)


async def test_a_payment_below_its_fee_is_worth_nothing(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "-1.00")
    shop.there.pay(NUMBER)
    assert await everything(shop, tried) == [event(external_id=coins(1))]


# --- In parts, late, by hand ----------------------------------------------------------------


async def test_a_part_counts_once_the_invoice_has_expired(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "4.009")
    shop.there.expire(NUMBER)
    assert await shop.provider.query(tried) == UNDER_WAY
    shop.there.confirm(NUMBER)
    assert await everything(shop, tried) == [event("4.00")]


async def test_the_rest_that_comes_late_is_a_payment_of_its_own(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "3.339")
    shop.there.confirm(NUMBER)
    shop.there.expire(NUMBER)
    assert await everything(shop, tried) == [event("3.33")]
    shop.there.send(NUMBER)
    assert shop.there.invoice(NUMBER).additional == "PaidLate"
    assert await everything(shop, tried) == [event("3.33")]
    shop.there.confirm(NUMBER)
    rest = event("6.67", external_id=coins(1))
    assert await shop.provider.query(tried) == rest
    tried.received = 1000
    assert await shop.provider.query(tried) == rest


async def test_what_comes_late_and_too_much_counts(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.expire(NUMBER)
    shop.there.send(NUMBER, "20.00")
    shop.there.confirm(NUMBER)
    assert await everything(shop, tried) == [event("20.00")]


async def test_money_sent_to_a_closed_invoice_counts(shop: Shop) -> None:
    tried = await shop.order()
    await shop.provider.close(tried)
    shop.there.send(NUMBER)
    assert await shop.provider.query(tried) == UNDER_WAY
    shop.there.confirm(NUMBER)
    assert await shop.provider.query(tried) == event()


async def test_coins_that_were_spent_elsewhere_are_no_payment(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER)
    shop.there.double_spend(NUMBER)
    shop.there.mark(NUMBER, "Invalid")
    assert await shop.provider.query(tried) == Ended("btcpay", NUMBER)


async def test_an_invoice_settled_by_hand_is_paid_whole(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.mark(NUMBER, "Settled")
    invoice_id = shop.there.invoice(NUMBER).id
    assert await everything(shop, tried) == [event(external_id=invoice_id)]


async def test_settling_by_hand_adds_only_what_is_missing(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER, "4.00")
    shop.there.expire(NUMBER)
    shop.there.confirm(NUMBER)
    assert await everything(shop, tried) == [event("4.00")]
    shop.there.mark(NUMBER, "Settled")
    invoice_id = shop.there.invoice(NUMBER).id
    assert await shop.provider.query(tried) == event("6.00", external_id=invoice_id)


async def test_settling_by_hand_stands_for_confirmations(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.send(NUMBER)
    shop.there.mark(NUMBER, "Settled")
    assert await everything(shop, tried) == [event()]
    shop.there.confirm(NUMBER)
    assert await everything(shop, tried) == [event()]


async def test_a_settled_invoice_without_a_payment_is_not_believed(shop: Shop) -> None:
    tried = await shop.order()
    shop.there.invoice(NUMBER).status = "Settled"
    assert await shop.provider.query(tried) is None


# --- What is not to be believed -------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"storeId": "8AB"}, "another order"),
        ({"metadata": {"orderId": "7H3KQ0W2M9XD02"}}, "another order"),
        ({"metadata": {"orderId": 7}}, "another order"),
        ({"id": "Inv7"}, "another invoice"),
        ({"amount": 10}, "nonsense"),
        ({"amount": "0.0"}, "nonsense"),
        ({"amount": "10.001"}, "nonsense"),
        ({"currency": "BTC"}, "nonsense"),
    ],
)
async def test_an_answer_about_something_else_is_not_believed(
    shop: Shop, changes: dict[str, object], why: str
) -> None:
    tried = await shop.paid()
    shop.there.invoice(NUMBER).overrides = changes
    with pytest.raises(ProviderUnavailable, match=why):
        await shop.provider.query(tried)


PAYMENT = b'"id": "c0", "receivedDate": 1, "value": "0.0002", "fee": "0", "status": "Settled"'


def methods(payment: bytes = PAYMENT, *, rate: bytes = b'"50000"', due: bytes = b'"0"') -> bytes:
    return b'[{"rate": %b, "due": %b, "payments": [{%b}]}]' % (rate, due, payment)


async def test_what_a_server_tells_of_payments_is_read(shop: Shop) -> None:
    tried = await shop.paid()
    shop.there.answers["payment-methods"] = methods()
    assert await shop.provider.query(tried) == event(external_id="c0")


async def test_payments_count_in_the_order_of_their_arrival(shop: Shop) -> None:
    tried = await shop.paid()
    early = PAYMENT.replace(b"c0", b"c9").replace(b"0.0002", b"0.0001001")
    late = PAYMENT.replace(b"1,", b"2,").replace(b"0.0002", b"0.0000999")
    shop.there.answers["payment-methods"] = methods(late + b"}, {" + early)
    first, second = event("5.00", external_id="c9"), event("5.00", external_id="c0")
    assert await everything(shop, tried) == [first, second]


async def test_an_invalid_payment_that_is_listed_does_not_count(shop: Shop) -> None:
    tried = await shop.paid()
    spent = PAYMENT.replace(b"c0", b"c1").replace(b"1,", b"0,").replace(b"Settled", b"Invalid")
    shop.there.answers["payment-methods"] = methods(PAYMENT + b"}, {" + spent)
    assert await everything(shop, tried) == [event(external_id="c0")]


async def test_what_is_paid_over_counts_though_nothing_is_due(shop: Shop) -> None:
    """Not every version of the server tells what is due as less than nothing."""
    tried = await shop.paid()
    shop.there.invoice(NUMBER).overrides = {"additionalStatus": "PaidOver"}
    shop.there.answers["payment-methods"] = methods(PAYMENT.replace(b"0.0002", b"0.0003"))
    assert await everything(shop, tried) == [event("15.00", external_id="c0")]


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b"[1]",
        b"[{}]",
        b'], "answer": [',
        b"\xff",
        b"[" * 100_000,
        methods(rate=b"50000"),
        methods(rate=b'"5e4"'),
        methods(rate=b'"NaN"'),
        methods(rate=b'"99999999999999999999"'),
        methods(due=b"null"),
        methods(PAYMENT.replace(b'"fee": "0"', b'"fee": 0')),
        methods(PAYMENT.replace(b'"c0"', b'"c 0"')),
        methods(PAYMENT.replace(b'"c0"', b"0")),
        methods(PAYMENT.replace(b"1,", b"null,")),
        methods(PAYMENT + b', "value": "1"'),
    ],
)
async def test_payments_of_another_form_are_nonsense(shop: Shop, answer: bytes) -> None:
    tried = await shop.paid()
    shop.there.answers["payment-methods"] = answer
    with pytest.raises(ProviderUnavailable, match="nonsense"):
        await shop.provider.query(tried)
