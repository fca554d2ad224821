"""All of it or nothing."""

import dataclasses

import pytest

from domain.messages import Note, Topic
from storage import tables
from tests.shop import NOW, Shop


async def test_what_is_not_committed_has_not_happened(shop: Shop) -> None:
    async with shop.uow() as uow:
        await uow.outbox.add(Note(Topic.STOCK), NOW)
    assert await shop.rows(tables.outbox) == []


async def test_a_failure_rolls_back(shop: Shop) -> None:
    async def fail() -> None:
        async with shop.uow() as uow:
            await uow.outbox.add(Note(Topic.STOCK), NOW)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await shop.rows(tables.outbox) == []


async def test_it_can_be_entered_again_but_not_twice_at_once(shop: Shop) -> None:
    uow = shop.uow()
    for _ in range(2):
        async with uow:
            with pytest.raises(RuntimeError, match="once at a time"):
                await uow.__aenter__()
            await uow.outbox.add(Note(Topic.STOCK), NOW)
            await uow.commit()
    assert len(await shop.rows(tables.outbox)) == 2


async def test_nothing_is_committed_outside(shop: Shop) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        await shop.uow().commit()


async def test_the_worker_is_woken_after_a_commit_that_gives_it_work(shop: Shop) -> None:
    woken: list[str] = []
    database = dataclasses.replace(shop.database, outbox_filled=lambda: woken.append("now"))
    async with database.unit_of_work() as uow:
        await uow.outbox.add(Note(Topic.STOCK), NOW)
        assert woken == []
        await uow.commit()
    assert woken == ["now"]
    async with database.unit_of_work() as uow:
        await uow.commit()
    assert woken == ["now"]
