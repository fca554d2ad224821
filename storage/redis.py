"""What processes share through Redis. Losing it costs speed, never money or keys."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

PREFIX: Final = "keystall"
# What a client raises for a Redis that is not there; uvloop has a word of its own for a line that
# was closed in mid-command.
AWAY: Final = (RedisError, OSError, RuntimeError)
_CHANNEL: Final = f"{PREFIX}:outbox"

# A token bucket: KEYS[1] bucket; ARGV burst, tokens a second, whether to queue. Returns the
# milliseconds until the token: 0 when it was there. Who queues has it after that time; who does
# not has none. Redis' own clock: the processes' may differ.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local burst, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(bucket[1]) or burst, tonumber(bucket[2]) or now
left = math.min(burst, left + (now - at) * rate / 1000)
local wait = 0
if left < 1 then wait = math.ceil((1 - left) * 1000 / rate) end
if wait == 0 or ARGV[3] == '1' then left = left - 1 end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - left) * 1000 / rate) + 1000)
return wait
"""


def connect(url: str) -> Redis:
    """A client that gives up soon: a dead Redis must not hold up a sale."""
    return Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


class Buckets:
    """Token buckets that all processes draw from."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(_TAKE)

    async def take(self, name: str, *, burst: float, a_second: float, queue: bool) -> float:
        """The seconds until the token, 0 when it was there.

        Without `queue` it is only taken when it was there. Raises `RedisError`.
        """
        wait = await self._take(keys=[f"{PREFIX}:{name}"], args=[burst, a_second, int(queue)])
        return int(wait) / 1000


async def ring(redis: Redis) -> None:
    """Tell the workers of every process that the outbox has filled."""
    with contextlib.suppress(*AWAY):
        await redis.publish(_CHANNEL, b"1")


async def rings(redis: Redis) -> AsyncIterator[None]:
    """Yields whenever any process rings. Raises `RedisError` when Redis goes away."""
    async with redis.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(_CHANNEL)
        while True:
            if await subscription.get_message(timeout=1.0) is not None:
                yield


async def answers(redis: Redis) -> bool:
    try:
        return await redis.echo(PREFIX) is not None
    except AWAY:
        return False
