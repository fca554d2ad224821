"""A rolled-back use case runs again, a bounded number of times."""

import pytest

from domain import transactions
from domain.errors import DatabaseAway, TransactionAborted
from domain.transactions import TRIES, retried


class Flaky:
    """Fails so many times before it works."""

    def __init__(self, failures: int, error: type[Exception] = TransactionAborted) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    async def __call__(self, answer: str, *, loud: bool = False) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return answer.upper() if loud else answer


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "FIRST_PAUSE", 0.0)


@pytest.mark.parametrize("failures", range(TRIES))
async def test_a_rolled_back_use_case_runs_again(failures: int) -> None:
    flaky = Flaky(failures)
    assert await retried(flaky)("done", loud=True) == "DONE"
    assert flaky.calls == failures + 1


async def test_it_gives_up_in_the_end() -> None:
    flaky = Flaky(failures=100)
    with pytest.raises(TransactionAborted):
        await retried(flaky)("done")
    assert flaky.calls == TRIES


async def test_other_failures_are_not_repeated() -> None:
    flaky = Flaky(failures=1, error=DatabaseAway)
    with pytest.raises(DatabaseAway):
        await retried(flaky)("done")
    assert flaky.calls == 1
