"""Troubles of providers: told of once, and once more when they are over."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.watches import Watches
from domain import alarms
from domain.alarms import FORGED_COUNT, FORGED_WITHIN, SILENT_COUNT, SILENT_FOR, Trouble
from domain.messages import Topic
from tests.shop import NOW, Shop
from tests.storage.money import notes

LATER = NOW + timedelta(days=1)


async def told(shop: Shop) -> list[dict[str, str | int]]:
    return [note["facts"] for note in await notes(shop, Topic.PROVIDER)]


async def test_a_trouble_is_told_of_once(shop: Shop) -> None:
    for first in (True, False):
        assert await alarms.raise_once(shop.uow(), "till", Trouble.SILENT, now=NOW) is first
    assert await told(shop) == [{"provider": "till", "trouble": "silent"}]
    (note,) = await notes(shop, Topic.PROVIDER)
    assert note["chat_id"] is None


async def test_the_end_of_a_trouble_is_told_of_once(shop: Shop) -> None:
    assert not await alarms.end(shop.uow(), "till", Trouble.SILENT, now=NOW)
    await alarms.raise_once(shop.uow(), "till", Trouble.SILENT, now=NOW)
    for first in (True, False):
        assert await alarms.end(shop.uow(), "till", Trouble.SILENT, now=NOW) is first
    assert (await told(shop))[1:] == [{"provider": "till", "trouble": "silent", "over": 1}]
    assert await alarms.raise_once(shop.uow(), "till", Trouble.SILENT, now=NOW)


async def test_troubles_and_providers_are_told_apart(shop: Shop) -> None:
    for provider in ("till", "other"):
        for trouble in Trouble:
            assert await alarms.raise_once(shop.uow(), provider, trouble, now=NOW)
    assert await alarms.end(shop.uow(), "till", Trouble.SILENT, now=NOW)
    assert not await alarms.raise_once(shop.uow(), "other", Trouble.SILENT, now=NOW)


class Clock:
    """Goes on by itself a little with each look."""

    def __init__(self, now: datetime, step: timedelta) -> None:
        self._now, self._step = now, step

    def __call__(self) -> datetime:
        self._now += self._step
        return self._now


def watches(shop: Shop, step: timedelta, now: datetime = NOW) -> Watches:
    clock: Callable[[], datetime] = Clock(now, step)
    return Watches(shop.uow, clock)


async def falls_silent(seen: Watches) -> None:
    for _ in range(SILENT_COUNT):
        await seen.failed("till")


async def test_a_silent_provider_that_answers_again_may_fall_silent_again(shop: Shop) -> None:
    seen = watches(shop, SILENT_FOR)
    for _ in range(2):
        await falls_silent(seen)
        await seen.answered("till")
    assert [facts.get("over") for facts in await told(shop)] == [None, 1, None, 1]


async def test_a_silence_that_ends_after_a_restart_is_over(shop: Shop) -> None:
    """Who was told of it is told when it is over, whichever process saw it begin."""
    await falls_silent(watches(shop, SILENT_FOR))
    await watches(shop, SILENT_FOR, LATER).answered("till")
    assert [facts.get("over") for facts in await told(shop)] == [None, 1]


async def test_forgeries_of_another_day_are_told_of_again(shop: Shop) -> None:
    """They were told of once, and were over long ago."""
    for day in (0, 2):
        seen = watches(shop, FORGED_WITHIN / FORGED_COUNT, NOW + timedelta(days=day))
        for _ in range(FORGED_COUNT):
            await seen.forged("till")
    raised = [facts for facts in await told(shop) if "over" not in facts]
    assert len(raised) == 2
