"""What buttons carry fits, comes back as it was, and is refused where it was made up."""

import pytest
from aiogram.filters.callback_data import CallbackData
from hypothesis import example, given
from hypothesis import strategies as st

from domain.money import MAX_MINOR
from handlers.views import admin_buttons, buttons
from handlers.views.buttons import (
    MAX_COUNT,
    MAX_ID,
    MAX_PAGE,
    AskQuantity,
    Buy,
    Cancel,
    Card,
    ChooseLanguage,
    FoundPage,
    HistoryPage,
    Home,
    Languages,
    Methods,
    OpenOrder,
    Paid,
    PayWith,
    Place,
    Quantity,
    ShelfPage,
    ShowKeys,
    ShowOrder,
    TopUp,
)

MOST_BYTES = 64
LONGEST_NUMBER = "Z" * 32
LONGEST_CODE = "a" * 16
PLACE = Place(variant_id=7, count=2, provider="stars", shown=998, currency="USD", nonce="AbC-_123")
LARGEST = [
    Home(),
    Languages(),
    ChooseLanguage(code="zh"),
    ShelfPage(category_id=MAX_ID, page=MAX_PAGE),
    FoundPage(page=MAX_PAGE, words="寻" * 200),
    FoundPage(page=MAX_PAGE, words="𝕏" * 200),
    FoundPage(page=MAX_PAGE, words=":" * 200),
    Card(variant_id=MAX_ID),
    Quantity(variant_id=MAX_ID, count=-MAX_COUNT),
    AskQuantity(variant_id=MAX_ID),
    Buy(variant_id=MAX_ID, count=MAX_COUNT),
    Place(
        variant_id=MAX_ID,
        count=MAX_COUNT,
        provider=LONGEST_CODE,
        shown=MAX_MINOR * 1000,
        currency="USD",
        nonce="AbCdEf12",
    ),
    Methods(number=LONGEST_NUMBER),
    PayWith(number=LONGEST_NUMBER, provider=LONGEST_CODE),
    Paid(number=LONGEST_NUMBER),
    TopUp(amount=MAX_ID),
    Cancel(number=LONGEST_NUMBER),
    HistoryPage(page=MAX_PAGE),
    OpenOrder(number=LONGEST_NUMBER),
    ShowOrder(number=LONGEST_NUMBER),
    ShowKeys(number=LONGEST_NUMBER),
]
FORGED = [
    "p:0",
    "p:-1",
    "p:9223372036854775808",
    "p:" + "9" * 60,
    "p:abc",
    "p:",
    "q:7:99999999999999999999",
    "q:7:1.5",
    "q:7",
    "c::-1",
    "c::99999999999",
    "c:0:0",
    "l:18446744073709551616",
    "f:-1:words",
    "x:7:-5:stars:rq:USD:AbC-_123",
    "x:7:2:stars:-1:USD:AbC-_123",
    "x:7:2:stars:rq:usd:AbC-_123",
    "x:7:2:STARS!:rq:USD:AbC-_123",
    "x:7:2:stars:rq:USD:short",
    "x:7:2:stars:rq:USD:AbC-_123\n",
    "x:!:2:stars:rq:USD:AbC-_123",
    "y:7K3M:" + "a" * 17,
    "tu:-1",
    "tu:1y2p0ij32e8e8",
    "tu:1.5",
    "tu",
    "i",
    "g:english",
]
BY_PREFIX = {
    kind.__prefix__: kind
    for kind in vars(buttons).values()
    if isinstance(kind, type) and issubclass(kind, CallbackData) and kind is not CallbackData
}


@pytest.mark.parametrize("button", LARGEST, ids=repr)
def test_the_largest_values_fit_and_come_back(button: CallbackData) -> None:
    packed = button.pack()
    assert len(packed.encode()) <= MOST_BYTES
    assert type(button).unpack(packed) == button


def test_every_kind_of_button_is_among_the_largest() -> None:
    assert {type(button) for button in LARGEST} == set(BY_PREFIX.values())


@pytest.mark.parametrize("forged", FORGED)
def test_what_was_made_up_is_refused(forged: str) -> None:
    kind = BY_PREFIX[forged.partition(":")[0]]
    with pytest.raises((TypeError, ValueError)):
        kind.unpack(forged)


@given(
    st.integers(1, MAX_ID),
    st.integers(0, MAX_COUNT),
    st.integers(0, MAX_ID),
    st.from_regex("[A-Za-z0-9_-]{8}", fullmatch=True),
)
def test_an_orders_button_comes_back_as_it_was(
    variant_id: int, count: int, shown: int, nonce: str
) -> None:
    asked = {"variant_id": variant_id, "count": count, "shown": shown, "nonce": nonce}
    button = PLACE.model_copy(update=asked)
    assert Place.unpack(button.pack()) == button


@given(st.text())
@example("x" * 49 + " y")
def test_typed_words_come_back_as_they_were_kept(typed: str) -> None:
    button = FoundPage(words=typed)
    packed = button.pack()
    assert len(packed.encode()) <= MOST_BYTES
    assert FoundPage.unpack(packed) == button


@given(st.text(max_size=40))
def test_an_orders_number_is_letters_and_digits_whatever_was_sent(sent: str) -> None:
    number = OpenOrder(number=sent).number
    assert number == "" or (number.isascii() and number.isalnum() and len(number) <= 32)


def test_no_prefix_is_used_twice() -> None:
    kinds = [
        kind
        for module in (buttons, admin_buttons)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, CallbackData) and kind is not CallbackData
    ]
    assert len({kind.__prefix__ for kind in kinds}) == len(set(kinds))
