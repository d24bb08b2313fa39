from __future__ import annotations

from pathlib import Path

import pytest

from tests.install_trees import samples


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the host's stands between us and our own server."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def el9(tmp_path: Path) -> Path:
    return samples.el9(tmp_path / "el9")


@pytest.fixture
def el7(tmp_path: Path) -> Path:
    return samples.el7(tmp_path / "el7")


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    return samples.debian(tmp_path / "debian")
