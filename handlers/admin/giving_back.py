"""Refunds, with a sentence for an admin where the buyer's would not do."""

from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from domain import refunding
from domain.customers import Customer
from domain.errors import BalanceTooLow, NotRefundable, ProviderRejected, ProviderUnavailable
from domain.payments import PaymentProvider
from domain.ports import UnitOfWork
from domain.refunding import Wanted
from handlers.texts import Texts
from handlers.views import admin_settling as views


async def give_back(
    uow: UnitOfWork,
    providers: Mapping[str, PaymentProvider],
    number: str,
    reason: str,
    wanted: Wanted,
    customer: Customer,
    now: datetime,
    t: Texts,
) -> Markup:
    """What became of it. Raises `OrderNotFound`."""
    try:
        refunds = await refunding.refund(
            uow, providers, number, reason, wanted, actor_id=customer.id, now=now
        )
    except ProviderUnavailable:
        return views.refund_unknown(t)
    except ProviderRejected as error:
        return views.refund_refused(error.code, t)
    except NotRefundable:
        return views.not_refundable(t)
    except BalanceTooLow:
        return views.balance_spent(t)
    return views.refunded(refunds, t)
