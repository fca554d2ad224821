"""What Telegram asks the bot and waits for: callback, shipping and pre-checkout queries."""

import asyncio
import secrets

from bot.sandbox.errors import bad_request
from bot.sandbox.wire import Json


class Questions:
    """Open queries by id; each takes one answer within `seconds`."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._open: dict[str, asyncio.Future[Json]] = {}

    def ask(self) -> str:
        """A new query's id."""
        query_id = str(secrets.randbits(62))
        self._open[query_id] = asyncio.get_running_loop().create_future()
        return query_id

    async def answer_to(self, query_id: str) -> Json | None:
        """The bot's answer, or None when it did not come in time."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._open[query_id]
        except TimeoutError:
            return None
        finally:
            del self._open[query_id]

    def require_open(self, query_id: str) -> None:
        """Raises the 400 of an answer that is late, repeated or to no known query."""
        waiting = self._open.get(query_id)
        if waiting is None or waiting.done():
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )

    def answer(self, query_id: str, answer: Json) -> None:
        self.require_open(query_id)
        self._open[query_id].set_result(answer)

    def close(self) -> None:
        """Nobody will answer any more."""
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(TimeoutError())
