"""Keys typed below a command."""

from domain.importing import TypedKeys


def test_lines_keep_their_numbers() -> None:
    typed = TypedKeys("AAAA-1\n\n  BBBB-2  \r\nCCCC-3", first_line=2)
    assert list(typed.lines()) == [(2, "AAAA-1"), (4, "BBBB-2"), (5, "CCCC-3")]


def test_what_cannot_be_a_key_is_nothing() -> None:
    assert list(TypedKeys("AA\0AA\nB\u202eB").lines()) == [(1, None), (2, None)]


def test_only_line_ends_end_a_line() -> None:
    """Two halves of a key on sale would be two buyers deceived."""
    for sign in "\x0b\x0c\x1c\x85\u2028\u2029":
        assert list(TypedKeys(f"AAAA{sign}BBBB").lines()) == [(1, None)]


def test_keys_can_be_read_more_than_once() -> None:
    typed = TypedKeys("AAAA\nBBBB")
    assert list(typed.lines()) == list(typed.lines())
