"""The demo's page in a real browser, pressed as people press it."""

import pytest

# One browser serves all of these tests: they share a loop, and with pytest-xdist a worker.
in_one_browser = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("browser"),
]
