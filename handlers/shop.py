"""What the shop says of itself, and what handlers ask of the program around them."""

from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from domain.ports import KeyLines, Sheet


@dataclass(frozen=True)
class ShopInfo:
    name: str
    support_contact: str
    currency: str  # of prices without one


class Background(Protocol):
    """Work that outlives the update which asked for it, such as a large import."""

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None: ...


class OpenKeyFile(Protocol):
    """Raises `UnreadableFile`."""

    def __call__(
        self, path: Path, name: str, *, column: int | None = None, delimiter: str | None = None
    ) -> KeyLines: ...


class OpenSheet(Protocol):
    """A table to be written to a file."""

    def __call__(self, path: Path) -> "ClosingSheet": ...


class ClosingSheet(Sheet, Protocol):
    def close(self) -> None: ...
