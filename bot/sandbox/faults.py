"""Faults on demand: answers that Telegram gives on a bad day, and lines that break."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Literal, TypedDict, get_args

from bot.sandbox.errors import ApiError, Refused
from bot.sandbox.params import Params
from bot.sandbox.wire import Json

Kind = Literal["429", "500", "502", "400", "401", "403", "hang", "cut", "cut_after", "slow"]
DESCRIPTIONS = {
    "400": "Bad Request: chat not found",
    "401": "Unauthorized",
    "403": "Forbidden: bot was blocked by the user",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
}


class FaultDetails(TypedDict, total=False):
    """What more a fault may say; see `Fault`."""

    retry_after: int
    seconds: float
    description: str | None
    parameters: Json
    chat_id: int | None


@dataclass(slots=True)
class Fault:
    """Strikes the next `count` calls of `method` (to `chat_id`, where that is given).

    Without a method it strikes every call but getUpdates, which a polling bot makes all the time.
    """

    kind: Kind
    method: str | None = None
    count: int = 1
    retry_after: int = 1
    seconds: float = 1.0
    description: str | None = None
    parameters: Json = field(default_factory=dict)
    chat_id: int | None = None

    def strikes(self, method: str, params: Params) -> bool:
        if self.method is None and method.lower() == "getupdates":
            return False
        return self.method in (None, method) and self.chat_id in (
            None,
            params.integer("chat_id"),
        )

    @property
    def error(self) -> ApiError | None:
        """The answer that this fault gives, if it gives one."""
        if self.kind == "429":
            words = f"Too Many Requests: retry after {self.retry_after}"
            return ApiError(429, self.description or words, {"retry_after": self.retry_after})
        if self.kind in DESCRIPTIONS:
            description = self.description or DESCRIPTIONS[self.kind]
            return ApiError(int(self.kind), description, self.parameters or None)
        return None

    def as_json(self) -> Json:
        return asdict(self)


# What comes over HTTP may be of any kind.
_FIELDS: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "method": (str, NoneType),
    "count": (int,),
    "retry_after": (int,),
    "seconds": (int, float),
    "description": (str, NoneType),
    "parameters": (dict,),
    "chat_id": (int, NoneType),
}


class Faults:
    """The faults that wait for their calls, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._waiting)

    def add(self, fault: Fault) -> None:
        """Raises `Refused` for a fault that cannot happen."""
        for name, kinds in _FIELDS.items():
            if type(getattr(fault, name)) not in kinds:
                raise Refused(f"A fault's {name} is of a wrong kind.")
        if fault.kind not in get_args(Kind):
            raise Refused(f"A fault is one of: {', '.join(get_args(Kind))}.")
        if fault.count < 1:
            raise Refused("A fault strikes at least once.")
        self._waiting.append(fault)

    def take(self, method: str, params: Params) -> Fault | None:
        """The fault that strikes this call, counted down."""
        for fault in self._waiting:
            if fault.strikes(method, params):
                fault.count -= 1
                if not fault.count:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._waiting.clear()
