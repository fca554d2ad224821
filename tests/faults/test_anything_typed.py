"""What people and bots type and send: every message is answered, and nothing breaks."""

from typing import Final

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from handlers.admin import routes as admin_routes
from handlers.buyer import routes as buyer_routes
from storage import tables
from tests.chat.shop_chat import ANN, OWNER
from tests.faults.world import SKU, UNKNOWN_NUMBER, Stall, answer_after, keys
from tests.people import Refusal

COMMANDS: Final = sorted({*buyer_routes._commands, *admin_routes._commands, "nonsense", "START@x"})
SORRY: Final = "Something went wrong"
_PLAIN_WORDS: Final = f"""
{SKU} game-1 - -- 0 1 -1 4.99 1e9 4,99 NaN 9223372036854775808 -9223372036854775809 ١٢٣ ² Ⅷ 0x10
1_000 name price stars description category photo min max kind active low_stock keys orders
customers all review paid none owner stock 2026-01-01 9999-12-31 0001-01-01 0000-00-00 2026-13-45
{UNKNOWN_NUMBER} p_{SKU} p_ ref_x @ann {ANN} {OWNER} on off <b> </b>&amp; %s {{0}} {{number}} 😀 密
"""
_ODD_WORDS: Final = ["4.99 CNY", "9" * 30, "1" * 400, "\n", "\n\nA-KEY\n", "\u202e\u200b", "\x00"]
_WORDS: Final = st.sampled_from([*_PLAIN_WORDS.split(), *_ODD_WORDS, "' OR 1=1 --"])
_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
_LONG: Final = st.builds(lambda text, n: (text * n)[:4000], _TEXT, st.integers(50, 4000))
_ARGS: Final = st.lists(_WORDS | _TEXT, max_size=5).map(" ".join) | _LONG
_COMMAND: Final = st.builds(
    "/{}{}{}".format, st.sampled_from(COMMANDS), st.sampled_from(" \n"), _ARGS
)
_TYPED: Final = st.lists(_COMMAND | _ARGS, min_size=1, max_size=3)

ANYTHING: Final = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ANYTHING
@given(typed=_TYPED)
async def test_whatever_a_buyer_types_is_answered(
    plain_stall_on_both: Stall, typed: list[str]
) -> None:
    await are_answered(plain_stall_on_both, ANN, typed)


@ANYTHING
@given(typed=_TYPED)
async def test_whatever_an_admin_types_is_answered(
    plain_stall_on_both: Stall, typed: list[str]
) -> None:
    await are_answered(plain_stall_on_both, OWNER, typed)


async def test_each_command_answers_each_odd_word(plain_stall: Stall) -> None:
    """Those that have broken something, here or elsewhere."""
    odd = [
        "",
        "9" * 3900,
        "A" * 3900,
        "é\u0301" * 900,
        "<" * 1000,
        f"{SKU} photo x",
        f"{SKU}\n<b>",
    ]
    dates = ["keys 2026-01-01 9999-12-31", "orders 2026-01-01 9999-12-31", "orders 0001-01-01"]
    for command in COMMANDS:
        for args in [*odd, *dates]:
            await are_answered(plain_stall, OWNER, [f"/{command} {args}"])


async def are_answered(stall: Stall, person_id: int, typed: list[str]) -> None:
    if not await stall.rows(tables.variants):
        stall.shop.telegram.world.chat(ANN).person.started = True
        await stall.stocked(*keys(20))
    person = stall.person(person_id)
    for text in typed:
        try:
            sent = await person.says(text)
        except Refusal:
            reject()  # Telegram itself does not take it
        answer = await answer_after(stall, person_id, sent["message_id"])
        said = answer.get("text") or answer.get("caption") or ""
        assert SORRY not in said, text
