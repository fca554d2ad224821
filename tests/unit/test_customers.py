"""What each role may do."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.administering import MAX_USER_ID, read_user_id
from domain.customers import PERMISSIONS, Customer, Permission, Role
from domain.errors import BadUserId


def test_an_owner_may_do_everything() -> None:
    owner = Customer(1, "Ann", role=Role.OWNER)
    assert all(owner.may(permission) for permission in Permission)


def test_a_buyer_may_do_nothing_of_an_admin() -> None:
    buyer = Customer(1, "Bob")
    assert not buyer.is_admin
    assert not any(buyer.may(permission) for permission in Permission)


def test_only_an_owner_appoints() -> None:
    for role in set(Role) - {Role.OWNER}:
        assert not Customer(1, "Cy", role=role).may(Permission.ADMINS)


@pytest.mark.parametrize(
    ("role", "permission", "may"),
    [
        (Role.MANAGER, Permission.MONEY, True),
        (Role.STOCK, Permission.STOCK, True),
        (Role.STOCK, Permission.ORDERS, False),
        (Role.SUPPORT, Permission.ORDERS, True),
        (Role.SUPPORT, Permission.STOCK, False),
        (Role.SUPPORT, Permission.MONEY, False),
    ],
)
def test_a_role_may_what_it_is_for(role: Role, permission: Permission, may: bool) -> None:
    customer = Customer(1, "Di", role=role)
    assert customer.is_admin
    assert customer.may(permission) == may


def test_every_role_has_its_permissions() -> None:
    assert set(PERMISSIONS) == set(Role)


@given(st.integers(1, MAX_USER_ID))
def test_a_user_id_is_a_number(user_id: int) -> None:
    assert read_user_id(str(user_id)) == user_id


@pytest.mark.parametrize("text", ["", "0", "-1", "@ann", "1.0", "١", str(MAX_USER_ID + 1), "1 2"])
def test_nothing_else_is_a_user_id(text: str) -> None:
    with pytest.raises(BadUserId):
        read_user_id(text)


@given(st.text("0123456789"))
@example("0" * 16 + "1" + "9" * 30)
def test_no_text_makes_an_id_that_telegram_has_not(text: str) -> None:
    with suppress(BadUserId):
        assert 0 < read_user_id(text) <= MAX_USER_ID
