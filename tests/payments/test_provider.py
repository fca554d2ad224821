"""What providers share: forms read strictly, and callbacks that do not show their body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.provider import MalformedCallback, RawCallback, fields


def test_fields_are_decoded() -> None:
    assert fields("name=A+game%21&money=10.00&%E5%90%8D=%E5%80%BC") == {
        "name": "A game!",
        "money": "10.00",
        "名": "值",
    }


def test_blank_fields_are_kept() -> None:
    assert fields("param=&pid=1001") == {"param": "", "pid": "1001"}


def test_nothing_sent_is_no_fields() -> None:
    assert fields("") == {}


def test_only_the_first_equals_sign_divides() -> None:
    assert fields("a=b=c") == {"a": "b=c"}


@pytest.mark.parametrize("encoded", ["a=1&a=2", "a=1&a=1", "a=1&%61=2", "a=&b=&a="])
def test_a_doubled_field_is_refused(encoded: str) -> None:
    with pytest.raises(MalformedCallback):
        fields(encoded)


@pytest.mark.parametrize("encoded", ["a", "a=1&", "&", "a=1&&b=2", "a=%ff", "%80=1"])
def test_what_is_no_form_is_refused(encoded: str) -> None:
    with pytest.raises(MalformedCallback):
        fields(encoded)


@given(st.text() | st.text(alphabet="a=&%+;f0"))
def test_any_text_is_read_or_refused(encoded: str) -> None:
    try:
        found = fields(encoded)
    except MalformedCallback:
        return
    assert all(isinstance(value, str) for value in found.values())


def test_a_callback_does_not_show_its_body() -> None:
    assert "4111" not in repr(RawCallback("POST", {}, "", b"card=4111111111111111"))
