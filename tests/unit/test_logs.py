"""Logs: one line an event, and no secret in it, whichever way it came."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from bot import logs
from bot.logs import Redactor

TOKEN = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "merchant-key-9f27c1d4"
AWKWARD = 'pä"ss\\w/ord+='


class Output(io.StringIO):
    """Standard error: a terminal or not."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:  # JSON
        return [json.loads(line) for line in self.lines]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def set_up(level: str = "INFO", *, terminal: bool = False) -> Output:
    output = Output(terminal=terminal)
    with redirect_stderr(output):
        logs.set_up(level, [TOKEN, SECRET, AWKWARD, "short"])
    return output


@pytest.mark.parametrize(
    "line",
    [
        f"https://api.telegram.org/bot{TOKEN}/getMe",
        f"https://api.telegram.org/file/bot{TOKEN}/photos/1.jpg",
        f"http://127.0.0.1:8081/bot{quote(TOKEN, safe='')}/getMe",
        f"url={TOKEN!r}",
        TOKEN,
    ],
)
def test_a_token_is_taken_out_of_addresses_though_nobody_named_it(line: str) -> None:
    """Another bot's token in somebody else's error is as secret as ours."""
    assert TOKEN.partition(":")[2] not in Redactor()(line)


@pytest.mark.parametrize(
    "line",
    [
        "GET https://pay.example/api.php?act=order&pid=1001&key=merchant HTTP/1.1",
        "https://pay.example/submit.php?money=1&sign=merchant&sign_type=MD5",
        "EPAY_KEY=merchant",
        "token=merchant",
        "PASSWORD=merchant",
        "secret=merchant",
        "signature=merchant",
    ],
)
def test_what_its_name_calls_secret_is_taken_out(line: str) -> None:
    assert "merchant" not in Redactor()(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-01T12:00:00.123456Z ready web=http://127.0.0.1:8080/",
        "order K7Q2M9 of 1001: 2 keys, sign_type=MD5",
        "12:34:56 keys=3 tokens=4",
    ],
)
def test_the_rest_of_a_line_stays(line: str) -> None:
    assert Redactor()(line) == line


@pytest.mark.parametrize(
    "seen_as",
    [AWKWARD, json.dumps(AWKWARD)[1:-1], quote(AWKWARD, safe=""), repr(AWKWARD)[1:-1]],
    ids=["plain", "JSON", "URL", "repr"],
)
def test_a_secret_is_found_in_every_form_that_it_is_written_in(seen_as: str) -> None:
    assert seen_as not in Redactor([AWKWARD])(f"it is {seen_as} there")


def test_the_longer_of_two_secrets_is_taken_out_whole() -> None:
    assert "tail" not in Redactor(["secret-head", "secret-head-tail"])("a secret-head-tail b")


def test_off_a_terminal_each_event_is_a_json_object() -> None:
    output = set_up()
    structlog.get_logger("bot.test").info("payment", provider="epay", amount=499)
    logging.getLogger("aiohttp.test").warning("from %s", "elsewhere")
    payment, other = output.events
    assert (payment["event"], payment["provider"], payment["amount"]) == ("payment", "epay", 499)
    assert (payment["level"], payment["logger"]) == ("info", "bot.test")
    assert payment["timestamp"].endswith("Z")
    assert (other["event"], other["level"]) == ("from elsewhere", "warning")


def test_on_a_terminal_it_is_for_eyes() -> None:
    output = set_up(terminal=True)
    structlog.get_logger("bot.test").info("payment", provider="epay")
    [line] = output.lines
    assert "payment" in line
    assert not line.startswith("{")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("secret", [TOKEN, SECRET, AWKWARD])
def test_no_secret_is_in_an_events_values(terminal: bool, secret: str) -> None:
    output = set_up(terminal=terminal)
    log = structlog.get_logger("bot.test")
    log.info("start", setting=secret, nested={"deep": [secret]})
    log.info("start with %s", secret)
    logging.getLogger("aiogram.test").error("start with %s", secret)
    assert not leaked(output, secret)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("secret", [TOKEN, SECRET, AWKWARD])
def test_no_secret_is_in_a_traceback(terminal: bool, secret: str) -> None:
    output = set_up(terminal=terminal)
    try:
        try:
            raise ValueError(f"http://127.0.0.1/bot{secret}/getMe")
        except ValueError as error:
            raise RuntimeError(secret) from error
    except RuntimeError:
        structlog.get_logger("bot.test").exception("a step failed")
        logging.getLogger("asyncio.test").exception("a task failed")
    assert "RuntimeError" in output.getvalue()
    assert not leaked(output, secret)


def test_a_traceback_does_not_show_local_variables() -> None:
    """They hold keys."""
    output = set_up(terminal=True)
    fails_over("KEY-IN-A-FRAME-0001")
    assert "ZeroDivisionError" in output.getvalue()
    assert "KEY-IN-A-FRAME" not in output.getvalue()


def fails_over(card_key: str) -> None:
    try:
        len(card_key) / 0
    except ZeroDivisionError:
        structlog.get_logger("bot.test").exception("a step failed")


def test_an_events_value_may_be_anything() -> None:
    output = set_up()
    structlog.get_logger("bot.test").info("odd", what=object(), raw=b"\xff")
    assert output.events[0]["event"] == "odd"


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 2), ("INFO", 1), ("ERROR", 0)])
def test_the_level_is_kept(level: str, seen: int) -> None:
    output = set_up(level)
    log = structlog.get_logger("elsewhere")
    log.debug("quiet")
    log.info("loud")
    assert len(output.lines) == seen


@pytest.mark.parametrize("name", ["aiohttp.access", "aiogram.event", "alembic.runtime"])
def test_what_logs_every_request_is_silent(name: str) -> None:
    """Addresses hold tokens, and hold them in forms that nobody knows."""
    output = set_up()
    logging.getLogger(name).info("GET /somewhere")
    assert not output.lines


def leaked(output: Output, secret: str) -> bool:
    forms = (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe=""))
    return any(form in output.getvalue() for form in forms)
