"""What PayPal gives back for the shop: once under a number, in part, or not at all."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.errors import ProviderRejected, ProviderUnavailable
from domain.money import Money
from domain.payments import RefundResult
from tests.payments.paypal_shop import Shop, paypal_shop, tells_no_secret
from tests.payments.purchases import NUMBER
from tests.payments.standin import Fault

DONE = RefundResult(done=True)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with paypal_shop() as shop:
        await shop.paid()
        yield shop


def dollars(amount: str) -> Money:
    return Money.parse(amount, "USD")


async def test_a_refund_gives_all_back(shop: Shop) -> None:
    assert await shop.paypal.refund(shop.refund()) == DONE
    assert shop.there.given_back(NUMBER) == dollars("10.00")


async def test_a_refund_repeated_gives_back_once(shop: Shop) -> None:
    part = shop.refund("4.00")
    assert await shop.paypal.refund(part) == await shop.paypal.refund(part) == DONE
    assert shop.there.given_back(NUMBER) == dollars("4.00")


async def test_refunds_may_be_partial_and_several(shop: Shop) -> None:
    await shop.paypal.refund(shop.refund("4.00"))
    await shop.paypal.refund(shop.refund("6.00", nth=2))
    assert shop.there.given_back(NUMBER) == dollars("10.00")


async def test_more_than_was_paid_is_rejected(shop: Shop) -> None:
    with pytest.raises(ProviderRejected) as caught:
        await shop.paypal.refund(shop.refund("10.01"))
    assert caught.value.code == "REFUND_AMOUNT_EXCEEDED"
    assert shop.there.given_back(NUMBER) is None


async def test_what_was_given_back_elsewhere_is_done(shop: Shop) -> None:
    shop.there.give_back(NUMBER)
    assert await shop.paypal.refund(shop.refund()) == DONE
    assert shop.there.given_back(NUMBER) is None


async def test_a_refund_in_work_is_asked_for_again(shop: Shop) -> None:
    shop.there.refund_status = "PENDING"
    assert await shop.paypal.refund(shop.refund()) == RefundResult(done=False)
    shop.there.refund_status = "COMPLETED"
    assert await shop.paypal.refund(shop.refund()) == DONE
    assert shop.there.given_back(NUMBER) == dollars("10.00")


@pytest.mark.parametrize("status", ["FAILED", "CANCELLED"])
async def test_a_refund_that_failed_is_rejected(shop: Shop, status: str) -> None:
    shop.there.refund_status = status
    with pytest.raises(ProviderRejected, match=status):
        await shop.paypal.refund(shop.refund())


async def test_a_refund_of_nothing_known_is_rejected(shop: Shop) -> None:
    with pytest.raises(ProviderRejected, match="INVALID_RESOURCE_ID"):
        await shop.paypal.refund(replace(shop.refund(), external_id="../captures"))


async def test_a_part_that_paypal_cannot_pay_is_not_rounded(shop: Shop) -> None:
    forints = Money.parse("10.50", "HUF")
    with pytest.raises(ProviderRejected, match="DECIMALS_NOT_SUPPORTED"):
        await shop.paypal.refund(replace(shop.refund(), amount=forints))


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_refund_of_unknown_outcome_is_repeated_without_harm(
    shop: Shop, fault: Fault
) -> None:
    shop.there.faults["/refund"] = fault
    with pytest.raises(ProviderUnavailable) as caught:
        await shop.other(timeout=0.1).refund(shop.refund("4.00"))
    assert tells_no_secret(caught.value)
    shop.there.faults.clear()
    assert await shop.paypal.refund(shop.refund("4.00")) == DONE
    assert shop.there.given_back(NUMBER) == dollars("4.00")
