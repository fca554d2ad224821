"""How epusdt and the gateways that grew out of it talk, and where they differ."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from domain.payments import Capability
from payments.reading import Number

Name: TypeAlias = Literal["epusdt", "bepusdt", "gmpay"]
Algorithm: TypeAlias = Literal["md5", "hmac-sha256"]

# As buyers know a network: what gmpay and BEpusdt call it. Money sent over another one is lost,
# so what the buyer reads and what the gateway is told come from one line.
NETWORKS: Final = {
    "TRON (TRC20)": ("tron", "usdt.trc20"),
    "Ethereum (ERC20)": ("ethereum", "usdt.erc20"),
    "BNB Smart Chain (BEP20)": ("binance", "usdt.bep20"),
    "Polygon": ("polygon", "usdt.polygon"),
    "Arbitrum": ("arbitrum", "usdt.arbitrum"),
    "Solana": ("solana", "usdt.solana"),
}
_MOMENT: Final = re.compile(r"[0-9]{1,13}")


@dataclass(frozen=True)
class Dialect:
    """Where the gateways differ; the codes and statuses are from their sources."""

    create: str
    unknown: str  # the answer's code where nobody has the order
    ended: frozenset[str] = frozenset({"3"})
    confirming: str | None = None
    capabilities: Capability = Capability.QUERY


DIALECTS: Final = {
    "epusdt": Dialect("/api/v1/order/create-transaction", "10008"),
    "gmpay": Dialect("/payments/gmpay/v1/order/create-transaction", "10008"),
    "bepusdt": Dialect(
        "/api/v1/order/create-transaction",
        "400",  # that of every refusal
        ended=frozenset({"3", "4", "6"}),  # expired, cancelled, failed on the chain
        confirming="5",
        capabilities=Capability.QUERY | Capability.CLOSE,
    ),
}


def signature(told: Mapping[str, str], token: str, algorithm: Algorithm = "md5") -> str:
    """In hex, over the sorted `k=v` that are not empty, joined by `&`."""
    signed = "&".join(f"{k}={v}" for k, v in sorted(told.items()) if v and k != "signature")
    if algorithm == "hmac-sha256":
        return hmac.new(_bytes(token), _bytes(signed), hashlib.sha256).hexdigest()
    # Not for security as far as Python is concerned: most gateways know no other algorithm.
    return hashlib.md5(_bytes(signed + token), usedforsecurity=False).hexdigest()


def as_json(told: Mapping[str, str]) -> bytes:
    """An object in which numbers are written as they were signed."""
    values = {k: v if isinstance(v, Number) else json.dumps(v) for k, v in told.items()}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()


def moment(told: object, now: float) -> datetime | None:
    """A moment in Unix seconds or milliseconds, or BEpusdt's seconds from now: by magnitude."""
    if not isinstance(told, str) or not _MOMENT.fullmatch(told):
        return None  # a paid order's, which BEpusdt tells as a number below zero gone wrong
    count = int(told)
    if count < 10**7:  # as a moment, it would be in 1970
        return datetime.fromtimestamp(now, UTC) + timedelta(seconds=count)
    return datetime.fromtimestamp(count if count < 10**11 else count // 1000, UTC)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
