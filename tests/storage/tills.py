"""Tills that can do more: list what came in, capture what was agreed."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.errors import ProviderUnavailable
from domain.payments import Attempt, Capability, CloseResult, News, PaymentEvent, RefundEvent
from tests.shop import Till

ASKING = Capability.QUERY | Capability.CLOSE | Capability.REFUND | Capability.PARTIAL_REFUND


@dataclass
class ListingTill(Till):
    """Tells of everything at once."""

    code: str = "till"
    lists: list[PaymentEvent | RefundEvent] = field(default_factory=list)
    asked_since: list[datetime] = field(default_factory=list)

    async def listed(self, since: datetime) -> list[PaymentEvent | RefundEvent]:
        self.asked_since.append(since)
        return self.lists


@dataclass
class CapturingTill(Till):
    """Waits for the shop's last word; `captures` is what it says then, by attempt."""

    code: str = "till"
    captures: dict[str, News] = field(default_factory=dict)
    captured: list[str] = field(default_factory=list)
    refuses: Exception | None = None

    async def capture(self, attempt: Attempt) -> News | None:
        self.captured.append(attempt.number)
        if self.refuses is not None:
            raise self.refuses
        return self.captures.get(attempt.number)


@dataclass
class WritingTill(Till):
    """Writes down in what order it is asked; `after_close` is what it knows from then on."""

    steps: list[str] = field(default_factory=list)
    after_close: dict[str, News] = field(default_factory=dict)

    async def query(self, attempt: Attempt) -> News | None:
        self.steps.append("query")
        return await super().query(attempt)

    async def close(self, attempt: Attempt) -> CloseResult:
        self.steps.append("close")
        self.knows.update(self.after_close)
        return await super().close(attempt)


async def away(_: object) -> None:
    """It does not answer."""
    raise ProviderUnavailable("till", "no answer")
