"""The command line, as a shell meets it: real processes, their words and exit statuses."""

import asyncio
import csv
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from bot.__main__ import installed_version
from tests import logscan
from tests.chat.shop_chat import free_port
from tests.faults.process import Program, killed_at_the_end
from tests.faults.scene import BUYER, Scene, open_scene

ROOT: Final = Path(__file__).parents[2]
OK, WRONG, REFUSED = 0, 1, 2
NOT_TO_BE_SEEN: Final = "not-to-be-seen-9f27c1d4"


@pytest.fixture
async def scene(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Scene]:
    async with open_scene(tmp_path, sqlite_url) as opened:
        yield opened


async def shell(*command: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    """A process from nothing: its status, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def says(
    scene: Scene, *command: str, leaves_out: str = "", **settings: str
) -> tuple[int, str]:
    """`python -m bot …` in the scene: its exit status and all that it said."""
    environment = scene.settings(**settings)
    environment.pop(leaves_out, None)
    program = await Program.start(environment, "bot", *command)
    async with killed_at_the_end(program):
        return await program.ends(), program.logs


async def test_it_tells_its_version(tmp_path: Path) -> None:
    assert await shell("--version", cwd=tmp_path) == (OK, f"keystall {installed_version()}\n", "")


async def test_without_a_token_it_says_how_to_get_one(tmp_path: Path) -> None:
    status, out, err = await shell("run", cwd=tmp_path)
    assert (status, out) == (REFUSED, "")
    assert err.startswith("BOT_TOKEN is missing")
    assert "@BotFather" in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a test may wait for a folder


async def test_alone_it_lists_its_commands(tmp_path: Path) -> None:
    _, out, err = await shell(cwd=tmp_path)
    commands = "run web worker demo migrate import export doctor"
    assert [name for name in commands.split() if name not in out + err] == []


@pytest.mark.parametrize("command", ["run", "web", "worker"])
async def test_no_part_starts_without_a_token(scene: Scene, command: str) -> None:
    status, said = await says(scene, command, leaves_out="BOT_TOKEN")
    assert (status, said.splitlines()[0][:20]) == (REFUSED, "BOT_TOKEN is missing")


WRONG_SETTINGS: Final = {
    "PORT": NOT_TO_BE_SEEN,
    "HOST": f"{NOT_TO_BE_SEEN}.invalid",
    "BOT_TOKEN": NOT_TO_BE_SEEN,
    "SECRET_KEY": f"ключ-{NOT_TO_BE_SEEN}",
    "REDIS_URL": f"http://:{NOT_TO_BE_SEEN}@redis",
    "DATABASE_URL": f"mysql://shop:{NOT_TO_BE_SEEN}@db/shop",
    "TELEGRAM_WEBHOOK_SECRET": f"{NOT_TO_BE_SEEN};",
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
async def test_a_wrong_setting_is_one_line_that_names_it(scene: Scene, name: str) -> None:
    status, said = await says(scene, "run", **{name: WRONG_SETTINGS[name]})
    assert status == REFUSED
    assert said.count("\n") == 1
    assert name in said
    assert NOT_TO_BE_SEEN not in said or name == "HOST"  # which is no secret


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://shop:{NOT_TO_BE_SEEN}@[::1/shop",
        f"postgresql://shop:{NOT_TO_BE_SEEN}@127.0.0.1:port/shop",
        f"postgresql://shop:{NOT_TO_BE_SEEN}@127.0.0.1/shop?an_option_of_another_driver=1",
        f"postgresql://shop:{NOT_TO_BE_SEEN}@127.0.0.1:1/shop",
        "sqlite:///.",
        "sqlite:////dev/null/shop.db",
    ],
    ids=["brackets", "port", "option", "nobody there", "a folder", "in a file"],
)
async def test_a_database_that_cannot_be_opened_is_one_line_that_names_the_setting(
    scene: Scene, url: str
) -> None:
    status, said = await says(scene, "migrate", DATABASE_URL=url)
    assert status in {WRONG, REFUSED}
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert "DATABASE_URL" in said
    assert NOT_TO_BE_SEEN not in said


async def test_a_database_that_does_not_exist_is_named(
    scene: Scene, blank_postgresql_url: str
) -> None:
    status, said = await says(scene, "migrate", DATABASE_URL=f"{blank_postgresql_url}_not")
    assert status in {WRONG, REFUSED}
    assert said.count("\n") == 1
    assert "DATABASE_URL" in said


async def test_a_port_that_is_taken_is_named(scene: Scene) -> None:
    taken = scene.telegram_url.rpartition(":")[2]
    status, said = await says(scene, "run", PORT=taken)
    assert status == REFUSED
    assert f"PORT: {taken} on 127.0.0.1 is in use" in said


# --- The demo -------------------------------------------------------------------------------


async def test_the_demo_does_not_open_beside_a_real_bot(scene: Scene) -> None:
    status, said = await says(scene, "demo")
    assert status == REFUSED
    assert said.startswith("BOT_TOKEN is set")


async def test_the_demo_shows_itself_to_nobody_else(scene: Scene) -> None:
    status, said = await says(scene, "demo", leaves_out="BOT_TOKEN", HOST="0.0.0.0")  # noqa: S104
    assert status == REFUSED
    assert said.startswith("HOST: ")


async def test_the_demo_opens_at_its_address_and_closes_when_told(scene: Scene) -> None:
    settings = {"PORT": str(free_port()), "DATA_DIR": str(scene.folder)}
    url = f"http://127.0.0.1:{settings['PORT']}"
    program = await Program.start(settings, "bot", "demo", url=url)
    async with killed_at_the_end(program):
        await program.ready()
        await program.logged(f"{url}/")
        async with scene.http.get(f"{url}/sandbox/people") as response:
            assert len(await response.json()) == 4
        status, seconds = await program.terminate()
    assert status == OK
    assert seconds < 5
    assert not (scene.folder / "secret.key").exists()


# --- The database, files in and out ---------------------------------------------------------


async def test_migrate_makes_the_database_and_the_key(tmp_path: Path, scene: Scene) -> None:
    fresh = {"DATABASE_URL": f"sqlite:///{tmp_path}/new/shop.db", "SECRET_KEY": ""}
    for _ in range(2):
        assert await says(scene, "migrate", **fresh) == (OK, "The database is up to date.\n")
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


async def test_migrate_needs_no_bot(scene: Scene) -> None:
    status, _ = await says(scene, "migrate", leaves_out="BOT_TOKEN")
    assert status == OK


async def test_a_file_is_imported_and_reported_on(scene: Scene) -> None:
    await scene.shop.stocked("GAME", keys=0)
    keys = [f"KEY-OF-THE-COMMAND-LINE-{nth}" for nth in range(3)]
    for key in keys:
        logscan.plant(key)
    file = scene.folder / "keys.txt"
    file.write_text("\n".join([*keys, keys[0], "k" * 5000, ""]), encoding="utf-8")
    status, said = await says(scene, "import", "GAME", str(file))
    assert status == OK
    report = ["Imported: 3", "Duplicates: 1", "Invalid: 1 (lines 5)"]
    assert said.splitlines()[-3:] == report
    assert (await scene.shop.stock("GAME")).available == 3

    status, said = await says(scene, "import", "game", str(file))
    assert status == OK
    assert said.splitlines()[-3:] == ["Imported: 0", "Duplicates: 4", report[2]]


async def test_an_import_into_nothing_is_a_sentence(scene: Scene) -> None:
    file = scene.folder / "keys.txt"
    file.write_text("A-KEY-FOR-NOTHING-0001\n")
    status, said = await says(scene, "import", "NOTHING", str(file))
    assert status == WRONG
    assert said.splitlines()[-1].startswith("There is no such product")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "The file is empty"),
        ("keys.pdf", b"%PDF-1.7 \xff\xfe\x00", "do not know this kind of file"),
        ("keys.xlsx", b"PK\x03\x04 no workbook", "cannot be read"),
        ("two.csv", b"a,b\nc,d\ne,f\n", "--column"),
    ],
)
async def test_a_file_that_cannot_be_read_is_a_sentence_that_says_what_to_do(
    scene: Scene, name: str, content: bytes, words: str
) -> None:
    await scene.shop.stocked("GAME", keys=0)
    (scene.folder / name).write_bytes(content)
    status, said = await says(scene, "import", "GAME", name)
    assert status == WRONG
    assert words in said
    assert "Traceback" not in said


async def test_a_file_that_is_not_there_is_named(scene: Scene) -> None:
    status, said = await says(scene, "import", "GAME", "nothing.txt")
    assert status == REFUSED
    assert "nothing.txt" in said


async def test_beside_the_running_shop_an_import_says_why_it_cannot(scene: Scene) -> None:
    await scene.shop.stocked("GAME", keys=0)
    await scene.runs()
    (scene.folder / "keys.txt").write_text("A-KEY-BESIDE-THE-SHOP\n")
    status, said = await says(scene, "import", "GAME", "keys.txt")
    assert status == REFUSED
    assert said.startswith("DATABASE_URL: another keystall serves")


async def test_orders_and_keys_are_exported(scene: Scene) -> None:
    placed = await scene.sold(await scene.shop.stocked("GAME", keys=3), 2)
    status, said = await says(scene, "export", "orders", "orders.csv")
    assert (status, said) == (OK, "1 rows written to orders.csv.\n")
    assert any(placed.order.number in row for row in rows_of(scene.folder / "orders.csv"))

    status, said = await says(scene, "export", "keys", "keys.csv", "--sku", "GAME")
    assert (status, said) == (OK, "3 rows written to keys.csv.\n")
    assert (
        sum("GAME-KEY-" in cell for row in rows_of(scene.folder / "keys.csv") for cell in row) == 3
    )
    assert stat.S_IMODE((scene.folder / "keys.csv").stat().st_mode) & 0o077 == 0


async def test_an_export_is_of_the_days_asked_for(scene: Scene) -> None:
    await scene.sold(await scene.shop.stocked("GAME", keys=1))
    for option in ("--to", "--from"):
        day = {"--to": "2020-01-01", "--from": "2099-01-01"}[option]
        _, said = await says(scene, "export", "orders", "none.csv", option, day)
        assert said == "0 rows written to none.csv.\n"


async def test_an_export_to_nowhere_is_a_sentence(scene: Scene) -> None:
    status, said = await says(scene, "export", "orders", "no/such/folder/orders.csv")
    assert status in {WRONG, REFUSED}
    assert "Traceback" not in said


def rows_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.reader(source))


# --- The doctor -----------------------------------------------------------------------------

CHECKS: Final = ["settings", "token", "webhook", "database", "Redis", "prices"]
PROVIDERS: Final = ["Telegram Stars", "EPay"]  # that are on in the scene


def findings(said: str) -> dict[str, str]:
    """Each check's mark by its name."""
    lines = [line.partition(": ")[0].split(maxsplit=1) for line in said.splitlines()]
    return {name: mark for mark, name in lines}


async def test_the_doctor_finds_a_healthy_shop_healthy(scene: Scene) -> None:
    status, said = await says(scene, "doctor")
    assert status == OK
    assert findings(said) == dict.fromkeys([*CHECKS, *PROVIDERS], "ok")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (
            {"BOT_TOKEN": "42:ANOTHER-TOKEN-THAN-THE-SHOPS"},
            {"token", "webhook", "Telegram Stars"},
        ),
        ({"OWNER_IDS": ""}, {"settings"}),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/shop"}, {"database"}),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, {"Redis"}),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:1"}, {"token", "webhook", "Telegram Stars"}),
        ({"EPAY_URL": "http://127.0.0.1:1"}, {"EPay"}),
    ],
    ids=["token", "owners", "database", "Redis", "Telegram", "EPay"],
)
async def test_the_doctor_names_what_is_wrong_and_looks_at_the_rest(
    scene: Scene, changed: dict[str, str], wrong: set[str]
) -> None:
    status, said = await says(scene, "doctor", **changed)
    assert status == WRONG
    assert findings(said) == {
        name: "WRONG" if name in wrong else "ok" for name in [*CHECKS, *PROVIDERS]
    }
    assert "ANOTHER-TOKEN" not in said


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "ok    Telegram Stars: its settings work"),
        ({}, "ok    EPay: its settings work"),
        ({"EPAY_URL": "http://127.0.0.1:1"}, "WRONG EPay: does not answer ("),
        ({"EPAY_PID": "9999"}, "WRONG EPay: refuses: the merchant id or the key"),
        (
            {"TELEGRAM_PROVIDER_TOKEN": "284685063:TEST:not-to-be-seen-9f27c1d4"},
            "ok    Card: its settings work, TEST MODE: no real money",
        ),
        (
            {"TELEGRAM_PROVIDER_TOKEN": "a-token-of-nobodys-not-to-be-seen-9f27c1d4"},
            "WRONG Card: refuses: PAYMENT_PROVIDER_INVALID",
        ),
        ({"STARS_RATE": "50"}, "ok    prices: 1 USD is 50 XTR"),
        ({"STARS_RATE": ""}, "in Stars only what has a price in Stars"),
    ],
)
async def test_the_doctor_says_how_each_way_to_pay_is(
    scene: Scene, changed: dict[str, str], line: str
) -> None:
    _, said = await says(scene, "doctor", **changed)
    assert line in said
    assert NOT_TO_BE_SEEN not in said


@pytest.mark.parametrize(
    "changed", [{"PORT": "many"}, {"BOT_TOKEN": "no-token"}], ids=["PORT", "BOT_TOKEN"]
)
async def test_the_doctor_checks_the_settings_too(scene: Scene, changed: dict[str, str]) -> None:
    [name] = changed
    status, said = await says(scene, "doctor", **changed)
    assert status == WRONG
    assert "WRONG" in said
    assert name in said
    assert "Traceback" not in said


async def test_the_doctor_may_be_asked_while_the_shop_is_open(scene: Scene) -> None:
    """That is when somebody asks."""
    await scene.runs()
    status, said = await says(scene, "doctor")
    assert findings(said) == dict.fromkeys([*CHECKS, *PROVIDERS], "ok")
    assert status == OK


# --- Serving --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "web", "worker"])
async def test_told_to_stop_it_stops(scene: Scene, command: str) -> None:
    program = await scene.starts(command)
    await program.logged('"event": "ready"')
    status, seconds = await program.terminate()
    assert status == OK
    assert seconds < 5
    assert "Traceback" not in program.logs


async def test_web_and_worker_serve_a_purchase_together(
    tmp_path: Path, postgresql_url: str, redis_url: str
) -> None:
    async with open_scene(tmp_path, postgresql_url) as scene:
        await scene.shop.stocked("GAME", keys=2)
        web = await scene.runs("web", REDIS_URL=redis_url)
        worker = await scene.runs("worker", REDIS_URL=redis_url)
        buyer = scene.person()
        await buyer.says("/start p_GAME")
        await buyer.presses("Buy")
        await buyer.presses("EPay")
        await buyer.reads("Held for you until")
        [number] = scene.platform.trades
        scene.platform.pay(number)
        assert await scene.platform.notify(scene.http, number) == (200, "success")
        await buyer.reads("🔑", timeout=15, ever=True)
        assert len(scene.hand_overs(BUYER)) == 1
        await scene.at_rest()
        await scene.everything_holds()
        for program in (web, worker):
            status, seconds = await program.terminate()
            assert status == OK
            assert seconds < 5
