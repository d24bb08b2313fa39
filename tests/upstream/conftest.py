from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the host's proxy from being used for the test servers."""
    monkeypatch.setenv("NO_PROXY", "*")
