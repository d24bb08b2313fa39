from __future__ import annotations

from pathlib import Path

import pytest

from builder.appliance.handle import ApplianceSettings, new_handle
from builder.appliance.processors import PROCESSORS, count_processors
from builder.errors import RequestError


def test_by_default_as_many_as_the_host_up_to_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSORS, raising=False)
    for host, expected in ((None, 1), (1, 1), (3, 3), (64, 4)):
        monkeypatch.setattr("os.cpu_count", lambda host=host: host)
        assert count_processors() == expected


def test_the_number_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PROCESSORS, "7")
    settings = ApplianceSettings(tmp_path)
    assert settings.shape == {"memory": 2048, "processors": 7}
    assert new_handle(settings, "tcg").get_smp() == 7


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "256", "1.5", "²"])
def test_an_invalid_number(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv(PROCESSORS, wrong)
    with pytest.raises(RequestError, match=f"GOLDEN_SMP is not a valid number of processors: '{wrong}'"):
        count_processors()
