"""The tables. Statements over them are SQLAlchemy Core; rows become domain objects by hand."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC times; SQLite gives back naive ones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


# SQLite counts only columns of type INTEGER up by itself.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _money(prefix: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column(f"{prefix}", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
    )


data_keys = sa.Table(
    "data_keys",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("purpose", sa.String(16), primary_key=True),  # "cipher" or "fingerprint"
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

categories = sa.Table(
    "categories",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
)

products = sa.Table(
    "products",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("category_id", sa.ForeignKey("categories.id"), index=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("photo", sa.String(200)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("least", sa.Integer, nullable=False),
    sa.Column("most", sa.Integer, nullable=False),
    sa.Column("low_stock", sa.Integer),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),  # case-folded, for typed searches
    sa.CheckConstraint("least >= 1 AND most >= least", name="quantities"),
)

variants = sa.Table(
    "variants",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("product_id", sa.ForeignKey("products.id"), nullable=False, index=True),
    sa.Column("sku", sa.String(32), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    *_money("price"),
    sa.Column("prices", Json, nullable=False),  # what it costs in other currencies
    sa.Column("stock_level", sa.String(8), nullable=False),
    sa.CheckConstraint("price > 0", name="price"),
)
sa.Index("uq_variants_sku", sa.func.lower(variants.c.sku), unique=True)

customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(129), nullable=False),
    sa.Column("username", sa.String(64)),
    sa.Column("language", sa.String(8)),
    sa.Column("telegram_language", sa.String(16)),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("banned", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

admins = sa.Table(
    "admins",
    metadata,
    sa.Column("user_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("role", sa.String(16), nullable=False),
)

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("buyer_id", sa.BigInteger, nullable=False),
    sa.Column("request_id", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("exception", sa.String(16)),
    *_money("total"),
    sa.Column("from_balance", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("reserved_until", UtcDateTime, nullable=False),
    sa.Column("paid_at", UtcDateTime),
    sa.Column("message_id", sa.BigInteger),
    sa.UniqueConstraint("buyer_id", "request_id"),
)
sa.Index(
    "ix_orders_pending",
    orders.c.reserved_until,
    postgresql_where=orders.c.status == "pending",
    sqlite_where=orders.c.status == "pending",
)
sa.Index(
    "ix_orders_exception",
    orders.c.id,
    postgresql_where=orders.c.exception.isnot(None),
    sqlite_where=orders.c.exception.isnot(None),
)

order_lines = sa.Table(
    "order_lines",
    metadata,
    sa.Column("order_id", sa.ForeignKey("orders.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("variant_id", sa.ForeignKey("variants.id"), nullable=False),
    sa.Column("sku", sa.String(32), nullable=False),
    sa.Column("title", sa.String(160), nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    *_money("unit_price"),
    sa.Column("prices", Json, nullable=False),
    sa.CheckConstraint("quantity > 0", name="quantity"),
)

key_batches = sa.Table(
    "key_batches",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("variant_id", sa.ForeignKey("variants.id"), nullable=False),
    sa.Column("source", sa.String(255), nullable=False),
    sa.Column("created_by", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("undone_at", UtcDateTime),
    sa.Column("imported", sa.Integer, nullable=False),
    sa.Column("duplicates", sa.Integer, nullable=False),
    sa.Column("invalid", sa.Integer, nullable=False),
    sqlite_autoincrement=True,  # a batch's id is part of its keys' ids: never give one twice
)

card_keys = sa.Table(
    "card_keys",
    metadata,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("variant_id", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("fingerprint", sa.LargeBinary(16), nullable=False, unique=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("order_id", sa.ForeignKey("orders.id")),
    sa.CheckConstraint(
        "(status IN ('available', 'withdrawn', 'expired') AND order_id IS NULL) OR "
        "(status IN ('reserved', 'sold', 'quarantined') AND order_id IS NOT NULL)",
        name="owner",
    ),
)
_available = card_keys.c.status == sa.literal_column("'available'")
sa.Index(
    "ix_card_keys_available",
    card_keys.c.variant_id,
    card_keys.c.id,
    postgresql_where=_available,
    sqlite_where=_available,
)
sa.Index(
    "ix_card_keys_order",
    card_keys.c.order_id,
    postgresql_where=card_keys.c.order_id.isnot(None),
    sqlite_where=card_keys.c.order_id.isnot(None),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("orders.id"), nullable=False, index=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("provider", sa.String(16), nullable=False),
    sa.Column("account", sa.String(128), nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    *_money("amount"),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("from_balance", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("checkout", Json),
    sa.Column("confirming", Json),  # [seen, needed]
    sa.Column("poll_at", UtcDateTime),
    sa.Column("poll_count", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
sa.Index(
    "ix_attempts_poll",
    attempts.c.poll_at,
    postgresql_where=attempts.c.poll_at.isnot(None),
    sqlite_where=attempts.c.poll_at.isnot(None),
)

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("order_id", sa.ForeignKey("orders.id"), index=True),
    sa.Column("provider", sa.String(16), nullable=False),
    sa.Column("account", sa.String(128), nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),
    sa.Column("external_id", sa.String(255), nullable=False),
    sa.Column("attempt_number", sa.String(64), nullable=False),
    *_money("amount"),
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("adopted", sa.Boolean, nullable=False),  # its order was found only later
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("provider", "account", "external_id"),
    sa.CheckConstraint("amount > 0", name="amount"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("payment_id", sa.ForeignKey("payments.id"), nullable=False, index=True),
    sa.Column("order_id", sa.ForeignKey("orders.id"), index=True),
    sa.Column("account", sa.String(64), nullable=False),
    sa.Column("customer_id", sa.BigInteger),  # whose balance the account is
    *_money("amount"),
    sa.Column("at", UtcDateTime, nullable=False),
)
sa.Index(
    "ix_ledger_customer",
    ledger.c.customer_id,
    postgresql_where=ledger.c.customer_id.isnot(None),
    sqlite_where=ledger.c.customer_id.isnot(None),
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("order_id", sa.ForeignKey("orders.id"), nullable=False, index=True),
    sa.Column("payment_id", sa.ForeignKey("payments.id"), nullable=False),
    *_money("amount"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("status_before", sa.String(12), nullable=False),
    sa.Column("origin", sa.String(8), nullable=False),
    sa.Column("desk_id", sa.String(255), nullable=False),
    sa.Column("claim", sa.String(500)),
    sa.Column("taken", Json),  # [[account, amount], …]
    sa.Column("due_at", UtcDateTime),
    sa.Column("leased_until", UtcDateTime),
    sa.Column("try_count", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
)
sa.Index(
    "ix_refunds_due",
    refunds.c.due_at,
    postgresql_where=refunds.c.due_at.isnot(None),
    sqlite_where=refunds.c.due_at.isnot(None),
)

# Refunds that were told of before their payment was.
early_returns = sa.Table(
    "early_returns",
    metadata,
    sa.Column("provider", sa.String(16), primary_key=True),
    sa.Column("account", sa.String(128), primary_key=True),
    sa.Column("external_id", sa.String(255), primary_key=True),  # the payment's
    sa.Column("refund_id", sa.String(255), primary_key=True),  # empty: a sum of all
    sa.Column("disputed", sa.Boolean, primary_key=True),
    *_money("amount"),
    sa.Column("told_at", UtcDateTime, nullable=False),
)

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("provider", sa.String(16), primary_key=True),
    sa.Column("trouble", sa.String(16), primary_key=True),
    sa.Column("raised_at", UtcDateTime, nullable=False),
)

chores = sa.Table(
    "chores",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("due_at", UtcDateTime, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("topic", sa.String(16), nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("chat_id", sa.BigInteger),
    sa.Column("order_id", sa.ForeignKey("orders.id"), index=True),
    sa.Column("facts", Json, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("sent_parts", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("done_at", UtcDateTime),
    sa.Column("error", sa.String(200)),
)
_waiting = outbox.c.status == sa.literal_column("'pending'")
sa.Index(
    "ix_outbox_waiting",
    outbox.c.priority,
    outbox.c.due_at,
    postgresql_where=_waiting,
    sqlite_where=_waiting,
)
sa.Index(
    "ix_outbox_failed",
    outbox.c.chat_id,
    postgresql_where=outbox.c.status == "failed",
    sqlite_where=outbox.c.status == "failed",
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_id", sa.BigInteger, nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("before", Json),
    sa.Column("after", Json),
)
