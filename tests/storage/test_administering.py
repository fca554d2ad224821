"""Who may do what, and what was done."""

import pytest

from domain import administering, assortment
from domain.customers import Customer, Role
from domain.errors import NotPermitted, ProductNotFound
from tests.shop import NOW, Shop, opened

OWNER = Customer(1, "Ann", role=Role.OWNER)


async def appoint(shop: Shop, user_id: int, role: Role | None) -> Customer | None:
    return await administering.appoint(shop.uow(), user_id, role, actor=OWNER, now=NOW)


async def roles(shop: Shop) -> dict[int, Role | None]:
    return {admin.id: admin.role for admin in await administering.admins(shop.uow())}


async def test_a_role_is_given_changed_and_taken(shop: Shop) -> None:
    await shop.buyer(2)
    for role in (Role.SUPPORT, Role.MANAGER, None):
        person = await appoint(shop, 2, role)
        assert person is not None
        assert person.role is role
        assert await roles(shop) == ({2: role} if role else {})


async def test_somebody_can_be_appointed_before_the_first_hello(shop: Shop) -> None:
    assert await appoint(shop, 3, Role.STOCK) is None
    assert await roles(shop) == {3: Role.STOCK}
    await shop.buyer(3)
    async with shop.uow() as uow:
        person = await uow.customers.get(3)
    assert person is not None
    assert person.role is Role.STOCK


async def test_nobody_changes_their_own_role(shop: Shop) -> None:
    with pytest.raises(NotPermitted):
        await appoint(shop, OWNER.id, None)


async def test_owners_come_from_the_settings(database_url: str) -> None:
    async with opened(database_url, owner_ids=frozenset({1, 5})) as shop:
        await shop.buyer(5)
        await appoint(shop, 2, Role.SUPPORT)
        assert await roles(shop) == {1: Role.OWNER, 5: Role.OWNER, 2: Role.SUPPORT}


async def test_an_owner_of_the_settings_is_not_demoted_in_the_chat(database_url: str) -> None:
    async with opened(database_url, owner_ids=frozenset({1, 5})) as shop:
        with pytest.raises(NotPermitted):
            await appoint(shop, 5, None)


async def test_appointments_are_written_down(shop: Shop) -> None:
    await shop.buyer(2)
    for role in (Role.SUPPORT, None):
        await appoint(shop, 2, role)
    last, first = (await administering.audit(shop.uow(), page=-1)).items
    assert (first.before, first.after) == ({"role": None}, {"role": "support"})
    assert (last.before, last.after) == ({"role": "support"}, {"role": None})
    assert (last.actor_id, last.action, last.subject, last.at) == (1, "appoint", "2", NOW)


async def test_the_log_has_pages(shop: Shop) -> None:
    for user_id in range(2, administering.PAGE_SIZE + 3):
        await appoint(shop, user_id, Role.STOCK)
    assert (await administering.audit(shop.uow())).more
    second = await administering.audit(shop.uow(), page=1)
    assert ([entry.subject for entry in second.items], second.more) == (["2"], False)


async def test_the_range_is_listed_on_sale_or_not(shop: Shop) -> None:
    for nth in range(assortment.PAGE_SIZE + 1):
        await shop.stocked(f"GAME-{nth:02}", keys=0)
    await shop.changed("GAME-12", "active", "off")
    first = await assortment.skus(shop.uow(), page=-1)
    assert (len(first.items), first.number, first.more) == (assortment.PAGE_SIZE, 0, True)
    assert (await assortment.skus(shop.uow(), page=1)).items == ["GAME-12"]
    product, _ = await assortment.look_up(shop.uow(), "game-12")
    assert not product.active
    with pytest.raises(ProductNotFound):
        await assortment.look_up(shop.uow(), "NONE")
