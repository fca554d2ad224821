"""What Prometheus is told."""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

registry: Final = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

callbacks: Final = Counter(
    "keystall_callbacks",
    "Payment callbacks by outcome",
    ["provider", "outcome"],
    registry=registry,
)
settlements: Final = Counter(
    "keystall_settlements",
    "Payments settled by outcome",
    ["provider", "outcome"],
    registry=registry,
)
deliveries: Final = Counter(
    "keystall_deliveries",
    "Messages of the outbox by what became of them",
    ["outcome"],
    registry=registry,
)
updates: Final = Counter(
    "keystall_updates", "Telegram updates by what became of them", ["outcome"], registry=registry
)
crashes: Final = Counter(
    "keystall_crashes", "Unexpected failures of background work", ["task"], registry=registry
)
token_revoked: Final = Gauge(
    "keystall_token_revoked", "1 while Telegram refuses the bot's token", registry=registry
)
callback_seconds: Final = Histogram(
    "keystall_callback_seconds",
    "Time to settle a payment callback",
    registry=registry,
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def render() -> bytes:
    return generate_latest(registry)
