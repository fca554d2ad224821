"""What payment providers share: callbacks over HTTP, verified before they are believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from domain.errors import DomainError
from domain.payments import Event, PaymentProvider

MAX_CALLBACK_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"


class InvalidSignature(DomainError):
    """The callback is not from the provider."""


class SignatureProbe(InvalidSignature):
    """The provider tries whether the shop refuses a wrong signature: no cause for alarm."""


class MalformedCallback(DomainError):
    """Signed or not, it cannot be read: fields are missing, doubled or of the wrong form."""


class StaleCallback(DomainError):
    """Its time stamp is too far from now, in either direction."""


class WrongMerchant(DomainError):
    """Signed, but for another merchant or another mode."""


@dataclass(frozen=True)
class RawCallback:
    """A request as it came in: the raw bytes are what was signed."""

    method: str
    headers: Mapping[str, str]
    query: str
    body: bytes = field(repr=False)


class Answer(Enum):
    """What the shop says to a callback."""

    ACCEPTED = auto()  # recorded, whatever became of it
    RETRY = auto()  # our own failure: send it again
    REJECTED = auto()  # not believed


@dataclass(frozen=True)
class HttpReply:
    status: int
    body: str
    content_type: str = "text/plain"


# For those who look at the status alone. Some send nothing again after a 4xx.
REPLIES: Final = {
    Answer.ACCEPTED: HttpReply(200, "ok"),
    Answer.RETRY: HttpReply(503, "later"),
    Answer.REJECTED: HttpReply(401, "refused"),
}


@runtime_checkable
class CallbackProvider(PaymentProvider, Protocol):
    """A provider that calls back over HTTP."""

    @property
    def methods(self) -> Mapping[str, frozenset[str]]:
        """The HTTP methods it uses, each with the content types allowed (empty: no body)."""

    async def parse(self, callback: RawCallback) -> Sequence[Event]:
        """Verify and read; where it says nothing that concerns the shop, there is no event.

        Raises `InvalidSignature`, `MalformedCallback`, `StaleCallback`, `WrongMerchant`, and
        `ProviderUnavailable` where the provider has to be asked and does not answer.
        """

    def reply(self, answer: Answer) -> HttpReply: ...


def fields(encoded: str) -> dict[str, str]:
    """The fields of a query string or form. Raises `MalformedCallback` where one is doubled."""
    try:
        pairs = parse_qsl(
            encoded, keep_blank_values=True, strict_parsing=bool(encoded), errors="strict"
        )
    except (ValueError, UnicodeDecodeError):
        raise MalformedCallback("not a form") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedCallback("a field is doubled")
    return found
