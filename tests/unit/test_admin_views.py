"""What admins are shown: whole, escaped, within Telegram's limits, in every language."""

import itertools
from datetime import timedelta

import pytest
from aiogram.filters.callback_data import CallbackData

from domain.catalog import Page
from domain.customers import Customer, Permission, Role
from domain.delivery import Alert
from domain.errors import FileFault, UnreadableFile
from domain.importing import Report
from domain.messages import Note, Topic
from domain.money import Money
from domain.orders import Order, OrderException, OrderStatus
from domain.payments import Payment, Refund, RefundStatus
from domain.ports import AuditEntry
from domain.reviewing import File
from domain.settlement import Outcome
from domain.stock import Batch, StockCount
from handlers.texts import LANGUAGES, texts
from handlers.views import admin_buttons as buttons
from handlers.views import (
    admin_export,
    admin_import,
    admin_menu,
    admin_people,
    admin_products,
    admin_sales,
    admin_settling,
    admin_stock,
)
from handlers.views.alerts import alert
from handlers.views.length import TEXT
from handlers.views.view import View
from tests.unit.views import (
    NOON,
    NUMBER,
    attempt,
    data,
    in_category,
    labels,
    order,
    product,
    shown,
    variant,
)

ENGLISH = texts("en")
NASTY = "<b>&" + "💥" * 60
OWNER = Customer(9001, "Olga", role=Role.OWNER)
LONGEST_SKU = "S" * 32


def payment() -> Payment:
    return Payment(
        id=5,
        order_id=1,
        provider="stars",
        account="42",
        live=True,
        external_id="tx-1",
        attempt_number=f"{NUMBER}01",
        amount=Money(500, "XTR"),
        received_at=NOON + timedelta(minutes=1),
    )


def refund(status: RefundStatus) -> Refund:
    return Refund(
        number=f"{NUMBER}R01",
        provider="stars",
        external_id="tx-1",
        attempt_number=f"{NUMBER}01",
        buyer_id=1001,
        amount=Money(500, "XTR"),
        reason="",
        order_id=1,
        payment_id=5,
        status_before=OrderStatus.PAID,
        status=status,
    )


def file_of(of: Order, *, paid: bool = True, refunds: list[Refund] | None = None) -> File:
    buyer = Customer(1001, NASTY)
    return File(of, buyer, [attempt()] * 9, [payment()] if paid else [], refunds or [])


def review(why: OrderException, of: Order, reader: Customer = OWNER) -> Alert:
    facts: dict[str, str | int] = {"why": why, "provider": "stars", "amount": "500 XTR"}
    return Alert(Note(Topic.REVIEW, reader.id, 1, facts), of, reader)


def fits(view: View) -> bool:
    message = shown(view.text)
    sizes = [len(packed.encode()) for packed in data(view)]
    return message.units <= TEXT and message.codes == [] and all(size <= 64 for size in sizes)


# --- Alerts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize(("status", "why"), list(itertools.product(OrderStatus, OrderException)))
def test_every_odd_order_is_told_of_with_its_number_and_can_be_opened(
    status: OrderStatus, why: OrderException, language: str
) -> None:
    view = alert(review(why, order(status=status, exception=why)), texts(language))
    assert NUMBER in shown(view.text).text
    assert "500" in view.text
    assert buttons.OpenFile(number=NUMBER).pack() in data(view)
    assert fits(view)


@pytest.mark.parametrize(
    ("why", "status", "expected"),
    [
        (OrderException.LATE, OrderStatus.EXPIRED, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.LATE, OrderStatus.PAID, ["Handled"]),
        (OrderException.UNDER, OrderStatus.PENDING, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.OVER, OrderStatus.PAID, ["Handled"]),
        (OrderException.TWICE, OrderStatus.DELIVERED, ["Refund", "Handled"]),
        (OrderException.MISMATCH, OrderStatus.PENDING, ["Deliver anyway", "Refund", "Handled"]),
        (OrderException.UNDELIVERABLE, OrderStatus.PAID, ["Resend", "Refund", "Handled"]),
    ],
)
def test_an_alert_offers_what_settles_it(
    why: OrderException, status: OrderStatus, expected: list[str]
) -> None:
    view = alert(review(why, order(status=status, exception=why)), ENGLISH)
    assert labels(view) == [*expected, "Open"]


def test_an_alert_that_was_settled_before_it_arrived_offers_nothing_more() -> None:
    settled = order(status=OrderStatus.DELIVERED, exception=None)
    assert labels(alert(review(OrderException.TWICE, settled), ENGLISH)) == ["Open"]


def test_goods_that_are_stuck_are_resent_though_the_money_is_odd_as_well() -> None:
    both = order(status=OrderStatus.PAID, exception=OrderException.TWICE)
    view = alert(review(OrderException.UNDELIVERABLE, both), ENGLISH)
    assert labels(view) == ["Resend", "Open"]
    assert data(view)[0] == buttons.Resend(number=NUMBER, why=OrderException.TWICE).pack()


def test_nobody_is_offered_what_their_role_forbids() -> None:
    late = order(status=OrderStatus.EXPIRED, exception=OrderException.LATE)
    support = Customer(1, "", role=Role.SUPPORT)
    assert labels(alert(review(OrderException.LATE, late, support), ENGLISH)) == ["Open"]
    away = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    told = alert(review(OrderException.UNDELIVERABLE, away, support), ENGLISH)
    assert labels(told) == ["Resend", "Handled", "Open"]
    stock = Customer(2, "", role=Role.STOCK)
    assert labels(alert(review(OrderException.LATE, late, stock), ENGLISH)) == []


def test_a_failed_delivery_says_why() -> None:
    away = order(status=OrderStatus.PAID, exception=OrderException.UNDELIVERABLE)
    said = set()
    for error in ["BlockedByBuyer", "ChatNotFound", "TelegramAway", "Refused", "no outcome", ""]:
        facts: dict[str, str | int] = {"why": "undeliverable", "error": error}
        note = Note(Topic.REVIEW, OWNER.id, 1, facts)
        said.add(str(alert(Alert(note, away, OWNER), ENGLISH).text))
    assert len(said) == 6


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_a_payment_for_no_order_names_all_that_is_known(language: str) -> None:
    facts: dict[str, str | int] = {
        "provider": "epay",
        "number": "NOBODYS01",
        "transaction": "tx-<9>",
        "amount": "4.99 USD",
    }
    view = alert(Alert(Note(Topic.PAYMENT, OWNER.id, facts=facts), None, OWNER), texts(language))
    text = shown(view.text).text
    assert all(str(fact) in text for fact in facts.values())


def stock_alert(level: str, reader: Customer = OWNER) -> View:
    facts: dict[str, str | int] = {"sku": "GAME-1", "title": NASTY, "level": level, "left": 4}
    return alert(Alert(Note(Topic.STOCK, reader.id, facts=facts), None, reader), ENGLISH)


def test_low_stock_and_sold_out_are_told_apart_and_lead_to_an_import() -> None:
    low, out = stock_alert("low"), stock_alert("out")
    assert "Low stock" in low.text
    assert "left: 4" in low.text
    assert "Sold out" in out.text
    assert data(low) == data(out) == [buttons.ImportInto(sku="GAME-1").pack()]
    assert NASTY in shown(low.text).text
    assert labels(stock_alert("low", Customer(1, "", role=Role.SUPPORT))) == []


def test_an_import_that_was_cut_off_can_be_undone_or_sent_again() -> None:
    facts: dict[str, str | int] = {"batch": 3, "sku": "GAME-1", "file": "<keys>.txt"}
    view = alert(Alert(Note(Topic.IMPORT, OWNER.id, facts=facts), None, OWNER), ENGLISH)
    assert "<keys>.txt" in shown(view.text).text
    assert labels(view) == ["Undo", "Import keys"]


def test_a_note_that_nobody_knows_is_shown_all_the_same() -> None:
    view = alert(Alert(Note(Topic.REVIEW, OWNER.id), None, OWNER), ENGLISH)
    assert "/sales review" in view.text


# --- Orders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("status", list(OrderStatus))
def test_a_file_fits_and_offers_nothing_that_cannot_be_done(
    status: OrderStatus, language: str
) -> None:
    found = file_of(order(status=status, paid_at=NOON), refunds=[refund(RefundStatus.FAILED)])
    view = admin_sales.file(found, OWNER, texts(language))
    assert fits(view)
    prefixes = {packed.partition(":")[0] for packed in data(view)}
    assert ("ad" in prefixes) is found.order.can_be_paid
    assert ("ars" in prefixes) is found.order.is_paid
    assert "arq" in prefixes


def test_what_was_given_back_is_not_offered_again() -> None:
    done = order(status=OrderStatus.REFUNDED)
    view = admin_sales.file(file_of(done, refunds=[refund(RefundStatus.DONE)]), OWNER, ENGLISH)
    assert labels(view) == ["‹ Orders"]
    open_one = file_of(done, refunds=[refund(RefundStatus.REQUESTED)])
    assert "Refund …" in labels(admin_sales.file(open_one, OWNER, ENGLISH))


def test_the_refund_of_an_order_that_was_paid_twice_asks_which() -> None:
    twice = order(status=OrderStatus.PAID, exception=OrderException.TWICE)
    asked = admin_settling.confirm_refund(file_of(twice), ENGLISH)
    assert labels(asked)[0] == "Only the payment that is too many"
    once = admin_settling.confirm_refund(file_of(order(status=OrderStatus.PAID)), ENGLISH)
    assert labels(once) == ["Refund everything", "‹ Order"]


def test_sales_are_listed_with_their_marks_and_turned_by_page() -> None:
    odd = order(exception=OrderException.UNDER)
    view = admin_sales.sales(Page([odd] * 10, 3, more=True), "review", ENGLISH)
    assert "⚠ paid too little" in view.text
    assert buttons.Sales(which="review", page=2).pack() in data(view)
    assert buttons.Sales(which="review", page=4).pack() in data(view)
    assert fits(view)


@pytest.mark.parametrize("which", ["all", "review", *OrderStatus])
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_an_empty_list_says_so(which: str, language: str) -> None:
    t = texts(language)
    view = admin_sales.sales(Page([], 0, more=False), which, t)
    assert t("None.") in view.text
    assert buttons.Sales(which=which).pack() not in data(view)


def test_every_outcome_of_a_confirmation_has_its_sentence() -> None:
    assert all(admin_settling.confirmed(outcome, ENGLISH) for outcome in Outcome)


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
    view = admin_products.card(typed, variant(sku=LONGEST_SKU, stars=250), texts(language))
    assert NASTY[:30] in shown(view.text).text
    assert fits(view)
    assert len(labels(view)) == 11 + 3
    plain = admin_products.card(in_category(), variant(name="Gold"), texts(language))
    assert "Space Game · Gold" in plain.text


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
        (buttons.Refund, f"arf:{NUMBER}:nonsense:1"),
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
