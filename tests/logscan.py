"""No secret in any log: gathers what a test run logs and prints, and looks for planted secrets."""

import json
import logging
from collections import defaultdict
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

# The root logger stays as it is: at DEBUG, SQLAlchemy would echo each statement for it.
_LOGGERS = ("bot", "domain", "handlers", "payments", "storage", "aiogram", "aiohttp")
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
# Tracebacks as the program logs them: structlog's own choice shows variables, slowly.
_EVENTS: list[structlog.typing.Processor] = [
    structlog.processors.add_log_level,
    structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
]
_SHORTEST = 8  # a shorter secret would be found in innocent text


class _WithExtras(logging.Formatter):
    """Everything a record holds, for no format in use is to be trusted to show it."""

    def format(self, record: logging.LogRecord) -> str:
        extras = [str(value) for key, value in vars(record).items() if key not in _ORDINARY]
        return " ".join([super().format(record), *extras])


class LogScan(logging.Handler):
    """Collects texts by where they came from, and the secrets that none of them may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_WithExtras())
        self.planted: set[str] = set()
        self._texts: defaultdict[str, list[str]] = defaultdict(list)

    def emit(self, record: logging.LogRecord) -> None:
        self.add(self.format(record), f"the logger {record.name}")

    def add(self, text: str, source: str = "a program's output") -> None:
        """Add a text to be searched; `source` is what a finding is reported as."""
        self._texts[source].append(text)

    def plant(self, secret: str) -> None:
        """Declare a secret. Raises ValueError for one so short that it proves nothing."""
        if len(secret) < _SHORTEST:
            raise ValueError(f"A planted secret has at least {_SHORTEST} characters.")
        self.planted.add(secret)

    def leaks(self) -> list[str]:
        """Name the sources in which a planted secret occurs, plainly or escaped."""
        forms = {form for secret in self.planted for form in _forms(secret)}
        return sorted(
            source for source, texts in self._texts.items() if _holds_any("\n".join(texts), forms)
        )


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}


def _holds_any(text: str, forms: set[str]) -> bool:
    return any(form in text for form in forms)


scan = LogScan()
plant = scan.plant


class ScanPlugin:
    """A pytest plugin: the session fails if a planted secret was logged or printed."""

    def __init__(self) -> None:
        self.leaks: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        # Each time, because a program under test may have set up logging anew.
        root = logging.getLogger()
        if scan not in root.handlers:
            root.addHandler(scan)
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.DEBUG)
        structlog.configure(processors=_EVENTS)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":
            test = item.nodeid.partition("[")[0]  # a parameter may be the secret
            scan.add(report.capstdout, f"the standard output of {test}")
            scan.add(report.capstderr, f"the standard error of {test}")
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # pytest-xdist's, which has no types
        self.leaks.update(getattr(node, "workeroutput", {}).get("leaks", []))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.leaks.update(scan.leaks())
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["leaks"] = sorted(self.leaks)
        if self.leaks:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.leaks:
            terminalreporter.section("a planted secret was logged", red=True)
            for source in sorted(self.leaks):
                terminalreporter.line(f"It occurs in {source}.", red=True)
