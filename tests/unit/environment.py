"""An environment of a test's own, and what the start says about it."""

from pathlib import Path
from typing import Final

import pytest

from bot.payment_settings import BLOCKS
from bot.settings import BadSettings, Settings, load

HTTPS: Final = "https://shop.example"
TOKEN: Final = "42:LOCAL-TOKEN-OF-A-TEST"
EPAY: Final = {
    "EPAY_URL": "https://pay.example",
    "EPAY_PID": "1001",
    "EPAY_KEY": "merchant-key",
}
WRITTEN: Final = "not-to-be-seen-9f27c1d4"


def known() -> set[str]:
    """Every setting's name, as it is written in the environment."""
    own = {name.upper() for name in Settings.model_fields if name != "providers"}
    blocks = BLOCKS.values()
    return own | {block.env_name(name) for block in blocks for name in block.model_fields}


def clear(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Neither this machine's environment nor its `.env`."""
    monkeypatch.chdir(folder)
    for name in known():
        monkeypatch.delenv(name, raising=False)


class Environment:
    """Sets variables; `refusal` is what the start says about them, on its one line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, **values: str) -> Settings:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)
        return load()

    def refusal(self, **values: str) -> str:
        with pytest.raises(BadSettings) as refused:
            self.set(**values).token()
        assert refused.value.__cause__ is None
        sentence = str(refused.value)
        assert "\n" not in sentence
        return sentence
