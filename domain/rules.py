"""What the owner has set: the rules that use cases follow."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Rules:
    order_ttl: timedelta = timedelta(minutes=15)
    max_pending: int = 3
    low_stock: int = 5
    delivery_attempts: int = 8
    # Longer than any request to Telegram may take, or two workers send the same.
    lease: timedelta = timedelta(seconds=90)
