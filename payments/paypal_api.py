"""PayPal's REST API: access tokens, requests in JSON, and what its refusals say."""

import asyncio
import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

from domain.errors import ProviderUnavailable
from payments.asking import Reply, Service
from payments.reading import readable, text, whole, word

CODE: Final = "paypal"
_EARLY: Final = 60  # seconds before its end that a token is no longer used
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
# A token refused though it is new; and PREVIOUS_REQUEST_IN_PROGRESS, one under the same number.
_UNDECIDED: Final = frozenset({401, 409})


class Api:
    """Asks under an access token, which is kept until shortly before its end."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        client_id: str,
        secret: str,
        clock: Callable[[], float],
        timeout: float,
    ) -> None:
        self._service = Service(http, CODE, url, timeout=timeout)
        self._credentials = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        self._clock = clock
        self._token = ""
        self._until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def sign_in(self) -> bool:
        """Fetch a new token; False where PayPal does not know the client id with its secret."""
        reply = await self._service.ask(
            "POST",
            "/v1/oauth2/token",
            form={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {self._credentials}"},
        )
        if reply.status == 401:
            return False
        with readable(CODE):
            told = reply.json()
            self._token = text(told, "access_token", _TOKEN)
            self._until = self._clock() + whole(told, "expires_in") - _EARLY
        return True

    async def ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, object] | bytes = b"",
        *,
        number: str | None = None,
    ) -> Reply:
        """Send JSON; `number` makes a repetition harmless. A 401 is met with a new token, once.

        Raises `ProviderUnavailable`, for want of a token too: then nothing has happened.
        """
        token = await self._access()
        reply = await self._send(token, method, path, asked, number)
        if reply.status == 401:
            token = await self._access(refused=token)
            reply = await self._send(token, method, path, asked, number)
        if reply.status in _UNDECIDED:
            raise ProviderUnavailable(CODE, f"status {reply.status}")
        return reply

    async def _access(self, refused: str = "") -> str:
        async with self._one_at_a_time:
            usable = self._token != refused and self._clock() < self._until
            if not usable and not await self.sign_in():
                raise ProviderUnavailable(CODE, "no access token")
            return self._token

    async def _send(
        self,
        token: str,
        method: str,
        path: str,
        asked: Mapping[str, object] | bytes,
        number: str | None,
    ) -> Reply:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Prefer": "return=representation",  # else an answer leaves out the amounts
        }
        if number is not None:
            headers["PayPal-Request-Id"] = number
        body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
        return await self._service.ask(method, path, body=body or None, headers=headers)


def issue(refused: Reply) -> str:
    """PayPal's word for a refusal: its first detail's issue, such as `ORDER_NOT_APPROVED`.

    Raises `ProviderUnavailable` for an answer that is not PayPal's API's, such as a page.
    """
    told = refused.json()
    details = told.get("details")
    first = details[0] if isinstance(details, list) and details else None
    found = first.get("issue") if isinstance(first, dict) else told.get("name")
    return word(found)
