"""What happens by itself to money that does not fit, unless the owner says otherwise."""

from typing import get_args, get_type_hints

import pytest

from bot.settings import Settings
from domain.remedies import Remedies, Remedy


def test_money_that_certainly_is_the_buyers_needs_nobody() -> None:
    rules = Remedies()
    assert rules.late is Remedy.DELIVER
    assert (rules.sold_out, rules.over, rules.twice) == (Remedy.CREDIT,) * 3


def test_what_is_not_clear_goes_before_a_person() -> None:
    rules = Remedies()
    assert (rules.under, rules.mismatch, rules.unknown, rules.undeliverable) == (Remedy.ASK,) * 4


@pytest.mark.parametrize("case", list(get_type_hints(Remedies)))
def test_every_rule_is_the_owners_to_set_and_a_person_may_always_be_asked(case: str) -> None:
    field = Settings.model_fields[f"rule_{case}"]
    offered = {Remedy(word) for word in get_args(field.annotation)}
    assert Remedy.ASK in offered
    assert Remedy(field.default) is getattr(Remedies(), case)
