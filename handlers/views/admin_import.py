"""An import, from the question for its file to its report."""

from collections.abc import Sequence
from typing import Final

from aiogram.types import InlineKeyboardButton
from markupsafe import Markup

from domain.errors import UnreadableFile
from domain.importing import Report
from domain.stock import Batch
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views.admin_words import or_cancel
from handlers.views.view import View, button, lines

# What may split a line, by the number that a button carries, from 1. The last one cannot stand
# in a key: with it, the whole line is one.
DELIMITERS: Final = (",", ";", "\t", "|", "\x1f")
COLUMNS_SHOWN: Final = 24


def ask_keys(sku: str, t: Texts) -> View:
    question = t(
        "Send the keys for {sku}: a .txt, .csv or .xlsx file, or a message with one key a line.",
        sku=sku,
    )
    return View(or_cancel(question, t))


def reading(name: str, t: Texts) -> View:
    return View(t("Reading {name} …", name=name))


def progress(count: int, t: Texts) -> View:
    return View(t("Read {count} lines …", count=count))


def report(found: Report, t: Texts) -> View:
    """Exactly one message of an import is this."""
    return View(
        lines(
            *_counts(found.batch, found.invalid_lines, t),
            t("You may delete the message with the keys now.") if found.batch.imported else None,
        ),
        [[undo(found.batch.id, t)]] if found.batch.imported else (),
    )


def undone(batch: Batch, count: int, t: Texts) -> View:
    """`count` keys went off sale; of the others nobody can say more than that they were not."""
    kept = max(batch.imported - count, 0)
    return View(
        lines(
            *_counts(batch, (), t),
            t(
                "<b>Undone.</b> Withdrawn: {count}. Already sold or reserved: {kept}.",
                count=count,
                kept=kept,
            ),
        )
    )


def undo(batch_id: int, t: Texts) -> InlineKeyboardButton:
    return button(t.label("Undo"), data.Undo(batch=batch_id))


def choose_column(error: UnreadableFile, sku: str, delimiter: int, t: Texts) -> View:
    """Which column holds the keys; only the first signs of each cell are shown."""
    shown = min(error.columns, COLUMNS_SHOWN)
    heads = error.preview[0] if error.preview else ()
    buttons = [
        button(
            t.label("Column {n}: {start}", n=n, start=heads[n - 1] if n <= len(heads) else "…"),
            data.Layout(sku=sku, column=n, delimiter=delimiter),
        )
        for n in range(1, shown + 1)
    ]
    rows = [Markup(" | ").join(row[:shown]) for row in error.preview]
    return View(
        lines(t("Which column of the file holds the keys? It begins like this:"), *rows),
        [buttons[i : i + 2] for i in range(0, len(buttons), 2)],
    )


def choose_delimiter(sku: str, t: Texts) -> View:
    labels = [
        t.label("Comma ,"),
        t.label("Semicolon ;"),
        t.label("Tab"),
        t.label("Bar |"),
        t.label("Nothing: each line is a key"),
    ]
    return View(
        t("What stands between the columns of the file?"),
        [
            [button(label, data.Layout(sku=sku, column=0, delimiter=n))]
            for n, label in enumerate(labels, 1)
        ],
    )


def too_big(sku: str, t: Texts) -> View:
    return View(
        t(
            "Telegram gives bots no files over 20 MB. Copy it to the server and run there: "
            "keystall import {sku} FILE",
            sku=sku,
        )
    )


def not_fetched(t: Texts) -> View:
    return View(t("Telegram did not give me the file. Nothing was imported; send it again."))


def gone(t: Texts) -> str:
    """A pop-up: the button's question has outlived its file."""
    return t.label("The message with the keys is gone. Send them again with /import.")


def under_way(t: Texts) -> str:
    return t.label("This import is under way already.")


def interrupted(t: Texts) -> View:
    return View(
        t(
            "The import was interrupted. Send the same file again: what was imported before "
            "counts as duplicates."
        )
    )


def _counts(batch: Batch, invalid_lines: Sequence[int], t: Texts) -> list[Markup]:
    numbers = ", ".join(map(str, invalid_lines))
    where = Markup()
    if numbers:
        where = Markup(" ") + t.plural(
            "(line {numbers})", "(lines {numbers})", len(invalid_lines), numbers=numbers
        )
    return [
        t("<b>{name}</b> into <b>{sku}</b>", name=batch.source, sku=batch.sku),
        t("Imported: {count}", count=batch.imported),
        t("Duplicates: {count}", count=batch.duplicates),
        t("Invalid: {count}{where}", count=batch.invalid, where=where),
    ]
