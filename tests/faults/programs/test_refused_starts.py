"""Starts that would do harm are refused, with a sentence and nothing secret."""

import base64
import os
from pathlib import Path

from storage.tables import data_keys
from tests import logscan
from tests.chat.shop_chat import free_port
from tests.faults.scene import Scene

REFUSED = 2  # the exit status of a start that the settings do not allow


async def test_f62_a_second_process_on_one_sqlite_is_refused(
    sqlite_scene: Scene, tmp_path: Path
) -> None:
    scene = sqlite_scene
    placed = await scene.places(await scene.shop.stocked(keys=10))
    first = await scene.runs()
    for command in ("run", "worker"):
        second = await scene.starts(command, PORT=str(free_port()))
        assert await second.ends() == REFUSED
        assert second.logs.startswith("DATABASE_URL: another keystall serves ")
    assert await scene.calls_back(placed) == (200, "success")
    await scene.delivered(placed)

    await first.kill()
    await scene.runs()
    await scene.everything_holds()


async def test_f62_several_processes_share_postgresql(postgresql_scene: Scene) -> None:
    """The control: it is SQLite that is refused, not the second process."""
    scene = postgresql_scene
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    await scene.runs()
    await scene.runs("worker")
    await scene.delivered(placed)
    await scene.everything_holds()


async def test_f74_a_missing_or_wrong_master_key_refuses_the_start(scene: Scene) -> None:
    placed = await scene.sold(await scene.shop.stocked(keys=10))
    known = await scene.shop.rows(data_keys)
    for key in ["", *wrong_keys()]:
        program = await scene.starts(SECRET_KEY=key)
        assert await program.ends() == REFUSED
        assert program.logs.startswith("SECRET_KEY")
        assert len(program.logs.splitlines()) == 1
        assert not key or key not in program.logs
    assert not (scene.folder / "secret.key").exists()
    assert await scene.shop.rows(data_keys) == known

    await scene.runs()
    await scene.delivered(placed)
    await scene.everything_holds()


async def test_f74_a_shop_whose_key_file_is_lost_is_not_given_another(scene: Scene) -> None:
    """Its keys could never be read again, and new ones would hide it."""
    file = scene.folder / "secret.key"
    file.write_text(scene.settings()["SECRET_KEY"])
    program = await scene.runs(SECRET_KEY="")
    await program.kill()
    file.unlink()
    program = await scene.starts(SECRET_KEY="")
    assert await program.ends() == REFUSED
    assert "SECRET_KEY is missing" in program.logs
    assert not file.exists()


def wrong_keys() -> list[str]:
    """Another shop's, one too short, and no base64."""
    keys = [base64.b64encode(os.urandom(count)).decode() for count in (32, 16)]
    keys.append("not*base64*" + os.urandom(8).hex())
    for key in keys:
        logscan.plant(key)
    return keys
