"""Structured logs without secrets."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Final
from urllib.parse import quote, quote_plus

import structlog

# A Telegram token wherever it stands: in addresses, errors, tracebacks.
_TOKEN: Final = re.compile(r"(?<!\d)\d{2,}(?::|%3[Aa])[A-Za-z0-9_-]{10,}")
# What comes with a name that says it is secret, as in EPay's `?key=…`.
_NAMED: Final = re.compile(
    r"(?i)((?<![a-z0-9])(?:[a-z0-9]+_)*(?:key|token|secret|sign|signature|password)=)[^\s&\"']+"
)
_HIDDEN: Final = "***"
_SHORTEST: Final = 6


class Redactor:
    """Takes secrets out of finished lines, whichever way they came in."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these too."""
        forms = {form for s in secrets if len(s) >= _SHORTEST for form in _forms(s)}
        self._secrets = sorted(forms | {*self._secrets}, key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        return _NAMED.sub(rf"\1{_HIDDEN}", _TOKEN.sub(_HIDDEN, line))


def _forms(secret: str) -> tuple[str, ...]:
    """As it is, and as JSON, a URL and Python write it."""
    written = (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret))
    return (secret, quote(secret, safe=""), quote_plus(secret), *(w[1:-1] for w in written))


redactor: Final = Redactor()


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redactor(super().format(record))


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
    redactor.hide(secrets)
    sys.excepthook = _crashed
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("aiohttp.access", "aiogram.event", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _crashed(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Also the program's last words come without secrets."""
    logging.getLogger("bot").critical("crashed", exc_info=(kind, error, traceback))


def _renderer() -> structlog.typing.Processor:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()
