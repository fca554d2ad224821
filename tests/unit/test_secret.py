"""A key is seen by whoever asks for it, and by nobody else."""

import traceback

import pytest

from domain.importing import TypedKeys
from domain.secret import Secret
from domain.stock import CardKey

TEXT = "AAAA-BBBB-CCCC-DDDD"


def test_a_secret_is_revealed_when_asked() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret(TEXT)
    key = CardKey(1, secret)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        repr([secret]),
        repr(key),
    ):
        assert TEXT not in shown


def test_keys_typed_into_the_chat_do_not_show_themselves() -> None:
    assert TEXT not in repr(TypedKeys(TEXT))


def test_a_traceback_with_locals_does_not_show_a_secret() -> None:
    secret = Secret(TEXT)
    with pytest.raises(ValueError, match="Secret") as raised:
        raise ValueError(secret)
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    assert "secret = Secret()" in "".join(shown)
    assert TEXT not in str(raised.value)


def test_secrets_are_alike_when_their_texts_are() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("another")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1
