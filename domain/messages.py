"""What the shop sends of its own accord: rows of the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Facts: TypeAlias = Mapping[str, str | int]


class Topic(StrEnum):
    """What a row of the outbox is about."""

    GOODS = "goods"  # the order's keys, to its buyer
    ORDER = "order"  # the order's message shows its new state
    REVIEW = "review"  # an order needs a person
    PAYMENT = "payment"  # a payment that belongs to no order
    STOCK = "stock"  # low or sold out
    IMPORT = "import"  # an import was cut off
    BALANCE = "balance"  # money came to the buyer's balance
    SETTLED = "settled"  # money that did not fit, and what was done about it by rule
    RETURNED = "returned"  # money went back at the provider's own desk, or by a dispute
    PROVIDER = "provider"  # a provider that is silent, or whose signatures fail
    REPORT = "report"  # what the reconciliation found


# Deliveries go first, whatever else waits.
PRIORITY = {Topic.GOODS: 0, Topic.ORDER: 1, Topic.BALANCE: 1}
LAST_PRIORITY = 5


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Note:
    """Something to send, before it is in the outbox. Ids and plain facts only: never a key.

    Without `chat_id` it goes to every admin.
    """

    topic: Topic
    chat_id: int | None = None
    order_id: int | None = None
    facts: dict[str, str | int] = field(default_factory=dict)


@dataclass
class Delivery:
    """A claimed row of the outbox; ours until `lease_until`."""

    id: int
    note: Note
    attempt_count: int
    sent_parts: int  # of a hand-over in several messages
    lease_until: datetime
    created_at: datetime
