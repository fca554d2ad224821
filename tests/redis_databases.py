"""A Redis database for each process of a test run: claimed, empty, and left empty."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from redis import Redis

_DATABASES = 16  # what redis.conf gives when nobody changed it
_LEASE = 3600  # seconds; no test run takes as long


@contextmanager
def claimed(server: str) -> Iterator[str]:
    """Yield the URL of an empty database that no other run holds.

    The database that `server` names keeps the claims alone, so it is never the one yielded.
    """
    with Redis.from_url(server) as registry:
        number = _claim(registry, server)
        try:
            yield _numbered(server, number)
        finally:
            flush(_numbered(server, number))
            registry.delete(_claim_key(number))


def flush(url: str) -> None:
    """Take every key out of a test's database."""
    with Redis.from_url(url) as redis:
        redis.flushdb()


def _claim(registry: Redis, server: str) -> int:
    own = registry.get_connection_kwargs().get("db", 0)
    for number in range(_DATABASES - 1, -1, -1):
        if number == own or not registry.set(_claim_key(number), 1, nx=True, ex=_LEASE):
            continue
        with Redis.from_url(_numbered(server, number)) as redis:
            if redis.dbsize() == 0:
                return number
        registry.delete(_claim_key(number))
    raise RuntimeError("No database of the Redis server is empty: somebody's keys are in each.")


def _claim_key(number: int) -> str:
    return f"keystall-tests:database:{number}"


def _numbered(server: str, number: int) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{number}"))
