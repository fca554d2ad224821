"""The fixture that opens what an owner sends."""

from pathlib import Path

import pytest

from storage.keyfiles import KeyFile, open_key_file
from tests.unit.keyfiles.uploads import Opener


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    def opened(content: bytes | str, name: str = "keys.txt", **options: object) -> KeyFile:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_key_file(path, name, **options)  # type: ignore[arg-type]

    return opened
