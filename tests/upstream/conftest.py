from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the host's stands between us and our own servers."""
    monkeypatch.setenv("NO_PROXY", "*")
