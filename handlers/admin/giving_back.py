"""Refunds, with a sentence for an admin where the buyer's would not do."""

from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from domain import refunding
from domain.customers import Customer
from domain.errors import NotRefundable, ProviderRejected, ProviderUnavailable
from domain.payments import PaymentProvider
from domain.ports import UnitOfWork
from handlers.texts import Texts
from handlers.views import admin_settling as views


async def give_back(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    customer: Customer,
    now: datetime,
    t: Texts,
    *,
    surplus_only: bool = False,
) -> Markup:
    """What became of it. Raises `OrderNotFound`."""
    refund = refunding.refund_surplus if surplus_only else refunding.refund
    try:
        refunds = await refund(uow, providers, number, reason, actor_id=customer.id, now=now)
    except ProviderUnavailable:
        return views.refund_unknown(t)
    except ProviderRejected as error:
        return views.refund_refused(error.code, t)
    except NotRefundable:
        return views.not_refundable(t)
    return views.refunded(refunds, t)
