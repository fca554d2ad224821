"""What stands in for a database that is away."""

from types import TracebackType
from typing import Self


class Broken:
    """A unit of work on a database that is away."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __aenter__(self) -> Self:
        raise self._error

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        raise AssertionError("it was never entered")
