"""The program's events while a test runs: there to be asserted on, and searched for secrets."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict

from tests import logscan


@contextmanager
def captured_logs() -> Iterator[list[EventDict]]:
    """Events with their tracebacks as the program's own logs have them: without variables."""
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            capture,
        ]
    )
    try:
        yield capture.entries
    finally:
        structlog.configure(**before)
        logscan.scan.add(str(capture.entries), "the program's events")
