"""How long a delivery waits before it is tried again."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.delivery import LONGEST_PAUSE, pause

jitters = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10**6), jitters)
def test_a_pause_is_bounded(attempt_count: int, jitter: float) -> None:
    assert timedelta(seconds=1) <= pause(attempt_count, lambda: jitter) <= LONGEST_PAUSE * 1.5


@given(st.integers(1, 10), jitters)
def test_pauses_grow(attempt_count: int, jitter: float) -> None:
    shorter = pause(attempt_count, lambda: jitter)
    assert shorter < pause(attempt_count + 1, lambda: jitter)


def test_pauses_begin_at_a_second_and_double() -> None:
    assert [pause(n, lambda: 0.0).total_seconds() for n in range(1, 5)] == [1, 2, 4, 8]


def test_two_workers_do_not_come_back_together() -> None:
    assert pause(3, lambda: 0.0) != pause(3, lambda: 0.9)
