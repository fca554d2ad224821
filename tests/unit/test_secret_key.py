"""The master key: given, found or made once; never replaced behind a shop's back."""

import base64
import stat
from pathlib import Path

import pytest

from bot.secret_key import derived, key_file, master_key
from bot.settings import BadSettings, Settings, load
from storage.vault import KEY_BYTES

KEY = bytes(range(KEY_BYTES))
WRITTEN = base64.b64encode(KEY).decode()


def settings(folder: Path, secret_key: str | None = None) -> Settings:
    return load(_env_file=None, data_dir=folder, secret_key=secret_key)


def refusal(folder: Path, secret_key: str | None = None, *, shop_exists: bool = False) -> str:
    with pytest.raises(BadSettings) as refused:
        master_key(settings(folder, secret_key), shop_exists=shop_exists)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    key = master_key(settings(folder), shop_exists=False)
    file = key_file(settings(folder))
    assert len(key) == KEY_BYTES
    assert file == folder / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert base64.b64decode(file.read_bytes()) == key


def test_the_next_start_finds_it(tmp_path: Path) -> None:
    made = master_key(settings(tmp_path), shop_exists=False)
    assert master_key(settings(tmp_path), shop_exists=True) == made


def test_two_shops_have_two_keys(tmp_path: Path) -> None:
    keys = {master_key(settings(tmp_path / name), shop_exists=False) for name in "ab"}
    assert len(keys) == 2


def test_a_given_key_comes_before_the_file_and_makes_none(tmp_path: Path) -> None:
    assert master_key(settings(tmp_path, WRITTEN), shop_exists=False) == KEY
    assert not key_file(settings(tmp_path)).exists()
    master_key(settings(tmp_path), shop_exists=False)
    assert master_key(settings(tmp_path, WRITTEN), shop_exists=True) == KEY


def test_a_shop_whose_key_is_gone_gets_no_new_one(tmp_path: Path) -> None:
    sentence = refusal(tmp_path, shop_exists=True)
    assert sentence.startswith("SECRET_KEY is missing")
    assert "secret.key" in sentence
    assert not key_file(settings(tmp_path)).exists()


MALFORMED = {
    "no base64": "*" * 44,
    "too short": base64.b64encode(KEY[:31]).decode(),
    "too long": base64.b64encode(KEY + b"0").decode(),
    "not ASCII": "ключ" * 11,
    "cut": WRITTEN[:-2],
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_key_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    sentence = refusal(tmp_path, text)
    assert "SECRET_KEY" in sentence
    assert text not in sentence


@pytest.mark.parametrize("content", ["", *MALFORMED.values()], ids=["empty", *MALFORMED])
def test_a_malformed_file_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = key_file(settings(tmp_path))
    file.write_text(content, encoding="utf-8")
    sentence = refusal(tmp_path)
    assert not content or content not in sentence
    assert file.read_text(encoding="utf-8") == content


def test_a_file_in_the_keys_place_is_named_when_it_is_the_file_that_is_wrong(
    tmp_path: Path,
) -> None:
    """Nobody who never wrote SECRET_KEY looks for the fault there."""
    key_file(settings(tmp_path)).write_text("cut", encoding="ascii")
    assert "secret.key" in refusal(tmp_path)


def test_the_line_end_that_an_editor_leaves_is_no_part_of_the_key(tmp_path: Path) -> None:
    key_file(settings(tmp_path)).write_text(f"{WRITTEN}\r\n", encoding="ascii")
    assert master_key(settings(tmp_path), shop_exists=True) == KEY


def test_what_is_derived_is_the_same_each_time_and_for_each_purpose_another() -> None:
    webhook = derived(KEY, "telegram webhook")
    assert webhook == derived(KEY, "telegram webhook")
    assert webhook != derived(KEY, "another purpose")
    assert webhook != derived(bytes(KEY_BYTES), "telegram webhook")


def test_what_is_derived_is_in_the_letters_that_telegram_takes() -> None:
    webhook = derived(KEY, "telegram webhook")
    assert 1 <= len(webhook) <= 256
    assert webhook.isascii()
    assert webhook.isalnum()
