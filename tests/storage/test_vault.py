"""Card keys at rest."""

import asyncio
import base64
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from domain import delivery
from domain.errors import TamperedKey, WrongSecretKey
from domain.stock import SealedKey
from storage import tables
from storage.vault import Vault, has_data_keys, open_vault, read_master_key
from tests import logscan
from tests.invariants import dump, plaintext_in
from tests.shop import BUYER, MASTER, NOW, Shop, opened

KEY = "AAAA-BBBB-CCCC"
vault = Vault(bytes(32), {1: AESGCM(bytes(range(32)))})
texts = st.text(st.characters(exclude_categories=["Cs"]))


def sealed(text: str = KEY, variant_id: int = 7) -> SealedKey:
    (key,) = vault._seal(variant_id, [(1, text)])
    return key


@given(texts)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert vault.open(sealed(text)).reveal() == text


@given(texts, texts)
def test_fingerprints_tell_keys_apart(one: str, other: str) -> None:
    assert (vault.fingerprint(one) == vault.fingerprint(other)) == (one == other)


def test_a_key_is_never_sealed_twice_alike() -> None:
    assert sealed().sealed != sealed().sealed
    assert sealed().fingerprint == sealed().fingerprint


def test_a_fingerprint_says_nothing_without_its_key() -> None:
    other = Vault(b"\1" * 32, vault.ciphers)
    assert other.fingerprint(KEY) != vault.fingerprint(KEY)


async def test_repeated_keys_are_sealed_once_and_in_the_index_order() -> None:
    keys = await vault.seal(7, [(1, "B"), (2, "A"), (3, "B"), (4, "C")])
    assert sorted(key.id for key in keys) == [1, 2, 4]
    marks = [key.fingerprint for key in keys]
    assert marks == sorted(marks)


TAMPERED: dict[str, Callable[[SealedKey], SealedKey]] = {
    "last bit": lambda key: key._replace(sealed=key.sealed[:-1] + bytes([key.sealed[-1] ^ 1])),
    "nonce": lambda key: key._replace(sealed=bytes([key.sealed[0] ^ 1]) + key.sealed[1:]),
    "cut": lambda key: key._replace(sealed=key.sealed[:-1]),
    "cut to its nonce": lambda key: key._replace(sealed=key.sealed[:12]),
    "emptied": lambda key: key._replace(sealed=b""),
    "another product's": lambda key: key._replace(variant_id=8),
    "another fingerprint": lambda key: key._replace(fingerprint=bytes(16)),
    "another's ciphertext": lambda key: key._replace(sealed=sealed("another").sealed),
    "unknown version": lambda key: key._replace(version=2),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_key_does_not_open(how: str) -> None:
    with pytest.raises(TamperedKey) as refusal:
        vault.open(TAMPERED[how](sealed()))
    assert KEY not in str(refusal.value)


def test_keys_of_an_older_version_still_open() -> None:
    newer = Vault(vault.fingerprint_key, {1: vault.ciphers[1], 2: AESGCM(bytes(32))})
    (key,) = newer._seal(7, [(1, KEY)])
    assert key.version == 2
    assert newer.open(sealed()).reveal() == newer.open(key).reveal() == KEY


def test_a_vault_does_not_show_its_keys() -> None:
    assert "fingerprint_key" not in repr(vault)


def test_a_master_key_is_32_bytes_in_base64() -> None:
    assert read_master_key(f" {base64.b64encode(MASTER).decode()}\n") == MASTER


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!", "A" * 43, "ключ", "=" * 44])
def test_nothing_else_is_a_master_key(text: str) -> None:
    with pytest.raises(WrongSecretKey) as refusal:
        read_master_key(text)
    assert not text or text not in str(refusal.value)


async def test_a_wrong_master_key_opens_nothing(shop: Shop) -> None:
    async with shop.database.engine.connect() as connection:
        assert await has_data_keys(connection)
        with pytest.raises(WrongSecretKey):
            await open_vault(connection, bytes(32), NOW)


async def test_a_new_shop_has_no_data_keys(database_url: str) -> None:
    async with opened(database_url) as shop, shop.database.engine.connect() as connection:
        await connection.execute(tables.data_keys.delete())
        assert not await has_data_keys(connection)


async def test_swapped_data_keys_are_noticed(shop: Shop) -> None:
    first, second = await shop.rows(tables.data_keys)
    async with shop.database.engine.connect() as connection:
        await connection.execute(tables.data_keys.delete())
        swapped = [first | {"wrapped": second["wrapped"]}, second | {"wrapped": first["wrapped"]}]
        await connection.execute(tables.data_keys.insert(), swapped)
        with pytest.raises(WrongSecretKey):
            await open_vault(connection, MASTER, NOW)


async def test_a_reopened_shop_opens_its_keys(database_url: str) -> None:
    async with opened(database_url) as shop:
        placed = await shop.sold(await shop.stocked())
    async with opened(database_url) as shop:
        assert await shop.bought(placed) == ["GAME-KEY-0001"]


@pytest.mark.postgres
async def test_programs_that_start_together_share_their_data_keys(postgresql_url: str) -> None:
    async def first_open() -> bytes:
        async with opened(postgresql_url) as shop:
            return shop.vault.fingerprint_key

    assert len(set(await asyncio.gather(*(first_open() for _ in range(5))))) == 1


async def test_a_ciphertext_moved_to_another_row_is_detected(database_url: str) -> None:
    async with opened(database_url) as shop:
        placed = await shop.sold(await shop.stocked(keys=2))
        keys = tables.card_keys
        first, second = await shop.rows(keys)
        moved = keys.update().values(sealed=second["sealed"])
        await shop.executes(moved.where(keys.c.id == first["id"]))
        with pytest.raises(TamperedKey):
            await delivery.keys_of(shop.uow(), shop.vault, placed.order.number, BUYER)


async def test_a_dump_of_the_database_holds_no_key(shop: Shop) -> None:
    """I6. The control: what is in the database is found."""
    await shop.sold(await shop.stocked())
    found = await dump(shop.database)
    assert plaintext_in(found, logscan.scan.planted) == 0
    assert plaintext_in(found, ["till-1", "keys.txt"]) == 2


async def test_the_file_of_the_database_holds_no_key(sqlite_url: str) -> None:
    async with opened(sqlite_url) as shop:
        await shop.sold(await shop.stocked())
    with open(sa.make_url(sqlite_url).database or "", "rb") as file:  # noqa: PTH123, ASYNC230
        content = file.read()
    assert plaintext_in(content, logscan.scan.planted) == 0
    assert plaintext_in(content, ["till-1"]) == 1
