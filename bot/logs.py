"""Structured logs without secrets."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Final

import structlog

# A Telegram token wherever it stands: in addresses, errors, tracebacks.
_TOKEN: Final = re.compile(r"\b\d{2,}:[A-Za-z0-9_-]{10,}")
# What comes with a name that says it is secret, as in EPay's `?key=…`.
_NAMED: Final = re.compile(r"(?i)\b(key|token|secret|sign|signature|password)=[^\s&\"']+")
_HIDDEN: Final = "***"
_SHORTEST: Final = 6


class Redactor:
    """Takes secrets out of finished lines, whichever way they came in."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return _NAMED.sub(rf"\1={_HIDDEN}", _TOKEN.sub(_HIDDEN, line))


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    redactor = Redactor()

    def format(self, record: logging.LogRecord) -> str:
        return self.redactor(super().format(record))


def set_up(level: str, secrets: Iterable[str]) -> None:
    """One line an event on stderr: for eyes on a terminal, JSON otherwise."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = _RedactingFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _renderer(),
        ],
    )
    formatter.redactor = Redactor(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("aiohttp.access", "aiogram.event", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _renderer() -> structlog.typing.Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()
