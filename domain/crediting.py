"""Money to a buyer's balance and back: in the order's currency, at the rate of its attempt."""

from collections.abc import Sequence

from domain import ledger
from domain.ledger import EXCHANGE, HELD, Posting, Share
from domain.money import Money
from domain.orders import Order
from domain.payments import Attempt


def worth(order: Order, attempt: Attempt | None, amount: Money) -> Money:
    """In the order's currency, rounded down; itself where it came in another than was asked."""
    own = order.total.currency
    if attempt is None or amount.currency == own or amount.currency != attempt.amount.currency:
        return amount
    price = order.total.amount - attempt.from_balance
    return Money(price * amount.amount // attempt.amount.amount, own)


def credit(source: str, order: Order, amount: Money, worth: Money) -> list[Posting]:
    """From an account to the buyer's balance."""
    owed = ledger.customer_account(order.buyer_id)
    if worth.currency == amount.currency:
        return ledger.transfer(source, owed, amount)
    return ledger.transfer(source, EXCHANGE, amount) + ledger.transfer(EXCHANGE, owed, worth)


def credited(shares: Sequence[Share], order: Order, payment_id: int) -> int:
    """What of a payment is on the balance, in the payment's minor units."""
    accounts = (ledger.customer_account(order.buyer_id), EXCHANGE)
    return sum(
        share.amount.amount
        for share in shares
        if share.payment_id == payment_id
        and share.account in accounts
        and share.amount.currency == share.paid_in
        and share.amount.amount > 0
    )


def take_back(
    shares: Sequence[Share], order: Order, payment_id: int, amount: Money
) -> tuple[list[Posting], Money]:
    """So much of what was credited is held again; what the balance loses by it, rounded up."""
    owed = ledger.customer_account(order.buyer_id)
    of_payment = [share for share in shares if share.payment_id == payment_id]
    exchanged = [s for s in of_payment if s.account == EXCHANGE and s.amount.currency == s.paid_in]
    if not exchanged:
        return ledger.transfer(owed, HELD, amount), amount
    [there] = exchanged
    [here] = [s for s in of_payment if s.account == owed]
    loss = Money(
        -(-here.amount.amount * amount.amount // there.amount.amount), here.amount.currency
    )
    return ledger.transfer(owed, EXCHANGE, loss) + ledger.transfer(EXCHANGE, HELD, amount), loss
