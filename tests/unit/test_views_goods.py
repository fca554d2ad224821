"""Handing over: every key once, in order, alone in its entity, in as few messages as fit."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import OrderStatus
from handlers.texts import LANGUAGES, texts
from handlers.views import goods
from handlers.views.length import CAPTION, TEXT, units
from handlers.views.part import FilePart, Part, TextPart
from tests.unit.views import NUMBER, Shown, hand_over, order, shown

ENGLISH = texts("en")
# What an import lets in: one line, printable, without blanks at its ends.
PRINTABLE = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" <>&\"'"), min_size=1
)
KEYS = PRINTABLE.map(str.strip).filter(lambda key: bool(key) and key.isprintable())
LONG_KEYS = st.builds(str.__mul__, KEYS, st.integers(1, 60))


def in_messages(parts: Sequence[Part]) -> list[Shown]:
    """The parts, all of which have to be messages."""
    views = [part.view for part in parts if isinstance(part, TextPart)]
    assert len(views) == len(parts)
    return [shown(view.text) for view in views]


def in_file(parts: Sequence[Part]) -> FilePart:
    """The only part, which has to be a file."""
    [file] = parts
    assert isinstance(file, FilePart)
    return file


@given(
    st.lists(LONG_KEYS, min_size=1, max_size=goods.MOST_IN_MESSAGES),
    st.sampled_from(list(LANGUAGES)),
)
def test_every_key_comes_once_in_order_and_alone_in_its_entity(
    keys: list[str], language: str
) -> None:
    parts = goods.parts(hand_over(keys), texts(language))
    if any(units(key) > goods.ROOM for key in keys):
        assert in_file(parts).content.decode().split("\n") == [*keys, ""]
        return
    messages = in_messages(parts)
    assert [code for message in messages for code in message.codes] == keys
    assert all(message.units <= TEXT for message in messages)
    assert all(NUMBER in message.text for message in messages)


@given(st.lists(LONG_KEYS, min_size=1, max_size=25))
def test_the_same_keys_give_the_same_messages(keys: list[str]) -> None:
    again = goods.parts(hand_over(keys, OrderStatus.DELIVERED), ENGLISH)
    assert goods.parts(hand_over(keys), ENGLISH) == again


@given(st.lists(LONG_KEYS, min_size=1, max_size=goods.MOST_IN_MESSAGES))
def test_the_language_does_not_move_keys_between_messages(keys: list[str]) -> None:
    counts = {code: len(goods.parts(hand_over(keys), texts(code))) for code in LANGUAGES}
    assert len(set(counts.values())) == 1


def test_twenty_keys_come_in_one_message() -> None:
    keys = [f"KEY-{nth:02}" for nth in range(20)]
    [message] = in_messages(goods.parts(hand_over(keys), ENGLISH))
    assert message.codes == keys


@pytest.mark.parametrize("count", [21, 2_001])
def test_more_than_twenty_keys_come_as_a_file(count: int) -> None:
    keys = [f"KEY-{nth}" for nth in range(count)]
    file = in_file(goods.parts(hand_over(keys), ENGLISH))
    assert file.content.decode("utf-8").splitlines() == keys
    assert NUMBER in shown(file.caption).text
    assert file.name == f"{NUMBER}.txt"


def test_long_keys_are_spread_over_messages_that_count_themselves() -> None:
    keys = [f"{nth:02}" + "x" * 998 for nth in range(20)]
    messages = in_messages(goods.parts(hand_over(keys), ENGLISH))
    assert len(messages) == 7
    assert "(2/7)" in messages[1].text


def test_a_key_too_long_for_a_message_comes_as_a_file_uncut() -> None:
    key = "🔑" * 2_500
    file = in_file(goods.parts(hand_over([key, "SHORT"]), ENGLISH))
    assert file.content.decode() == f"{key}\nSHORT\n"


def test_markup_in_a_key_is_shown_as_it_is() -> None:
    key = "<b>&amp;</b></code>"
    [message] = in_messages(goods.parts(hand_over([key]), ENGLISH))
    assert message.codes == [key]


def test_the_longest_titles_leave_room_for_the_keys() -> None:
    title = "𝕏" * 131
    lines = tuple(order().lines) * 3
    goods_of = hand_over(["x" * goods.ROOM])
    goods_of.order.lines = tuple(type(line)(**vars(line) | {"title": title}) for line in lines)
    for code in LANGUAGES:
        [message] = in_messages(goods.parts(goods_of, texts(code)))
        assert message.units <= TEXT
    goods_of = type(goods_of)(goods_of.order, [*goods_of.keys] * 21, goods_of.reader)
    for code in LANGUAGES:
        assert shown(in_file(goods.parts(goods_of, texts(code))).caption).units <= CAPTION


@pytest.mark.parametrize("status", list(OrderStatus))
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_an_order_without_keys_says_so_and_shows_no_code(
    status: OrderStatus, language: str
) -> None:
    [message] = in_messages(goods.parts(hand_over([], status), texts(language)))
    assert NUMBER in message.text
    assert message.codes == []


def test_keys_do_not_show_in_a_parts_repr() -> None:
    parts = [*goods.parts(hand_over(["HIDDEN"]), ENGLISH)]
    parts += goods.parts(hand_over(["HIDDEN"] * 30), ENGLISH)
    assert "HIDDEN" not in repr(parts)
