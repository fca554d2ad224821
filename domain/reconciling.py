"""Comparing the shop's books with each provider's, and saying where they differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain import news, returns
from domain.errors import ProviderRejected, ProviderUnavailable
from domain.messages import Note, Topic
from domain.money import Money
from domain.payments import (
    Attempt,
    Capability,
    ListingProvider,
    News,
    Payment,
    PaymentEvent,
    PaymentProvider,
    RefundEvent,
    RefundOrigin,
    RefundStatus,
)
from domain.ports import UnitOfWork
from domain.rules import Rules
from domain.transactions import retried

Providers = Mapping[str, PaymentProvider]
PAGE: Final = 200
PATIENCE: Final = 3  # questions in turn without an answer until the provider counts as away
# A payment may be recorded here a while after it was made there.
MARGIN: Final = timedelta(hours=1)


class Finding(StrEnum):
    FOUND = "found"  # paid there and not known here: it has been settled since
    MISSING = "missing"  # known here and not there
    UNKNOWN = "unknown"  # paid, and for no known order: the money is held
    DIFFERENT = "different"  # the amounts differ
    RETURNED = "returned"  # went back there and not known here: it has been booked since
    UNANSWERED = "unanswered"  # the provider could not be asked


@dataclass(frozen=True)
class Difference:
    """One line of the report. `number` is the attempt's, `external_id` the transaction's."""

    finding: Finding
    provider: str
    number: str = ""
    external_id: str = ""
    here: Money | None = None
    there: Money | None = None


@dataclass
class Report:
    """What was compared, and every difference."""

    since: datetime
    until: datetime
    compared: dict[str, int] = field(default_factory=dict)  # payments by provider
    differences: list[Difference] = field(default_factory=list)

    @property
    def says_something(self) -> bool:
        """Not so on a day without payments."""
        return bool(self.differences or any(self.compared.values()))

    def of(self, finding: Finding) -> list[Difference]:
        return [one for one in self.differences if one.finding is finding]


async def reconcile(
    uow: UnitOfWork,
    providers: Providers,
    rules: Rules,
    *,
    since: datetime,
    now: datetime,
) -> Report:
    """Ask every provider about everything since then. What was paid there and is not known here
    is settled on the path of every payment, what went back is booked: the report tells of it.
    """
    report = Report(since, now)
    for provider in providers.values():
        comparison = _Comparison(uow, providers, provider, rules, report)
        try:
            await comparison.run()
        except (ProviderUnavailable, ProviderRejected):
            report.differences.append(Difference(Finding.UNANSWERED, provider.code))
    return report


async def sweep(
    uow: UnitOfWork, providers: Providers, rules: Rules, *, since: datetime, now: datetime
) -> Report:
    """Only those that cannot be asked about a single payment, and list them instead."""
    listing = {
        code: provider
        for code, provider in providers.items()
        if isinstance(provider, ListingProvider) and Capability.QUERY not in provider.capabilities
    }
    return await reconcile(uow, listing, rules, since=since, now=now)


@retried
async def tell(uow: UnitOfWork, report: Report, *, now: datetime) -> None:
    """The owner's report: how much agrees, and every difference by its number."""
    async with uow:
        facts: dict[str, str | int] = {
            "since": report.since.isoformat(),
            "until": report.until.isoformat(),
            "compared": sum(report.compared.values()),
        }
        for finding in Finding:
            found = report.of(finding)
            facts[finding.value] = len(found)
            if found:
                facts[f"{finding.value}_are"] = "\n".join(map(described, found[:_TOLD]))
        await uow.outbox.add(Note(Topic.REPORT, facts=facts), now)
        await uow.commit()


_TOLD: Final = 10  # of each kind, in the chat; the command line tells all


def described(one: Difference) -> str:
    """`epay 7H3KQ0W2M9XD01 T123: here 4.99 USD, there 5.00 USD`"""
    named = " ".join(part for part in (one.provider, one.number, one.external_id) if part)
    sums = [f"here {one.here}"] if one.here else []
    sums += [f"there {one.there}"] if one.there else []
    return f"{named}: {', '.join(sums)}" if sums else named


@dataclass
class _Comparison:
    """One provider's turn."""

    uow: UnitOfWork
    providers: Providers
    provider: PaymentProvider
    rules: Rules
    report: Report
    unanswered: list[str] = field(default_factory=list)  # the attempts that were asked about
    has_answered: bool = False
    silent_count: int = 0  # questions without an answer since the last one

    async def run(self) -> None:
        known = {p.external_id: p for p in await self._known()}
        self.report.compared[self.provider.code] = len(known)
        for payment in known.values():
            if payment.order_id is None:
                self._here(Finding.UNKNOWN, payment)
        if isinstance(self.provider, ListingProvider):
            await self._by_list(self.provider, known)
        elif Capability.QUERY in self.provider.capabilities:
            await self._by_questions(known)
        unanswered = self.unanswered if self.has_answered else self.unanswered and [""]
        self.report.differences += [
            Difference(Finding.UNANSWERED, self.provider.code, number) for number in unanswered
        ]

    async def _known(self) -> list[Payment]:
        async with self.uow as uow:
            return await uow.payments.since(
                self.provider.code, self.provider.account, self.report.since
            )

    async def _by_list(self, provider: ListingProvider, known: Mapping[str, Payment]) -> None:
        listed = await provider.listed(self.report.since - MARGIN)
        refunds = [event for event in listed if isinstance(event, RefundEvent)]
        # The last that is told of one: the sum by then.
        back = {event.external_id: event.returned for event in refunds if not event.refund_id}
        seen = set()
        for event in listed:
            if isinstance(event, PaymentEvent):
                seen.add(event.external_id)
                await self._compare(event, known, gone=back.get(event.external_id))
        for refund in refunds:
            await self._returned(refund)
        for payment in known.values():
            if payment.external_id not in seen and not await self._is_confirmed(payment):
                await self._missing(payment)

    async def _is_confirmed(self, payment: Payment) -> bool:
        """A list may end before a payment that was paid on the line between two days."""
        if Capability.QUERY not in self.provider.capabilities:
            return False
        if payment.attempt_number in self.unanswered:
            return True  # nobody knows
        async with self.uow as uow:
            attempt = await uow.attempts.by_number(payment.attempt_number)
        answer = await self.provider.query(attempt) if attempt else None
        return isinstance(answer, PaymentEvent) and answer.external_id == payment.external_id

    async def _by_questions(self, known: Mapping[str, Payment]) -> None:
        seen: set[str] = set()
        after = 0
        while True:
            async with self.uow as uow:
                attempts = await uow.attempts.since(
                    self.provider.code, self.report.since, after=after, size=PAGE
                )
            for attempt in attempts:
                answer = await self._asked(attempt)
                if isinstance(answer, PaymentEvent):
                    seen.add(answer.external_id)
                    await self._compare(answer, known, gone=answer.returned)
            if len(attempts) < PAGE:
                break
            after = attempts[-1].id
        for payment in known.values():
            if payment.external_id not in seen and not await self._is_confirmed(payment):
                await self._missing(payment)

    async def _asked(self, attempt: Attempt) -> News | None:
        """One attempt without an answer does not hide the others."""
        try:
            answer = await self.provider.query(attempt)
        except (ProviderUnavailable, ProviderRejected):
            self.unanswered.append(attempt.number)
            self.silent_count += 1
            if self.silent_count >= PATIENCE:
                raise
            return None
        self.has_answered, self.silent_count = True, 0
        return answer

    async def _compare(
        self, event: PaymentEvent, known: Mapping[str, Payment], gone: Money | None = None
    ) -> None:
        payment = known.get(event.external_id) or await self._find(event)
        if payment is None and gone == event.amount:
            return  # it has come and gone without the shop: nobody is owed anything
        if payment is None:
            await news.take(
                self.uow,
                self.providers,
                event,
                self.rules,
                now=self.report.until,
                source="reconciled",
            )
            self._differ(Finding.FOUND, event, None)
        elif payment.amount != event.amount:
            self._differ(Finding.DIFFERENT, event, payment.amount)

    async def _find(self, event: PaymentEvent) -> Payment | None:
        async with self.uow as uow:
            return await uow.payments.find(event.provider, event.account, event.external_id)

    async def _returned(self, event: RefundEvent) -> None:
        gone = await returns.book(self.uow, event, self.rules, now=self.report.until)
        if gone is not None:
            self.report.differences.append(
                Difference(
                    Finding.RETURNED,
                    event.provider,
                    external_id=event.external_id,
                    there=gone,
                )
            )

    async def _missing(self, payment: Payment) -> None:
        """Of a payment that went back entirely, not every provider tells any more."""
        if not await self._went_back(payment):
            self._here(Finding.MISSING, payment)

    def _here(self, finding: Finding, payment: Payment) -> None:
        self.report.differences.append(
            Difference(
                finding,
                payment.provider,
                payment.attempt_number,
                payment.external_id,
                here=payment.amount,
            )
        )

    async def _went_back(self, payment: Payment) -> bool:
        if payment.order_id is None:
            return False
        async with self.uow as uow:
            refunds = await uow.refunds.of_order(payment.order_id)
        back = sum(
            refund.amount.amount
            for refund in refunds
            if refund.payment_id == payment.id
            and refund.status is RefundStatus.DONE
            and refund.origin is not RefundOrigin.BALANCE
        )
        return back >= payment.amount.amount

    def _differ(self, finding: Finding, event: PaymentEvent, here: Money | None) -> None:
        self.report.differences.append(
            Difference(
                finding,
                event.provider,
                event.attempt_number,
                event.external_id,
                here=here,
                there=event.amount,
            )
        )
