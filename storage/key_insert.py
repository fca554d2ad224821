"""Storing keys by the ten thousand, as fast as each database can."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.stock import SealedKey

_COLUMNS: Final = ("id", "variant_id", "fingerprint", "sealed", "version")
# A key withdrawn unsold may come back; whatever else is known stays as it is.
_OR_REVIVE: Final = """
    ON CONFLICT (fingerprint) DO UPDATE SET
        id = excluded.id, variant_id = excluded.variant_id, sealed = excluded.sealed,
        version = excluded.version, status = 'available'
    WHERE card_keys.status = 'withdrawn'
"""
_SQLITE: Final = f"""
    INSERT INTO card_keys (id, variant_id, fingerprint, sealed, version, status)
    VALUES (?, ?, ?, ?, ?, 'available') {_OR_REVIVE}
"""
_CREATE: Final = sa.text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS arriving_keys
        (id bigint, variant_id bigint, fingerprint bytea, sealed bytea, version integer)
    ON COMMIT DELETE ROWS
""")
_MOVE: Final = sa.text(f"""
    INSERT INTO card_keys (id, variant_id, fingerprint, sealed, version, status)
    SELECT id, variant_id, fingerprint, sealed, version, 'available'
    FROM arriving_keys ORDER BY fingerprint {_OR_REVIVE}
""")


async def insert_keys(connection: AsyncConnection, keys: Sequence[SealedKey]) -> int:
    """Store keys sorted by fingerprint, for the index's sake; how many were new."""
    if not keys:
        return 0
    if connection.dialect.name == "sqlite":
        return (await connection.exec_driver_sql(_SQLITE, list(keys))).rowcount
    # A statement first: the driver's transaction begins with it, and COPY must be inside.
    await connection.execute(_CREATE)
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        msg = "the connection has no driver"
        raise RuntimeError(msg)
    await driver.copy_records_to_table("arriving_keys", records=keys, columns=_COLUMNS)
    return (await connection.execute(_MOVE)).rowcount
