"""Whatever a person can cause is answered by a sentence of its own."""

import pytest

from domain import errors as e
from domain.managing import _SETTERS
from domain.money import Money
from handlers import errors
from handlers.texts import LANGUAGES, texts
from tests.unit.views import NUMBER, product, shown, variant

ENGLISH = texts("en")
CAUSED: list[e.DomainError] = [
    e.BadAmount("4,9,9", "USD"),
    e.UnknownCurrency("XXX"),
    e.BadSku("a b"),
    e.SkuTaken("GAME-1"),
    e.BadField("name", "1 to 64 characters"),
    e.BadField("stars", "1 to 100000"),
    e.BadField("colour", "name, price"),
    e.NoSuchKind("air", ["keys"]),
    e.ProductNotFound(),
    e.BadQuantity(0, 1, 5),
    e.OutOfStock(7, 0),
    e.OutOfStock(7, 1),
    e.OutOfStock(7, 3),
    e.TooManyPending(1, [NUMBER]),
    e.TooManyPending(3, [NUMBER] * 3),
    e.PriceChanged(),
    e.MethodUnavailable("stripe"),
    e.OrderNotFound(),
    e.OrderExpired(NUMBER),
    e.OrderClosed(NUMBER, "cancelled"),
    e.IllegalTransition(NUMBER, "paid", "pending"),
    e.Banned(),
    e.NotPermitted(),
    e.BatchNotFound(),
    e.BatchUndone(),
    e.BadUserId("@ann"),
    *(e.UnreadableFile(reason) for reason in e.FileFault),
    e.ProviderUnavailable("stripe", "timeout"),
    e.ProviderRejected("stripe", "no"),
    e.NotRefundable(),
    e.BalanceTooLow(),
    e.TopUpOutOfBounds(Money(100, "USD"), Money(100_000, "USD")),
    e.NotPaidYet(),
    e.PaymentUnderWay(),
    e.SlowDown(2.5),
    e.TamperedKey("key 5"),
]
BOTH = pytest.mark.parametrize("language", list(LANGUAGES))


@BOTH
@pytest.mark.parametrize("error", CAUSED, ids=repr)
def test_an_error_has_a_sentence_of_its_own(error: e.DomainError, language: str) -> None:
    t = texts(language)
    sentence = errors.sentence(error, t)
    assert shown(sentence).text[-1] not in " :"
    assert sentence != errors.sentence(e.DomainError(), t)


@BOTH
def test_no_two_errors_read_alike(language: str) -> None:
    said = [errors.sentence(error, texts(language)) for error in CAUSED]
    # One and several are told apart by English alone.
    assert len(set(said)) == len(said)


def test_what_a_person_typed_is_shown_as_it_is() -> None:
    said = errors.sentence(e.BadAmount("<b>1</b>", "USD"), ENGLISH)
    assert "“<b>1</b>”" in shown(said).text


@BOTH
def test_an_order_that_moved_on_tells_its_state_in_words(language: str) -> None:
    t = texts(language)
    said = errors.sentence(e.OrderClosed(NUMBER, "refunding"), t)
    assert {"en": "being refunded", "zh": "退款中"}[language] in said


@pytest.mark.parametrize("error", [e.TelegramAway(), e.ChatNotFound(), e.Refused()])
def test_a_message_that_was_not_sent_is_told(error: e.NotSent) -> None:
    assert "Telegram" in errors.sentence(error, ENGLISH)


@pytest.mark.parametrize("error", [e.DatabaseAway(), e.DiskFull(), e.TransactionAborted()])
def test_our_own_failure_is_told_as_ours(error: e.DomainError) -> None:
    assert errors.sentence(error, ENGLISH) == errors.went_wrong(ENGLISH)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("description", "x" * 701),
        ("photo", "x" * 201),
        ("prices", "4.99 USD"),
        ("active", "perhaps"),
    ],
)
def test_a_rule_in_words_is_in_the_readers_language(field: str, value: str) -> None:
    with pytest.raises(e.BadField) as refused:
        _SETTERS[field](product(), variant(), value)
    assert refused.value.rule not in shown(errors.sentence(refused.value, texts("zh"))).text
