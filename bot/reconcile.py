"""`keystall reconcile`: the shop against every provider, a line for each difference."""

from datetime import UTC, datetime, timedelta
from typing import Final

import typer

from bot.app import opened
from bot.opening import now
from bot.settings import Settings
from domain import reconciling
from domain.reconciling import Finding, described

_DAYS: Final = timedelta(days=7)
_FINDINGS: Final = {
    Finding.FOUND: "paid there and not here, settled now",
    Finding.MISSING: "here and not there",
    Finding.UNKNOWN: "for no known order, held",
    Finding.DIFFERENT: "amounts differ",
    Finding.RETURNED: "went back there, booked now",
    Finding.UNANSWERED: "could not be asked",
}


async def compare(settings: Settings, since: datetime | None) -> int:
    """1 where something differs."""
    start = since.replace(tzinfo=UTC) if since else now() - _DAYS
    async with opened(settings) as app:
        report = await reconciling.reconcile(
            app.new_uow(), app.ways.providers, app.ways.rules, since=start, now=now()
        )
    typer.echo(f"Compared since {start:%Y-%m-%d %H:%M} UTC:")
    for provider, count in sorted(report.compared.items()):
        typer.echo(f"  {provider}: {count:,} payments")
    for finding in Finding:
        for one in report.of(finding):
            typer.echo(f"{_FINDINGS[finding]}: {described(one)}")
    if not report.differences:
        typer.echo("Everything agrees.")
    return int(bool(report.differences))
