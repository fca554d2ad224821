"""What providers are asked to take money for."""

from datetime import UTC, datetime, timedelta

from domain.money import Money
from domain.orders import OrderLine, OrderStatus
from domain.payments import Attempt, NewAttempt, Refund

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NUMBER = "7H3KQ0W2M9XD01"
BUYER = 1001


def line(
    price: str = "10.00", currency: str = "CNY", *, quantity: int = 1, stars: int | None = None
) -> OrderLine:
    prices = {} if stars is None else {"XTR": stars}
    return OrderLine(1, "GAME", "A game", quantity, Money.parse(price, currency), prices)


def attempt(amount: str = "10.00", currency: str = "CNY", *, number: str = NUMBER) -> Attempt:
    return Attempt(
        number=number,
        provider="any",
        account="1001",
        live=True,
        amount=Money.parse(amount, currency),
        created_at=NOW,
        buyer_id=BUYER,
    )


def new(title: str = "A game", tried: Attempt | None = None) -> NewAttempt:
    return NewAttempt(tried or attempt(), title, NOW + timedelta(minutes=15))


def refund(external_id: str = "T1") -> Refund:
    return Refund(
        number="7H3KQ0W2M9XDR01",
        provider="any",
        external_id=external_id,
        attempt_number=NUMBER,
        buyer_id=BUYER,
        paid=Money.parse("10.00", "CNY"),
        amount=Money.parse("10.00", "CNY"),
        reason="asked for",
        order_id=1,
        payment_id=1,
        status_before=OrderStatus.DELIVERED,
    )
