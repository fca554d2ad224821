"""Price lists, balances, attempts that are asked about, refunds in parts."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _price_lists()
    _add("orders", "kind", sa.String(12), "normal")
    _add("orders", "from_balance", sa.BigInteger(), "0")
    _add("attempts", "from_balance", sa.BigInteger(), "0")
    _add("attempts", "poll_count", sa.Integer(), "0")
    op.add_column("attempts", sa.Column("confirming", JSON))
    op.add_column("attempts", sa.Column("poll_at", TIME))
    _index("attempts", "poll", "poll_at")
    op.add_column("ledger", sa.Column("customer_id", sa.BigInteger()))
    op.execute(
        "UPDATE ledger SET customer_id = CAST(substr(account, 10) AS BIGINT) "
        "WHERE substr(account, 1, 9) = 'customer:'"
    )
    _index("ledger", "customer", "customer_id")
    _add("refunds", "origin", sa.String(8), "shop")
    _add("refunds", "desk_id", sa.String(255), "")
    _add("refunds", "try_count", sa.Integer(), "1")
    op.add_column("refunds", sa.Column("claim", sa.String(500)))
    op.add_column("refunds", sa.Column("taken", JSON))
    op.add_column("refunds", sa.Column("due_at", TIME))
    op.add_column("refunds", sa.Column("leased_until", TIME))
    op.execute("UPDATE refunds SET due_at = created_at WHERE status = 'requested'")
    _index("refunds", "due", "due_at")
    op.create_table(
        "early_returns",
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("account", sa.String(128), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=False),
        sa.Column("refund_id", sa.String(255), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("told_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            "provider",
            "account",
            "external_id",
            "refund_id",
            "disputed",
            name=op.f("pk_early_returns"),
        ),
    )
    op.create_table(
        "alarms",
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("trouble", sa.String(16), nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("provider", "trouble", name=op.f("pk_alarms")),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )


def _price_lists() -> None:
    """Prices in Stars become the first entries of the lists."""
    is_postgres = op.get_context().dialect.name == "postgresql"
    for table, stars in (("variants", "stars"), ("order_lines", "unit_stars")):
        _add(table, "prices", JSON, "{}")
        listed = (
            f"jsonb_build_object('XTR', {stars})"
            if is_postgres
            else f"json_object('XTR', {stars})"
        )
        # The names are the ones above.
        op.execute(f"UPDATE {table} SET prices = {listed} WHERE {stars} IS NOT NULL")  # noqa: S608
        op.execute(f"ALTER TABLE {table} DROP COLUMN {stars}")


def _add(table: str, column: str, kind: sa.types.TypeEngine[Any], value: str) -> None:
    """A column that is never empty, with a value for the rows that are there."""
    op.add_column(table, sa.Column(column, kind, nullable=False, server_default=value))


def _index(table: str, name: str, column: str) -> None:
    """Over the rows that have a value alone."""
    op.execute(f"CREATE INDEX ix_{table}_{name} ON {table} ({column}) WHERE {column} IS NOT NULL")
