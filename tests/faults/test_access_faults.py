"""Other people's orders, forged buttons, and people who are no admins, or no longer."""

import re
from typing import Any, Final

import pytest
import sqlalchemy as sa
from aiogram.filters.callback_data import CallbackData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.customers import Role
from domain.orders import OrderStatus
from handlers.admin import routes as admin_routes
from handlers.views.admin_buttons import OpenFile
from handlers.views.buttons import Cancel
from storage import tables
from tests.chat.shop_chat import ANN, BEN, OWNER
from tests.faults.buttons_of_all import ADMINS, BUYERS, filled
from tests.faults.world import SKU, UNKNOWN_NUMBER, Ordered, Stall, answer_after, keys
from tests.people import Chat, Json

NOBODYS: Final = "ZZZZZZZZZZZZ"
STALE: Final = "This button has expired. Open /catalog or /orders again."
UNKNOWN_COMMAND: Final = "I do not know this command. /help lists what I can do."
SORRY: Final = "Something went wrong"


async def anns_orders(stall: Stall) -> list[Ordered]:
    """One is delivered, one waits for its money, one is cancelled."""
    await stall.stocked(*keys(4))
    delivered, cancelled, waiting = [await stall.ordered(ANN) for _ in range(3)]
    await stall.paid(delivered)
    await stall.keys_read_by(ANN)
    answer = await stall.ann.clicks(
        Cancel(number=cancelled.number).pack(), message_id=1, inaccessible=True
    )
    assert answer["text"] == "Cancelled"
    return [delivered, waiting, cancelled]


async def pressed(person: Chat, data: str) -> Json:
    """The answer and the messages that followed, without any order's number."""
    before = len(await person.messages())
    answer = await person.clicks(data, message_id=1, inaccessible=True)
    after = (await person.messages())[before:]
    said = [message.get("text") or message.get("caption") for message in after]
    return {**answer, "said": [re.sub("[0-9A-Z]{12}", "NUMBER", str(text)) for text in said]}


async def contents(stall: Stall) -> list[Any]:  # rows of every table
    """What must not change by anything that a stranger does."""
    kept = [tables.orders, tables.attempts, tables.card_keys, tables.admins, tables.products]
    found = [await stall.rows(table) for table in [*kept, tables.audit_log]]
    prices = [(row["sku"], row["price"]) for row in await stall.rows(tables.variants)]
    return [*found, prices]


async def test_f69_another_buyers_order_is_as_one_that_is_not_there(
    plain_stall_on_both: Stall,
) -> None:
    """Every button that names an order, the buyers' and the admins', and the command."""
    stall, ben = plain_stall_on_both, plain_stall_on_both.ben
    orders = await anns_orders(stall)
    await ben.says("/start")
    before = await contents(stall)
    for kind in [kind for kind in BUYERS + ADMINS if "number" in kind.model_fields]:
        unknown = await pressed(ben, filled(kind, NOBODYS, SKU, BEN))
        assert unknown["text"] in {"There is no such order. See /orders.", STALE}
        for ordered in orders:
            assert await pressed(ben, filled(kind, ordered.number, SKU, BEN)) == unknown
    for number in [ordered.number for ordered in orders] + [NOBODYS, UNKNOWN_NUMBER]:
        for typed in (number, number.lower(), f"{number[:6]} {number[6:]}"):
            sent = await ben.says(f"/order {typed}")
            answer = await answer_after(stall, BEN, sent["message_id"])
            assert answer["text"] == "There is no such order. See /orders."
    assert await contents(stall) == before
    assert await ben.codes() == []


# Numbers beyond what the databases hold, negative ones, texts, and what comes close to data.
_WORDS: Final = f"""
0 -5 2147483648 9223372036854775807 9223372036854775808 zzzzzzzzzzzzz 1e9 NaN 0x10 +1 ١٢ 1_0 None
True null {SKU} late owner test stars epay USD XTR abcdefgh keys price photo max active e % _ ../..
balance {NOBODYS}
"""
_FIELD: Final = (
    st.integers(-(2**70), 2**70).map(str)
    | st.integers(-3, 12).map(str)
    | st.sampled_from([*_WORDS.split(), "", " 1", "1 ", "\x00", "'; DROP TABLE orders; --"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
)


def presses_of(kinds: list[type[CallbackData]]) -> st.SearchStrategy[str]:
    """Data with any fields, as many as there are or more or fewer."""

    def of(kind: type[CallbackData]) -> st.SearchStrategy[str]:
        size = len(kind.model_fields)
        exact = st.lists(_FIELD, min_size=size, max_size=size)
        return (exact | st.lists(_FIELD, max_size=size + 2)).map(
            lambda fields: ":".join([kind.__prefix__, *fields])
        )

    return st.sampled_from(kinds).flatmap(of)


FORGED: Final = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FORGED
@given(data=presses_of(BUYERS))
async def test_f70_a_buyers_forged_button_is_answered(
    plain_stall_on_both: Stall, data: str
) -> None:
    await is_answered(plain_stall_on_both, ANN, data)


@FORGED
@given(data=presses_of(ADMINS))
async def test_f70_an_admins_forged_button_is_answered(
    plain_stall_on_both: Stall, data: str
) -> None:
    await is_answered(plain_stall_on_both, OWNER, data)


async def is_answered(stall: Stall, person_id: int, data: str) -> None:
    if not await stall.rows(tables.variants):
        stall.shop.telegram.world.chat(ANN).person.started = True
        await stall.stocked(*keys(20))
    answer = await stall.person(person_id).clicks(data, message_id=1, inaccessible=True)
    assert answer["answered"]
    assert SORRY not in answer["text"]


@pytest.mark.parametrize("count", [-5, -(2**63), 0, 101, 10**6, 2**31, 2**63, 2**64])
async def test_f70_a_forged_quantity_buys_nothing(plain_stall: Stall, count: int) -> None:
    stall = plain_stall
    await stall.stocked(*keys(3))
    await stall.ann.says("/start")
    place = (await stall.press_of()).split(":")
    place[2] = f"{count:x}" if count > 0 else str(count)  # any digits of base 36 will do
    for data in (f"b:1:{count}", f"q:1:{count}", ":".join(place)):
        answer = await stall.ann.clicks(data, message_id=1, inaccessible=True)
        assert answer["text"] in {STALE, "Choose a quantity from 1 to 100."}
    assert await stall.rows(tables.orders) == []


@pytest.mark.parametrize("data", ["old:1:2", "p", "p:1:2:3", "p:", "", ":", "☃", "x" * 64])
async def test_f71_a_button_of_another_time_says_that_it_has_expired(
    plain_stall: Stall, data: str
) -> None:
    await plain_stall.stocked(*keys(2))
    await plain_stall.ann.says("/start")
    answer = await plain_stall.ann.clicks(data, message_id=1, inaccessible=True)
    assert (answer["text"], answer["show_alert"]) == (STALE, True)


async def test_f71_a_button_of_an_order_that_is_over_says_so(plain_stall_on_both: Stall) -> None:
    stall = plain_stall_on_both
    for ordered in await anns_orders(stall):
        order = await stall.order(ordered)
        if order.status is OrderStatus.PENDING:
            continue
        for kind in (k for k in BUYERS if k.__name__ in {"Methods", "PayWith"}):
            said = await pressed(stall.ann, filled(kind, ordered.number, SKU, ANN))
            assert f"Order {ordered.number} is" in said["text"]
            assert "that cannot be done any more" in said["text"]


def forwarded(stall: Stall, from_id: int, text: str) -> Json:
    """A message that the owner forwards, of somebody who would like to be an admin."""
    world = stall.shop.telegram.world
    sender = world.chat(from_id).person.as_user()
    origin = {"type": "user", "date": world.date, "sender_user": sender}
    return world.receive(world.chat(OWNER), {"text": text, "forward_origin": origin})


async def test_f72_nobody_is_an_admin_by_a_name_or_a_forwarded_message(plain_stall: Stall) -> None:
    stall, owner, ben = plain_stall, plain_stall.owner, plain_stall.ben
    stall.shop.telegram.world.chat(BEN).person.username = "ben_the_admin"
    await ben.says("/start")
    for name in (
        "@ben_the_admin",
        "ben_the_admin",
        "t.me/ben_the_admin",
        "Ben",
        "+1002",
        "1002.0",
    ):
        await owner.says(f"/admins {name} owner")
        await owner.reads("Only the numeric user id will do")
    await owner.says("/admins")
    await owner.presses("Appoint")
    for text in ("make me an admin", str(BEN)):
        sent = forwarded(stall, BEN, text)
        answer = await answer_after(stall, OWNER, sent["message_id"])
        assert "forwarded messages and contacts can be made up" in answer["text"]
    contact = {"contact": {"phone_number": "+1", "first_name": "Ben", "user_id": BEN}}
    world = stall.shop.telegram.world
    sent = world.receive(world.chat(OWNER), contact)
    await answer_after(stall, OWNER, sent["message_id"])
    assert await stall.rows(tables.admins) == []
    await is_no_admin(stall, ben)


async def test_f72_the_owners_name_makes_no_owner(plain_stall: Stall) -> None:
    world = plain_stall.shop.telegram.world
    world.chat(OWNER).person.username = "the_owner"
    await plain_stall.stocked(*keys(2))
    impostor = world.chat(BEN).person
    impostor.first_name, impostor.username = "Olga", "the_owner"
    await is_no_admin(plain_stall, plain_stall.ben)


async def is_no_admin(stall: Stall, person: Chat) -> None:
    """Every admin's command gets what a command gets that does not exist."""
    before = await contents(stall)
    shared = {"order"}  # buyers have it too
    for name in sorted(set(admin_routes._commands) - shared):
        for command in (f"/{name}", f"/{name} {SKU} price 1", f"/{name.upper()} 1002 owner"):
            sent = await person.says(command)
            answer = await answer_after(stall, person.person_id, sent["message_id"])
            assert answer["text"] == UNKNOWN_COMMAND
    assert await contents(stall) == before


@pytest.mark.parametrize("role", list(Role))
async def test_f73_a_demoted_admins_open_menu_is_dead(plain_stall: Stall, role: Role) -> None:
    """Everything that was on the screen before, and everything that could have been."""
    stall, ben = plain_stall, plain_stall.ben
    [delivered, *_] = await anns_orders(stall)
    await ben.says("/start")
    await appointed(stall, role)
    await ben.says("/admin")
    menu = await ben.reads("Admin")
    shown = [b["callback_data"] for row in menu["reply_markup"]["inline_keyboard"] for b in row]
    assert shown
    await appointed(stall, None)
    before = await contents(stall)
    made = [filled(kind, delivered.number, SKU, BEN) for kind in ADMINS]
    for data in [*shown, *made]:
        answer = await ben.clicks(data, message_id=menu["message_id"])
        assert (answer["text"], answer["show_alert"]) == (STALE, True)
    assert await contents(stall) == before
    await is_no_admin(stall, ben)


async def appointed(stall: Stall, role: Role | None) -> None:
    await stall.owner.says(f"/admins {BEN} {role or 'none'}")
    await stall.owner.reads("Ben (1002) is n")


QUESTIONS: Final = {
    "/newproduct": "EVIL-1",
    f"/newproduct {SKU}-2 4.99": "Evil game",
    f"/setproduct {SKU} price": "0.01",
    f"/import {SKU}": "PLANTED-KEY-OF-A-STRANGER",
    f"/withdraw {SKU}": keys(1)[0],
    "/admin": str(BEN),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_f73_a_demoted_admins_answer_comes_too_late(
    plain_stall: Stall, question: str
) -> None:
    stall, ben = plain_stall, plain_stall.ben
    await stall.stocked(*keys(2))
    await ben.says("/start")
    await appointed(stall, Role.OWNER)
    await ben.says(question)
    if question == "/admin":
        await ben.presses("Admins")
        await ben.presses("Appoint")
    await ben.reads("")
    await stall.executes(sa.delete(tables.admins))
    before = await contents(stall)
    sent = await ben.says(QUESTIONS[question])
    await answer_after(stall, BEN, sent["message_id"])
    assert await contents(stall) == before


async def test_f73_a_role_reaches_as_far_as_it_reaches(plain_stall: Stall) -> None:
    """Who may look after orders may neither refund them nor see keys, whatever they press."""
    stall, ben = plain_stall, plain_stall.ben
    [delivered, *_] = await anns_orders(stall)
    await ben.says("/start")
    await appointed(stall, Role.SUPPORT)
    before = await contents(stall)
    open_to_support = {"Menu", "Sales", "OpenFile", "Resend", "Handled", "Export"}
    for kind in (kind for kind in ADMINS if kind.__name__ not in open_to_support):
        data = filled(kind, delivered.number, SKU, BEN)
        answer = await ben.clicks(data, message_id=1, inaccessible=True)
        assert (kind.__name__, answer["text"]) == (kind.__name__, STALE)
    answer = await ben.clicks("axp:keys", message_id=1, inaccessible=True)
    assert answer["text"] == STALE
    await ben.clicks(OpenFile(number=delivered.number).pack(), message_id=1, inaccessible=True)
    assert not set(await ben.codes()) & set(keys(4))
    assert await contents(stall) == before
