"""A shop with one provider, set up from the environment alone; many tests use it in turn."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests import logscan
from tests.chat.shop_chat import ShopChat, open_shop
from tests.faults.line import Line, line_to
from tests.faults.world import unhurried, with_its_error
from tests.invariants import dump, plaintext_in
from tests.payments.stand_ins import NEW, Served

# The beginning of every key: planted once, for each planted secret is looked for everywhere.
KEY: Final = "KEY-OF-EVERY-PROVIDER"
_SECRET: Final = ("KEY", "SECRET", "TOKEN")


@dataclass
class OpenTill:
    """A shop that many tests use, one after the other. `line` is the one to its database."""

    name: str
    stand_in: Served
    shop: ShopChat
    line: Line | None
    logged: list[EventDict]
    is_sound: bool = True  # until a test leaves it otherwise, which is then told once

    def reasons(self) -> list[str]:
        """What drivers have said of the failures; SQLAlchemy's own words would show values."""
        errors = [entry.get("exc_info") for entry in self.logged]
        return [repr(getattr(e, "orig", type(e))) for e in errors if isinstance(e, Exception)]

    def foresee(self, failure: type[Exception]) -> None:
        """What has been logged of this kind so far had to be."""
        self.logged[:] = [
            entry for entry in self.logged if not isinstance(entry.get("exc_info"), failure)
        ]


@asynccontextmanager
async def open_till(
    folder: Path, database_url: str, name: str, **settings: Any
) -> AsyncIterator[OpenTill]:
    """The shop with this provider and Stars, set up from the environment alone."""
    stand_in = NEW[name]()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stand_in.serving())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        set_environment(patch, stand_in.environment())
        logged = stack.enter_context(capture_logs([with_its_error]))
        line, url = None, database_url
        if database_url.startswith("postgresql"):
            line, url = await stack.enter_async_context(line_to(database_url))
        wanted: dict[str, Any] = {
            "telegram_mode": "webhook",
            "stars_rate": 5,
            "currency": stand_in.currency,
        }
        shop = await stack.enter_async_context(open_shop(folder, url, **wanted | settings))
        unhurried(shop)
        yield OpenTill(name, stand_in, shop, line, logged)
        database, planted = shop.app.database, logscan.scan.planted
        assert plaintext_in(await dump(database), planted) == 0, "I6"
        for entry in logged:
            logscan.scan.add(str(entry), f"the log of the shop with {name}")


def set_environment(patch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    """Whatever is secret among them is looked for in every log from now on."""
    logscan.plant(KEY)
    for name, value in settings.items():
        patch.setenv(name, value)
        if any(word in name for word in _SECRET) and "PUBLIC" not in name:
            for part in value.split(","):
                logscan.plant(part)
