"""Pace, throttle, dialogs and wake-ups through Redis, falling back to the process's own."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import DefaultKeyBuilder, StateType, StorageKey
from aiogram.fsm.storage.redis import RedisStorage
from redis.asyncio import Redis

from bot.pace import CHAT_BURST, OVER_ALL, LocalPace
from bot.throttle import A_SECOND, BURST, TOLD_A_SECOND, LocalThrottle
from storage.redis import AWAY, PREFIX, Buckets

log = structlog.get_logger(__name__)
_DIALOG_SECONDS: Final = 24 * 3600


class SharedPace:
    """Telegram's limits hold for the bot, not for a process."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._own = LocalPace()

    async def wait(self, chat_id: int) -> None:
        try:
            chat = await self._buckets.take(
                f"pace:{chat_id}", burst=CHAT_BURST, a_second=1, queue=True
            )
            bot = await self._buckets.take(
                "pace", burst=OVER_ALL / 10, a_second=OVER_ALL, queue=True
            )
        except AWAY:
            await self._own.wait(chat_id)
        else:
            await asyncio.sleep(max(chat, bot))


class SharedThrottle:
    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets
        self._own = LocalThrottle()

    async def allows(self, person_id: int) -> bool:
        try:
            return await self._take(f"throttle:{person_id}", BURST, A_SECOND)
        except AWAY:
            return await self._own.allows(person_id)

    async def tells(self, person_id: int) -> bool:
        try:
            return await self._take(f"told:{person_id}", 1, TOLD_A_SECOND)
        except AWAY:
            return await self._own.tells(person_id)

    async def _take(self, name: str, burst: float, a_second: float) -> bool:
        wait = await self._buckets.take(name, burst=burst, a_second=a_second, queue=False)
        return not wait


class Dialogs(RedisStorage):
    """aiogram's dialogs; without Redis everybody is simply not in one."""

    def __init__(self, redis: Redis) -> None:
        names = DefaultKeyBuilder(prefix=f"{PREFIX}:dialog", with_bot_id=True)
        super().__init__(
            redis, key_builder=names, state_ttl=_DIALOG_SECONDS, data_ttl=_DIALOG_SECONDS
        )

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        try:
            await super().set_state(key, state)
        except AWAY:
            log.warning("dialog lost: Redis does not answer", state=_name(state))

    async def get_state(self, key: StorageKey) -> str | None:
        try:
            return await super().get_state(key)
        except AWAY:
            return None

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        try:
            await super().set_data(key, data)
        except AWAY:
            log.warning("dialog lost: Redis does not answer")

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        try:
            return await super().get_data(key)
        except AWAY:
            return {}


def _name(state: StateType) -> str | None:
    return state.state if isinstance(state, State) else state
