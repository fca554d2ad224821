"""Who may do what, who did what, and files for those who may have them."""

import asyncio

import pytest
from aiogram.types import Update

from domain.customers import Role
from handlers.views import admin_buttons as buttons
from tests.chat.buying import put_on_sale
from tests.chat.counter import UNKNOWN, Counter, admin, asks, forges, known
from tests.chat.shop_chat import BEN, OWNER, WANG, ShopChat
from tests.people import Chat


@pytest.fixture
async def owner(shop: ShopChat) -> Chat:
    return await known(shop.owner)


async def exported(chat: Chat) -> tuple[str, str]:
    """The name and the text of the file that comes next."""
    message = await chat.reads(" row")
    content = await chat.downloads(message)
    return message["document"]["file_name"], content.decode("utf-8-sig")


async def test_an_admin_is_appointed_and_removed_in_one_line(shop: ShopChat, owner: Chat) -> None:
    await asks(shop.ben, "/admin", UNKNOWN)
    await asks(owner, f"/admins {BEN} stock", "Ben (1002) is now: stock")
    await asks(shop.ben, "/admin", "Admin")
    assert "Ben (1002): stock" in (await asks(owner, "/admins", "Admins"))["text"]
    await asks(owner, f"/admins {BEN} none", "no admin any more")
    await asks(shop.ben, "/admin", UNKNOWN)


async def test_an_admin_is_appointed_by_buttons(owner: Chat) -> None:
    await asks(owner, "/admins", "Admins")
    await owner.presses("Appoint")
    await owner.reads("numeric")
    await asks(owner, str(BEN), "What shall 1002 be")
    await owner.presses("manager")
    await owner.reads("is now: manager")
    await asks(owner, f"/admins {BEN}", "What shall 1002 be")
    await owner.presses("none")
    await owner.reads("no admin any more")


@pytest.mark.parametrize("named", ["@ann", "ann", "t.me/ann", "-5"])
async def test_nobody_is_appointed_by_name(shop: ShopChat, named: str, owner: Chat) -> None:
    await shop.ann.says("/start")
    await asks(owner, f"/admins {named} owner", "Only the numeric user id")
    await asks(owner, "/admins", "Admins")
    await owner.presses("Appoint")
    await owner.reads("Whom?")
    await asks(owner, named, "Only the numeric user id")
    await asks(shop.ann, "/admin", UNKNOWN)


@pytest.mark.parametrize("dialog", [True, False])
async def test_nobody_is_appointed_by_a_forwarded_message(
    shop: ShopChat, owner: Chat, dialog: bool
) -> None:
    """The local Telegram forwards nothing: the update is made by hand."""
    await asks(owner, "/admins", "Admins")
    if dialog:
        await owner.presses("Appoint")
        await owner.reads("Whom?")
    person = {"id": OWNER, "is_bot": False, "first_name": "Olga"}
    author = {"id": BEN, "is_bot": False, "first_name": "Ben"}
    message = {
        "message_id": 99,
        "date": 1,
        "chat": {"id": OWNER, "type": "private"},
        "from": person,
        "forward_origin": {"type": "user", "date": 1, "sender_user": author},
        "text": str(BEN) if dialog else f"/admins {BEN} owner",
    }
    update = Update.model_validate({"update_id": 1, "message": message})
    await shop.app.dispatcher.feed_update(shop.app.bot, update)
    await owner.reads("Only the numeric user id")
    await asks(shop.ben, "/admin", UNKNOWN)


async def test_a_role_or_an_id_that_cannot_be_is_refused(owner: Chat) -> None:
    await asks(owner, f"/admins {BEN} emperor", "no role")
    await asks(owner, f"/admins {'9' * 30} owner", "no user id")
    await asks(owner, f"/admins {OWNER} none", "your own role")


async def test_an_owner_by_the_settings_stays_one(shop: ShopChat, owner: Chat) -> None:
    ben = await admin(shop, BEN, Role.OWNER)
    await asks(ben, f"/admins {OWNER} none", "You cannot change")
    await asks(owner, "/admin", "Admin")


async def test_only_owners_see_admins_and_the_log(shop: ShopChat) -> None:
    ben = await admin(shop, BEN, Role.MANAGER)
    await asks(ben, "/admins", UNKNOWN)
    await asks(ben, "/audit", UNKNOWN)
    menu = await asks(ben, "/admin", "Admin")
    appoint = buttons.Appoint(user_id=BEN, role=Role.OWNER)
    assert "expired" in await forges(ben, appoint, menu)
    assert "expired" in await forges(ben, buttons.Audit(), menu)


async def test_every_change_is_in_the_log(shop: ShopChat, owner: Chat) -> None:
    await put_on_sale(shop)
    await asks(owner, "/setproduct GAME-1 price 9.99", "Changed")
    await asks(owner, f"/admins {BEN} support", "is now")
    log = await asks(owner, "/audit", "Audit log")
    assert f"{OWNER} · set product GAME-1 · price: 4.99 USD → 9.99 USD" in log["text"]
    assert f"appoint {BEN} · role: – → support" in log["text"]


async def test_the_log_is_turned_by_page(shop: ShopChat, owner: Chat) -> None:
    for nth in range(16):
        await put_on_sale(shop, f"GAME-{nth:02}")
    log = await asks(owner, "/audit", "GAME-15")
    assert "GAME-00" not in log["text"]
    await owner.presses("Next")
    await owner.reads("GAME-00")
    await owner.presses("Back")
    await owner.reads("GAME-15")
    far = await forges(owner, buttons.Audit(page=9_999), log)
    assert far == ""


async def test_keys_are_exported_with_where_they_stand(shop: ShopChat, owner: Chat) -> None:
    counter = await Counter.opened(shop)
    placed = await counter.sold()
    await owner.says("/export keys game-1")
    name, content = await exported(owner)
    assert name == "keystall-keys-game-1.csv"
    rows = content.splitlines()
    assert rows[0] == "sku,key,status,order"
    assert rows[1] == f"GAME-1,KEY-OF-THE-TESTS-0000,sold,{placed.order.number}"
    assert len(rows) == 4
    assert "export keys" in (await asks(owner, "/audit", "Audit log"))["text"]


async def test_orders_are_exported_by_day(shop: ShopChat, owner: Chat) -> None:
    counter = await Counter.opened(shop)
    placed = await counter.sold()
    day = placed.order.created_at.date().isoformat()
    await owner.says(f"/export orders {day} {day}")
    name, content = await exported(owner)
    assert name == "keystall-orders.csv"
    assert placed.order.number in content
    await owner.says("/export orders GAME-1 2020-01-01 2020-12-31")
    _, content = await exported(owner)
    assert len(content.splitlines()) == 1


async def test_an_export_asks_for_what_is_missing(owner: Chat) -> None:
    await asks(owner, "/export", "Export what")
    await owner.presses("Export keys")
    assert (await exported(owner))[0] == "keystall-keys.csv"
    await asks(owner, "/export pears", "Export what")
    await asks(owner, "/export orders 2026-02-30", "is no day")
    await asks(owner, "/export keys 2026-02-03", "days are for orders")
    await asks(owner, "/export keys NONE", "no such product")


async def test_an_export_that_fails_is_told_of(shop: ShopChat, owner: Chat) -> None:
    shop.telegram.fault("500", "sendDocument")
    await asks(owner, "/export orders", "export failed")


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [(Role.STOCK, "keys", "orders"), (Role.SUPPORT, "orders", "keys")],
)
async def test_each_role_exports_what_it_sees(
    shop: ShopChat, role: Role, allowed: str, refused: str
) -> None:
    ben = await admin(shop, BEN, role)
    menu = await asks(ben, f"/export {refused}", "Export what")
    assert await ben.buttons() == [f"Export {allowed}"]
    assert "expired" in await forges(ben, buttons.Export(what=refused), menu)
    await ben.says(f"/export {allowed}")
    assert (await exported(ben))[0] == f"keystall-{allowed}.csv"


async def test_two_imports_and_an_export_at_once_do_not_disturb_each_other(
    shop: ShopChat, owner: Chat
) -> None:
    await put_on_sale(shop, "GAME-1")
    await put_on_sale(shop, "GAME-2")
    await asyncio.gather(
        owner.uploads("a.txt", b"AT-ONCE-A1\nAT-ONCE-A2", caption="/import GAME-1"),
        shop.person(OWNER).uploads("b.txt", b"AT-ONCE-B1", caption="/import GAME-2"),
    )
    await owner.reads("Imported: 2", ever=True)
    await owner.reads("Imported: 1", ever=True)


async def test_the_menu_is_in_the_persons_language(shop: ShopChat) -> None:
    wang = await admin(shop, WANG, Role.OWNER)
    menu = await asks(wang, "/admin", "/newproduct")
    assert "店铺管理" in menu["text"]
