"""What admins are shown: whole, escaped, within Telegram's limits, in every language."""

import pytest
from aiogram.filters.callback_data import CallbackData

from domain.catalog import Page
from domain.customers import Customer, Permission, Role
from domain.errors import FileFault, UnreadableFile
from domain.importing import Report
from domain.managing import FIELDS
from domain.orders import OrderException
from domain.ports import AuditEntry
from domain.stock import Batch, StockCount
from handlers.texts import LANGUAGES, texts
from handlers.views import admin_buttons as buttons
from handlers.views import (
    admin_export,
    admin_import,
    admin_menu,
    admin_people,
    admin_products,
    admin_stock,
)
from tests.unit.views import (
    ENGLISH,
    NASTY,
    NOON,
    NUMBER,
    data,
    fits,
    in_category,
    labels,
    product,
    shown,
    variant,
)

LONGEST_SKU = "S" * 32


# --- Imports ----------------------------------------------------------------------------------


def report(imported: int = 12_000, invalid_lines: tuple[int, ...] = (4, 9, 12)) -> Report:
    batch = Batch(8, 1, "GAME-1", "<keys>.txt", 9001, NOON, None, None, imported, 7, 30)
    return Report(batch, list(invalid_lines))


def test_a_report_has_the_three_numbers_on_lines_of_their_own() -> None:
    view = admin_import.report(report(), ENGLISH)
    lines = shown(view.text).text.splitlines()
    assert lines[0] == "<keys>.txt into GAME-1"
    assert lines[1:4] == ["Imported: 12000", "Duplicates: 7", "Invalid: 30 (lines 4, 9, 12)"]
    assert labels(view) == ["Undo"]


def test_a_report_of_one_bad_line_and_of_none() -> None:
    assert "Invalid: 30 (line 4)" in admin_import.report(report(1, (4,)), ENGLISH).text
    assert "Invalid: 30\n" in admin_import.report(report(1, ()), ENGLISH).text


def test_nothing_imported_leaves_nothing_to_undo() -> None:
    assert labels(admin_import.report(report(0), ENGLISH)) == []


def test_an_undone_import_says_what_could_not_be_taken_back() -> None:
    text = admin_import.undone(report().batch, 11_990, ENGLISH).text
    assert "Withdrawn: 11990" in text
    assert "Already sold or reserved: 10" in text
    assert "reserved: 0" in admin_import.undone(report(0).batch, 5, ENGLISH).text


def test_a_column_is_chosen_by_its_first_signs_only() -> None:
    masked = [["AB…", "<c…"]] * 3
    error = UnreadableFile(FileFault.CHOOSE_COLUMN, columns=500, preview=masked)
    view = admin_import.choose_column(error, LONGEST_SKU, 5, ENGLISH)
    assert labels(view)[:2] == ["Column 1: AB…", "Column 2: <c…"]
    assert len(labels(view)) == admin_import.COLUMNS_SHOWN
    assert fits(view)
    bare = UnreadableFile(FileFault.CHOOSE_COLUMN, columns=2)
    assert len(labels(admin_import.choose_column(bare, "G", 0, ENGLISH))) == 2


def test_each_delimiter_has_a_button() -> None:
    view = admin_import.choose_delimiter(LONGEST_SKU, ENGLISH)
    assert len(labels(view)) == len(admin_import.DELIMITERS)
    assert fits(view)


# --- Products and stock -----------------------------------------------------------------------


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_card_escapes_what_was_typed_and_has_a_button_for_each_field(language: str) -> None:
    typed = product(name=NASTY[:30], description=NASTY * 12, photo="F1", low_stock=3)
    view = admin_products.card(typed, variant(sku=LONGEST_SKU), texts(language))
    assert NASTY[:30] in shown(view.text).text
    assert fits(view)
    assert len(labels(view)) == 12 + 3
    plain = admin_products.card(in_category(), variant(name="Gold"), texts(language))
    assert "Space Game · Gold" in plain.text


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_card_shows_the_whole_price_list(language: str) -> None:
    listed = variant(prices={"XTR": 250, "CNY": 3517, "EUR": 452})
    text = shown(admin_products.card(product(), listed, texts(language)).text).text
    assert all(price in text for price in ("4.99", "250", "35.17", "4.52"))


def test_a_new_product_that_cannot_be_paid_says_how_to_change_that() -> None:
    unpayable = admin_products.added(product(), variant(), ENGLISH, can_be_paid=False)
    assert "/setproduct GAME-1 stars 250" in unpayable.text
    assert "/import GAME-1" in unpayable.text
    payable = admin_products.added(product(), variant(), ENGLISH, can_be_paid=True)
    assert "cannot be paid" not in payable.text


@pytest.mark.parametrize("purpose", list(buttons.Purpose))
def test_a_sku_is_chosen_from_pages(purpose: buttons.Purpose) -> None:
    view = admin_products.choose(Page([LONGEST_SKU] * 12, 1, more=True), purpose, ENGLISH)
    assert labels(view)[-2:] == ["‹ Back", "Next ›"]
    assert fits(view)
    nothing = admin_products.choose(Page([], 0, more=False), purpose, ENGLISH)
    assert "/newproduct" in nothing.text


def test_fields_with_a_choice_have_buttons_and_the_others_a_question() -> None:
    assert labels(admin_products.ask_value("G", "active", ENGLISH)) == ["For sale", "Not for sale"]
    assert labels(admin_products.ask_value("G", "kind", ENGLISH)) == ["keys"]
    assert "Stars" in admin_products.ask_value("G", "stars", ENGLISH).text
    assert "/cancel" in admin_products.ask_value("G", "name", ENGLISH).text


@pytest.mark.parametrize("field", list(FIELDS))
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_only_where_there_are_buttons_one_is_asked_to_choose(field: str, language: str) -> None:
    t = texts(language)
    asked = admin_products.ask_value("G", field, t)
    assert (t("Choose the new value.") in asked.text) is bool(labels(asked))


def test_stock_is_counted_by_state() -> None:
    count = StockCount("GAME-1", NASTY, 5, 4, 3, 2)
    view = admin_stock.stock(Page([count] * 10, 0, more=True), ENGLISH)
    assert "available: 5 · reserved: 4 · sold: 3 · withdrawn: 2" in view.text
    assert fits(view)
    assert "/newproduct" in admin_stock.stock(Page([], 0, more=False), ENGLISH).text


def test_a_withdrawal_tells_of_keys_that_could_not_be_withdrawn() -> None:
    assert "sold" not in admin_stock.withdrawn("G", 2, 2, ENGLISH).text
    assert "sold" in admin_stock.withdrawn("G", 1, 2, ENGLISH).text


# --- People and the log -----------------------------------------------------------------------


def test_names_never_come_without_the_id() -> None:
    people = [Customer(n, NASTY, role=Role.STOCK) for n in range(1, 16)]
    view = admin_people.admins(Page(people, 0, more=False), ENGLISH)
    message = shown(view.text)
    assert all(f"({n})" in message.text for n in range(1, 16))
    assert fits(view)


def test_a_full_page_of_the_log_fits_into_a_message() -> None:
    long: dict[str, str | int | None] = {f"field{n}": NASTY * 9 for n in range(5)}
    entries = [AuditEntry(NOON, 2**52, "set product", LONGEST_SKU, long, long)] * 15
    assert fits(admin_people.audit(Page(entries, 0, more=True), ENGLISH))


def test_the_log_says_before_and_after() -> None:
    entries = [
        AuditEntry(NOON, 9001, "set product", "G", {"stars": None}, {"stars": 250}),
        AuditEntry(NOON, 9001, "settled by hand", "N", {"exception": "twice"}),
        AuditEntry(NOON, 9001, "resend", "N"),
    ]
    text = str(admin_people.audit(Page(entries, 0, more=False), ENGLISH).text)
    assert "9001 · set product G · stars: – → 250" in text
    assert "exception: twice → –" in text
    assert text.endswith("resend N")
    assert "Nothing yet." in admin_people.audit(Page([], 0, more=False), ENGLISH).text


def test_an_appointment_is_said_with_the_id() -> None:
    assert "(6)" in admin_people.appointed(6, None, Role.STOCK, ENGLISH).text
    assert "no admin" in admin_people.appointed(5, Customer(5, "Ed"), None, ENGLISH).text
    stock = Customer(5, "Ed", role=Role.STOCK)
    assert "is now: stock" in admin_people.appointed(5, stock, Role.STOCK, ENGLISH).text


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("role", list(Role))
def test_the_menu_offers_what_the_role_may_do(role: Role, language: str) -> None:
    admin = Customer(1, "", role=role)
    view = admin_menu.menu(admin, texts(language))
    assert ("/refund" in view.text) is admin.may(Permission.MONEY)
    assert (buttons.Admins().pack() in data(view)) is admin.may(Permission.ADMINS)
    assert (buttons.Sales().pack() in data(view)) is admin.may(Permission.ORDERS)
    assert fits(view)
    export = admin_export.choose(admin, texts(language))
    assert (buttons.Export(what="keys").pack() in data(export)) is admin.may(Permission.STOCK)


# --- Forged buttons ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "packed"),
    [
        (buttons.Sales, "asl:all:99999999999999999999"),
        (buttons.Sales, "asl:all:-1"),
        (buttons.Skus, "aks:x:0"),
        (buttons.Stock, f"ast:{2**63}"),
        (buttons.Undo, f"au:{2**63}"),
        (buttons.Undo, "au:0"),
        (buttons.ImportInto, "ai:a\x00b"),
        (buttons.ImportInto, "ai:"),
        (buttons.Layout, "ac:GAME:-1:0"),
        (buttons.OpenFile, "ao:'; drop"),
        (buttons.Refund, f"arf:{NUMBER}:nonsense:1:0"),
        (buttons.AskPart, "apt:'; drop"),
        (buttons.Ban, "abn:0"),
        (buttons.Ban, f"abn:{2**60}"),
        (buttons.Handled, f"ah:{NUMBER}:"),
        (buttons.Appoint, f"aro:{2**60}:owner"),
        (buttons.Appoint, "aro:5:emperor"),
    ],
)
def test_forged_data_reads_as_an_expired_button(made: type[CallbackData], packed: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        made.unpack(packed)


@pytest.mark.parametrize(
    "button",
    [
        buttons.Refund(number=NUMBER, why=OrderException.TWICE, whole=True),
        buttons.Refund(number=NUMBER),
        buttons.Refund(number=NUMBER, whole=True, to_balance=True),
        buttons.AskPart(number=NUMBER),
        buttons.Ban(user_id=1001),
        buttons.Appoint(user_id=5, role=None),
        buttons.Menu(),
        buttons.Skus(purpose=buttons.Purpose.EDIT),
    ],
)
def test_buttons_come_back_as_they_were_made(button: CallbackData) -> None:
    assert type(button).unpack(button.pack()) == button


def test_prefixes_are_unique() -> None:
    made = [
        value
        for value in vars(buttons).values()
        if isinstance(value, type)
        and issubclass(value, CallbackData)
        and value is not CallbackData
    ]
    assert len({button.__prefix__ for button in made}) == len(made)
