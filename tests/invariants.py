"""What holds in every shop at every moment, looked up in its database."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ledger import BALANCE, GOODS, HELD
from domain.orders import OrderStatus
from domain.stock import SealedKey
from storage import tables
from storage.unit_of_work import Database
from storage.vault import Vault

Row = Mapping[str, Any]  # a table's columns are known at run time only
Sums = Counter[tuple[Any, ...]]

_EARNED: Final = {
    OrderStatus.PAID,
    OrderStatus.DELIVERED,
    OrderStatus.SHIPPED,
    OrderStatus.COMPLETED,
}
_HAS_KEYS: Final = _EARNED | {OrderStatus.REFUNDING, OrderStatus.REFUNDED}
_WITH_ORDER: Final = {"reserved", "sold", "quarantined"}


class Sent(NamedTuple):
    """One hand-over as it arrived in a chat."""

    chat_id: int
    number: str
    keys: tuple[str, ...]


class _Books(NamedTuple):
    """Every row that the invariants speak of."""

    orders: dict[int, Row]
    lines: list[Row]
    keys: list[Row]
    attempts: list[Row]
    payments: dict[int, Row]
    ledger: list[Row]
    refunds: list[Row]
    outbox: list[Row]
    audit: list[Row]


async def check(database: Database, vault: Vault, sent: Sequence[Sent] | None = None) -> None:
    """Raise AssertionError, which names the invariant and never a key.

    `sent` is the record of what reached the chats, where a test keeps one.
    """
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # one moment's picture of all tables
            await connection.execution_options(isolation_level="REPEATABLE READ")
        books = await _read(connection)
    _i1_one_key_one_order(books, vault)
    _i2_keys_are_as_many_as_paid_for(books)
    _i3_ledger_balances(books)
    _i3_orders_earn_their_price(books)
    _i4_paid_is_delivered_or_seen(books)
    _i4_held_money_is_seen(books)
    if sent is not None:
        _i2_sent_is_what_was_sold(books, vault, sent)
        _i5_repeats_are_identical(sent)


async def _read(connection: AsyncConnection) -> _Books:
    return _Books(
        orders=await _by_id(connection, tables.orders),
        lines=await _rows(connection, tables.order_lines),
        keys=await _rows(connection, tables.card_keys),
        attempts=await _rows(connection, tables.attempts),
        payments=await _by_id(connection, tables.payments),
        ledger=await _rows(connection, tables.ledger),
        refunds=await _rows(connection, tables.refunds),
        outbox=await _rows(connection, tables.outbox),
        audit=await _rows(connection, tables.audit_log),
    )


async def _rows(connection: AsyncConnection, table: sa.Table) -> list[Row]:
    found = await connection.execute(sa.select(table).order_by(*table.primary_key))
    return [dict(row._mapping) for row in found]


async def _by_id(connection: AsyncConnection, table: sa.Table) -> dict[int, Row]:
    return {row["id"]: row for row in await _rows(connection, table)}


def _i1_one_key_one_order(books: _Books, vault: Vault) -> None:
    marks = Counter(row["fingerprint"] for row in books.keys)
    assert not [mark for mark, count in marks.items() if count > 1], "I1: a key is stored twice"
    for row in books.keys:
        mark = vault.fingerprint(_plain(vault, row))
        assert mark == row["fingerprint"], f"I1: key {row['id']} is not the one it is known as"
        owned = row["order_id"] is not None
        assert owned == (row["status"] in _WITH_ORDER), f"I1: key {row['id']} contradicts itself"
        if owned:
            _i1_order_may_have(books.orders[row["order_id"]], row)


def _i1_order_may_have(order: Row, key: Row) -> None:
    allowed = {OrderStatus.PENDING} if key["status"] == "reserved" else _HAS_KEYS
    assert order["status"] in allowed, (
        f"I1: order {order['number']} is {order['status']} and has a {key['status']} key"
    )


def _i2_keys_are_as_many_as_paid_for(books: _Books) -> None:
    has = Counter((row["order_id"], row["variant_id"]) for row in books.keys)
    with_keys = {row["order_id"] for row in books.keys}
    waited_in_vain = {  # for goods; their money went back instead
        order_id
        for order_id, order in books.orders.items()
        if order["status"] in {"refunding", "refunded"} and order_id not in with_keys
    }
    for line in books.lines:
        order = books.orders[line["order_id"]]
        waits = order["exception"] == "short" or order["id"] in waited_in_vain
        holds = order["status"] in _HAS_KEYS | {OrderStatus.PENDING} and not waits
        expected = line["quantity"] if holds else 0
        count = has.pop((line["order_id"], line["variant_id"]), 0)
        assert count == expected, f"I2: order {order['number']} has {count} of {expected} keys"
    left = {order_id for order_id, _ in has if order_id is not None}
    assert not left, f"I2: orders {left} have keys that they did not ask for"


def _i2_sent_is_what_was_sold(books: _Books, vault: Vault, sent: Sequence[Sent]) -> None:
    by_number = {row["number"]: row for row in books.orders.values()}
    sold: defaultdict[int, list[str]] = defaultdict(list)
    for row in books.keys:
        if row["status"] == "sold":
            sold[row["order_id"]].append(_plain(vault, row))
    for item in sent:
        order = by_number[item.number]
        assert item.chat_id == order["buyer_id"], f"I2: {item.number} went to a stranger"
        same = list(item.keys) == sold[order["id"]]
        assert same, f"I2: {item.number} was handed over other keys than it was sold"


def _i3_ledger_balances(books: _Books) -> None:
    per_payment = _sums(books.ledger, lambda row: (row["payment_id"], row["currency"]))
    odd = sorted({key[0] for key, amount in per_payment.items() if amount})
    assert not odd, f"I3: the postings of payments {odd} do not sum to zero"
    arrived = [row for row in books.payments.values() if row["provider"] != BALANCE]
    held = _sums(arrived, lambda row: (row["provider"], row["currency"]))
    for refund in books.refunds:
        payment = books.payments[refund["payment_id"]]
        if refund["status"] == "done" and refund["origin"] != "balance":
            held[payment["provider"], refund["currency"]] -= refund["amount"]
    for row in books.ledger:  # money of no order went back: what was held is with nobody
        payment = books.payments[row["payment_id"]]
        if row["account"] == HELD and row["amount"] < 0 and payment["order_id"] is None:
            held[payment["provider"], row["currency"]] += row["amount"]
    booked = _sums(books.ledger, lambda row: (row["account"], row["currency"]))
    for (provider, currency), amount in held.items():
        if provider != BALANCE:
            found = -booked[f"provider:{provider}", currency]
            assert found == amount, (
                f"I3: {provider} holds {amount} {currency}, the ledger has {found}"
            )
    _i3_balances_are_not_overdrawn(books, booked)


def _i3_balances_are_not_overdrawn(books: _Books, booked: Sums) -> None:
    """Unless a provider took money back that its buyer had spent."""
    taken = any(row["origin"] in {"desk", "dispute"} for row in books.refunds)
    for (account, currency), amount in booked.items():
        if str(account).startswith("customer:") and not taken:
            assert amount >= 0, f"I3: {account} is {amount} {currency}"


def _i3_orders_earn_their_price(books: _Books) -> None:
    earned: defaultdict[int | None, Sums] = defaultdict(Counter)
    for row in _of(books, GOODS):
        earned[row["for_order"]][row["currency"],] += row["amount"]
    by_hand = _done_by_hand(books, "fulfil")
    in_part = {row["order_id"] for row in books.refunds if row["status"] == "done"}
    for order_id, order in books.orders.items():
        found = +earned[order_id]
        if order["kind"] == "topup":
            assert not found, f"I3: the top-up {order['number']} earned money"
        elif order["status"] == OrderStatus.REFUNDING and order_id in in_part:
            continue  # one of several payments is on its way, one is back
        elif order["status"] in _EARNED | {OrderStatus.REFUNDING}:
            prices = _prices(books, order)
            fair = order["number"] in by_hand or found in prices
            if order_id in in_part:
                fair = fair or any(found <= price for price in prices)
            assert fair, f"I3: order {order['number']} did not earn its price"
        else:
            disputed = any(  # and won perhaps: the money is here again
                row["order_id"] == order_id and row["origin"] == "dispute" for row in books.refunds
            )
            assert not found or disputed, (
                f"I3: order {order['number']} is {order['status']} and earned money"
            )


def _prices(books: _Books, order: Row) -> list[Sums]:
    """What the order may have earned: an attempt's amount with the balance's part, or all of its
    total from the balance.
    """
    prices: list[Sums] = [Counter({(order["currency"],): order["total"]})]
    for attempt in books.attempts:
        if attempt["order_id"] == order["id"]:
            price: Sums = Counter({(attempt["currency"],): attempt["amount"]})
            price[order["currency"],] += attempt["from_balance"]
            prices.append(+price)
    return prices


def _i4_paid_is_delivered_or_seen(books: _Books) -> None:
    waiting = {
        row["order_id"]
        for row in books.outbox
        if row["topic"] == "goods" and row["status"] == "pending"
    }
    given_up = {
        row["subject"]
        for row in books.audit
        if row["action"] == "settled by hand" and row["before"] == {"exception": "undeliverable"}
    }
    for order_id, order in books.orders.items():
        if order["number"] in given_up:
            continue  # a person has seen that the goods do not arrive
        stuck = order["status"] == OrderStatus.PAID and order_id not in waiting
        assert not stuck or order["exception"], (
            f"I4: order {order['number']} is paid and forgotten"
        )


def _i4_held_money_is_seen(books: _Books) -> None:
    held = _sums(_of(books, HELD), lambda row: (row["for_order"], row["currency"]))
    dismissed = _done_by_hand(books, "settled by hand")
    for (order_id, currency), amount in held.items():
        assert amount >= 0, f"I3: order {order_id} holds {amount} {currency}"
        if not amount or order_id is None:
            continue
        order = books.orders[order_id]
        going_back = any(
            row["order_id"] == order_id and row["status"] == "requested" for row in books.refunds
        )
        aside = order["status"] == OrderStatus.PENDING and order["from_balance"] >= amount
        seen = order["exception"] or order["number"] in dismissed or going_back or aside
        assert seen, f"I4: {amount} {currency} of order {order['number']} are held and forgotten"
    _i4_orphans_are_told_of(books)


def _i4_orphans_are_told_of(books: _Books) -> None:
    told = {row["facts"].get("transaction") for row in books.outbox if row["topic"] == "payment"}
    reports = str([row["facts"] for row in books.outbox if row["topic"] == "report"])
    lost = [
        row["id"]
        for row in books.payments.values()
        if row["order_id"] is None
        and row["external_id"] not in told
        and row["external_id"] not in reports
    ]
    assert not lost, f"I4: nobody was told of the payments {lost}"


def _i5_repeats_are_identical(sent: Sequence[Sent]) -> None:
    first: dict[tuple[int, str], Sent] = {}
    for item in sent:
        known = first.setdefault((item.chat_id, item.number), item)
        assert known == item, f"I5: {item.number} was handed over twice, not alike"


def _of(books: _Books, account: str) -> list[Row]:
    """An account's postings, each with the order that its payment is for by now."""
    return [
        {**row, "for_order": books.payments[row["payment_id"]]["order_id"]}
        for row in books.ledger
        if row["account"] == account
    ]


def _sums(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> Sums:
    sums: Sums = Counter()
    for row in rows:
        sums[key(row)] += row["amount"]
    return sums


def _done_by_hand(books: _Books, action: str) -> set[str]:
    return {row["subject"] for row in books.audit if row["action"] == action}


def _plain(vault: Vault, row: Row) -> str:
    sealed = SealedKey(*(row[name] for name in SealedKey._fields))
    return vault.open(sealed).reveal()


def plaintext_in(text: str | bytes, planted: Iterable[str]) -> int:
    """I6: how many of the planted secrets stand in a text or a dump."""
    data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    return sum(secret.encode() in data for secret in planted)


async def dump(database: Database) -> bytes:
    """Every value of every table, for `plaintext_in`."""
    parts: list[bytes] = []
    async with database.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            for row in await _rows(connection, table):
                parts.extend(_bytes(value) for value in row.values())
    return b"\n".join(parts)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
