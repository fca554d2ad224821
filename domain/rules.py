"""What the owner has set: the rules that use cases follow."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from domain.money import Money
from domain.pricing import Rates
from domain.remedies import Remedies


@dataclass(frozen=True)
class Rules:
    order_ttl: timedelta = timedelta(minutes=15)
    max_pending: int = 3
    low_stock: int = 5
    delivery_attempts: int = 8
    rates: Rates = field(default_factory=Rates)
    remedies: Remedies = field(default_factory=Remedies)
    # How long goods stay held for money that is seen and not yet final.
    confirming_hold: timedelta = timedelta(hours=2)
    # How long an overdue order waits for a provider that does not say whether it was paid.
    close_grace: timedelta = timedelta(minutes=10)
    ban_on_chargeback: bool = False
    least_top_up: Decimal = Decimal(1)  # in the shop's currency
    most_top_up: Decimal = Decimal(1000)

    # Longer than any request to Telegram may take, or two workers send the same.
    lease: timedelta = timedelta(seconds=90)

    @property
    def top_up_bounds(self) -> tuple[Money, Money]:
        base = self.rates.base
        return Money.parse(f"{self.least_top_up:f}", base), Money.parse(
            f"{self.most_top_up:f}", base
        )
