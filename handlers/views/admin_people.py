"""Who may do what, and who did what."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from domain.catalog import Page
from domain.customers import Customer, Role
from domain.ports import AuditEntry
from handlers.texts import Texts
from handlers.views import admin_buttons as data
from handlers.views.admin_words import moment, or_cancel, pager, person, role
from handlers.views.length import clip
from handlers.views.view import View, button, lines

_VALUE: Final = 40  # units of a value in the audit log
_CHANGE: Final = 160  # units of all that an entry changed: fifteen entries fit into a message


def admins(page: Page[Customer], t: Texts) -> View:
    text = lines(
        t("<b>Admins</b>"),
        *(
            t("{person}: {role}", person=person(admin, admin.id), role=role(admin.role, t))
            for admin in page.items
        ),
        t("Appoint: /admins ID ROLE. Remove: /admins ID none."),
    )
    turn = pager(page, lambda number: data.Admins(page=number), t)
    appoint = [button(t.label("Appoint"), data.AskAdmin())]
    return View(text, [turn, appoint, [button(t.label("‹ Menu"), data.Menu())]])


def ask_user_id(t: Texts) -> View:
    question = t(
        "Whom? Send the numeric Telegram user id. Everybody sees their own with /support."
    )
    return View(or_cancel(question, t))


def by_id_only(t: Texts) -> View:
    """For names, forwarded messages and contacts."""
    return View(
        t(
            "Only the numeric user id will do. Names change hands, and forwarded messages and "
            "contacts can be made up."
        )
    )


def choose_role(user_id: int, t: Texts) -> View:
    choices: list[Role | None] = [*Role, None]
    rows = [
        [button(_choice(choice, t), data.Appoint(user_id=user_id, role=choice))]
        for choice in choices
    ]
    return View(
        lines(
            t("What shall {id} be?", id=user_id),
            t("owner: everything"),
            t("manager: everything but admins and the audit log"),
            t("stock: products and keys"),
            t("support: orders, without money"),
        ),
        rows,
    )


def no_such_role(word: str, t: Texts) -> View:
    known = ", ".join([*Role, "none"])
    return View(t("“{word}” is no role. One of: {known}", word=word[:32], known=known))


def appointed(user_id: int, customer: Customer | None, asked: Role | None, t: Texts) -> View:
    who = person(customer, user_id)
    if asked is None:
        return View(t("{person} is no admin any more.", person=who))
    return View(t("{person} is now: {role}", person=who, role=role(asked, t)))


def audit(page: Page[AuditEntry], t: Texts) -> View:
    text = lines(
        t("<b>Audit log</b>"),
        t("Nothing yet.") if not page.items else None,
        *(_entry(entry) for entry in page.items),
    )
    turn = pager(page, lambda number: data.Audit(page=number), t)
    return View(text, [turn, [button(t.label("‹ Menu"), data.Menu())]])


def _choice(choice: Role | None, t: Texts) -> str:
    return role(choice, t) if choice is not None else t.label("none: no admin any more")


def _entry(entry: AuditEntry) -> Markup:
    """The log's words stay as they are stored: they are searched for."""
    return Markup("{} · {} · {} {}{}").format(
        moment(entry.at), entry.actor_id, entry.action, entry.subject, _change(entry)
    )


def _change(entry: AuditEntry) -> str:
    before, after = entry.before or {}, entry.after or {}
    names = dict.fromkeys([*before, *after])
    changes = (_values(name, before, after) for name in names)
    return clip("".join(f" · {change}" for change in changes), _CHANGE)


def _values(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> str:
    if name not in before:
        return f"{name}: {_cut(after[name])}"
    if name not in after:
        return f"{name}: {_cut(before[name])} → –"
    return f"{name}: {_cut(before[name])} → {_cut(after[name])}"


def _cut(value: object) -> str:
    text = "–" if value is None else " ".join(str(value).split())
    return clip(text, _VALUE)


def how_to_ban(command: str, t: Texts) -> Markup:
    return t("Write /{command} and the buyer's id: an order's file shows it.", command=command)


def banned(customer: Customer | None, user_id: int, t: Texts, *, banned: bool) -> Markup:
    if customer is None:
        return t("Nobody with the id {user_id} was ever here.", user_id=user_id)
    whom = person(customer, user_id)
    if banned:
        return t(
            "{whom} may not buy any more. /unban {user_id} undoes it.", whom=whom, user_id=user_id
        )
    return t("{whom} may buy again.", whom=whom)
