"""When a provider's silence, and signatures that fail, are worth telling of."""

from datetime import timedelta

from domain.alarms import FORGED_COUNT, FORGED_WITHIN, SILENT_COUNT, SILENT_FOR, Watch
from tests.shop import NOW

MOMENT = timedelta(microseconds=1)


def test_five_failures_over_two_minutes_are_silence() -> None:
    watch, pause = Watch(), SILENT_FOR / (SILENT_COUNT - 1)
    told = [watch.failed(NOW + pause * nth) for nth in range(SILENT_COUNT)]
    assert told == [False, False, False, False, True]


def test_any_number_of_failures_within_less_is_none() -> None:
    watch = Watch()
    assert not any(watch.failed(NOW + SILENT_FOR / 1000 * nth) for nth in range(1000))


def test_a_few_failures_are_none_however_long_they_last() -> None:
    watch = Watch()
    assert not any(watch.failed(NOW + SILENT_FOR * nth) for nth in range(SILENT_COUNT - 1))


def test_silence_lasts_until_an_answer() -> None:
    watch = Watch()
    told = [watch.failed(NOW + SILENT_FOR * nth) for nth in range(SILENT_COUNT + 2)]
    assert told[-3:] == [True, True, True]


def test_an_answer_begins_anew() -> None:
    watch = Watch()
    for nth in range(SILENT_COUNT):
        watch.failed(NOW + SILENT_FOR * nth)
    assert watch.answered()
    later = NOW + SILENT_FOR * SILENT_COUNT
    assert not any(watch.failed(later + SILENT_FOR * nth) for nth in range(SILENT_COUNT - 1))


def test_the_first_answer_is_news_and_one_after_a_failure() -> None:
    """A silence may have begun before the process."""
    watch = Watch()
    assert watch.answered()
    assert not watch.answered()
    watch.failed(NOW)
    assert watch.answered()
    assert not watch.answered()


def test_ten_forgeries_within_ten_minutes_are_many() -> None:
    watch = Watch()
    assert not any(watch.forged(NOW) for _ in range(FORGED_COUNT - 1))
    assert watch.forged(NOW + FORGED_WITHIN)


def test_forgeries_farther_apart_are_not() -> None:
    watch = Watch()
    assert not any(watch.forged(NOW) for _ in range(FORGED_COUNT - 1))
    assert not watch.forged(NOW + FORGED_WITHIN + MOMENT)


def test_the_oldest_forgeries_are_forgotten() -> None:
    watch, seldom = Watch(), timedelta(minutes=2)
    assert not any(watch.forged(NOW + seldom * nth) for nth in range(1000))


def test_a_flood_of_forgeries_takes_no_more_room_than_a_few() -> None:
    watch = Watch()
    for nth in range(1000):
        watch.forged(NOW + MOMENT * nth)
    assert len(watch.forgeries) == FORGED_COUNT


def test_forgeries_are_no_silence_and_silence_is_no_forgery() -> None:
    watch = Watch()
    for nth in range(FORGED_COUNT):
        watch.forged(NOW + MOMENT * nth)
    watch.answered()
    assert not watch.answered()
    assert not watch.failed(NOW + SILENT_FOR)
