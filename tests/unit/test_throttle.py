"""The throttle of one process: generous to people, firm with scripts."""

from bot.throttle import A_SECOND, BURST, TOLD_A_SECOND, LocalThrottle

ANN, BEN = 1001, 1002


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def allowed(throttle: LocalThrottle, person_id: int, tries: int) -> int:
    return sum([await throttle.allows(person_id) for _ in range(tries)])


async def test_a_burst_passes_and_what_comes_after_does_not() -> None:
    throttle = LocalThrottle(Clock())
    assert await allowed(throttle, ANN, 2 * BURST) == BURST


async def test_one_persons_haste_is_not_anothers() -> None:
    throttle = LocalThrottle(Clock())
    await allowed(throttle, ANN, 2 * BURST)
    assert await throttle.allows(BEN)


async def test_time_brings_back_as_much_as_passes() -> None:
    clock = Clock()
    throttle = LocalThrottle(clock)
    await allowed(throttle, ANN, BURST)
    clock.now += 2.0
    assert await allowed(throttle, ANN, BURST) == 2 * A_SECOND


async def test_rest_brings_back_one_burst_and_no_more() -> None:
    clock = Clock()
    throttle = LocalThrottle(clock)
    await allowed(throttle, ANN, BURST)
    clock.now += 3600
    assert await allowed(throttle, ANN, 2 * BURST) == BURST


async def test_who_never_pauses_is_let_through_at_the_long_runs_rate() -> None:
    clock = Clock()
    throttle = LocalThrottle(clock)
    passed = 0
    for _ in range(1000):
        clock.now += 0.1
        passed += await throttle.allows(ANN)
    assert abs(passed - (BURST + 100 * A_SECOND)) <= 1


async def test_somebody_too_fast_is_told_now_and_then() -> None:
    clock = Clock()
    throttle = LocalThrottle(clock)
    assert [await throttle.tells(ANN) for _ in range(3)] == [True, False, False]
    assert await throttle.tells(BEN)
    clock.now += 1 / TOLD_A_SECOND
    assert await throttle.tells(ANN)


async def test_being_told_costs_no_update() -> None:
    throttle = LocalThrottle(Clock())
    await throttle.tells(ANN)
    assert await allowed(throttle, ANN, 2 * BURST) == BURST


async def test_a_crowd_does_not_fill_the_memory() -> None:
    throttle = LocalThrottle(Clock())
    for person_id in range(10_050):
        await throttle.allows(person_id)
    assert len(throttle._buckets) == 10_000


async def test_a_crowd_does_not_make_the_hasty_forgotten() -> None:
    """Somebody who keeps pressing stays among those remembered."""
    throttle = LocalThrottle(Clock())
    await allowed(throttle, ANN, BURST)
    for stranger in range(20_000, 35_000):
        await throttle.allows(stranger)
        if stranger % 1000 == 0:
            assert not await throttle.allows(ANN)
