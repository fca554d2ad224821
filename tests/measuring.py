"""Branch coverage, where it tells something: tracing every call trebles a test's time."""

import importlib
import os
import pkgutil
from collections.abc import Generator
from typing import Final

import pytest
from coverage import Coverage

OURS: Final = ("bot", "domain", "handlers", "payments", "storage")
# Their tests run the same lines once more, in other programs or in the crowd.
_UNMEASURED: Final = {"faults", "programs", "week", "browser"}


class Measuring:
    """A pytest plugin; each process writes a data file, for `coverage combine`."""

    def __init__(self) -> None:
        self._coverage = Coverage(data_suffix=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Ours are read before the tests are, which need no tracing, and after what is slow."""
        importlib.import_module("aiogram")
        with self._coverage.collect():
            for name in OURS:
                for module in pkgutil.walk_packages([name], f"{name}."):
                    if not module.name.startswith("storage.migrations."):
                        importlib.import_module(module.name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if _is_unmeasured(item):
            return (yield)
        with self._coverage.collect():
            return (yield)

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        self._coverage.save()


def _is_unmeasured(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) for name in ("postgres", "unmeasured"))
    return marked or item.path.parent.name in _UNMEASURED


def runs_tests(config: pytest.Config) -> bool:
    """Not the process that only hands them out to pytest-xdist's workers."""
    return "PYTEST_XDIST_WORKER" in os.environ or not getattr(config.option, "numprocesses", None)
