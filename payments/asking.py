"""Asking a provider's API: bounded in time and size, and no error tells the address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from domain.errors import ProviderUnavailable

ANSWER_SECONDS: Final = 8.0
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
# Redirects, timeouts, too many requests, and the provider's own failures.
_UNDECIDED: Final = frozenset({*range(300, 400), 408, 425, 429, *range(500, 600)})


@dataclass(frozen=True)
class Reply:
    """An answer with a status below 500; `body` is the raw bytes, which may be signed."""

    provider: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> dict[str, object]:
        """The body's object. Raises `ProviderUnavailable` for anything else."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise ProviderUnavailable(self.provider, "nonsense")
        return told


class Service:
    """A provider's API at `url`, to which the paths are appended.

    Redirects are not followed: nobody sends a merchant's secrets elsewhere.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        provider: str,
        url: str,
        *,
        timeout: float = ANSWER_SECONDS,
    ) -> None:
        self.url: Final = url.rstrip("/")
        self._http = http
        self._provider = provider
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request with a form or raw bytes in it.

        Raises `ProviderUnavailable` for no answer in time, a broken or oversized one, a redirect,
        "too many requests" and every 5xx.
        """
        try:
            async with self._http.request(
                method,
                f"{self.url}{path}",
                params=query,
                data=form if body is None else body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                answer = await _limited(response)
                if response.status not in _UNDECIDED:
                    return Reply(self._provider, response.status, response.headers, answer)
                failure = f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = type(error).__name__
        except ValueError:
            failure = "nonsense"
        # Out here the error has no context: aiohttp's would show the URL, which may hold a key.
        raise ProviderUnavailable(self._provider, failure)


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises ValueError where it is longer than any answer has to be."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("too long")
    return bytes(body)
