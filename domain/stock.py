"""Card keys: their states, their batches, how many there are."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from domain.secret import Secret


class KeyStatus(StrEnum):
    AVAILABLE = "available"
    RESERVED = "reserved"
    SOLD = "sold"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"


# A key's id is its batch's id and its line, so that keys sell in the order of their file
# whatever the order of their insertion, and a batch is a range of ids.
LINE_BITS: Final = 24
MAX_LINES: Final = (1 << LINE_BITS) - 1


def key_id(batch_id: int, line: int) -> int:
    return (batch_id << LINE_BITS) | line


class SealedKey(NamedTuple):
    """A key as it is stored: encrypted, found again by its keyed fingerprint.

    A tuple, because imports hand a million of them to the database as they are.
    """

    id: int
    variant_id: int
    fingerprint: bytes  # 16 bytes
    sealed: bytes
    version: int  # of the data key


@dataclass(frozen=True)
class CardKey:
    """A key in the clear, on its way to its buyer."""

    id: int
    secret: Secret


@dataclass(frozen=True)
class StockCount:
    """How many keys of a variant are in each state."""

    sku: str
    title: str
    available: int
    reserved: int
    sold: int
    withdrawn: int


class StockLevel(StrEnum):
    """What the owner was last told about a variant."""

    OK = "ok"
    LOW = "low"
    OUT = "out"


@dataclass(frozen=True)
class Crossing:
    """A variant whose stock went over a line."""

    variant_id: int
    sku: str
    title: str
    before: StockLevel
    level: StockLevel
    left: int

    @property
    def facts(self) -> dict[str, str | int]:
        return {"sku": self.sku, "title": self.title, "level": self.level, "left": self.left}


@dataclass
class Batch:
    """One import."""

    id: int
    variant_id: int
    sku: str
    source: str  # the file's name, or how the keys came
    created_by: int
    created_at: datetime
    finished_at: datetime | None = None
    undone_at: datetime | None = None
    imported: int = 0
    duplicates: int = 0
    invalid: int = 0
