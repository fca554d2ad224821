"""What a test run leaves out for want of a server or a browser: counted and named."""

import os
import shutil
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """Find a Chromium that is installed."""
    return next(filter(None, map(shutil.which, _CHROMIUMS)), None)


@dataclass(frozen=True)
class Need:
    """Something outside that tests need; they ask for it by a fixture or by a marker."""

    name: str
    kind: str
    remedy: str
    marker: str
    fixtures: frozenset[str]
    is_met: bool

    def concerns(self, item: pytest.Item) -> bool:
        """Whether this test needs it."""
        asked_for = self.fixtures.intersection(getattr(item, "fixturenames", ()))
        return bool(asked_for) or item.get_closest_marker(self.marker) is not None

    def __str__(self) -> str:
        return f"{self.name} ({self.remedy})"


def _server(name: str, marker: str, variable: str, *fixtures: str) -> Need:
    is_named = bool(os.environ.get(variable))
    return Need(name, "server", f"set {variable}", marker, frozenset(fixtures), is_named)


def _needs() -> tuple[Need, ...]:
    has_chromium = chromium_path() is not None
    return (
        _server(
            "PostgreSQL",
            "postgres",
            "TEST_DATABASE_URL",
            "postgresql_url",
            "blank_postgresql_url",
        ),
        _server("Redis", "redis", "TEST_REDIS_URL", "redis_url"),
        Need(
            "Chromium", "browser", "install it", "browser", frozenset({"chromium"}), has_chromium
        ),
    )


class LeftOut:
    """A pytest plugin: drops the tests whose needs are not met; in CI there may be none."""

    def __init__(self) -> None:
        self.needs = _needs()
        self.counts: Counter[str] = Counter()
        self._in_ci = os.environ.get("CI") == "true"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        missing = [str(need) for need in self.needs if not need.is_met]
        if self._in_ci and missing:
            raise pytest.UsageError(f"CI leaves nothing out, and lacks {', '.join(missing)}.")

    @pytest.hookimpl(trylast=True)  # after -k and -m
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = []
        for item in items:
            unmet = [need for need in self.needs if not need.is_met and need.concerns(item)]
            self.counts.update(need.name for need in unmet)
            if not unmet:
                kept.append(item)
        items[:] = kept

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if not hasattr(report, "wasxfail"):
            self._refuse_skip(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        self._refuse_skip(report)
        return report

    def _refuse_skip(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if self._in_ci and report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            report.outcome = "failed"
            report.longrepr = f"In CI nothing may be skipped, and this was: {reason}"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["left_out"] = dict(self.counts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # pytest-xdist's, which has no types
        # Every worker collects every test, so theirs are the same counts.
        self.counts |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # last of all that is printed
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        yield
        for need in self.needs:
            if count := self.counts[need.name]:
                tests = "1 test" if count == 1 else f"{count} tests"
                terminalreporter.line(f"Left out for want of a {need.kind}: {need}: {tests}")
