"""Disks to look into: overlays of the tests' own on the published template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.appliance.appliance import Appliance
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from tests.mounting import overlay_on, throw_away


@pytest.fixture(scope="session")
def published(built: dict[str, Any]) -> Path:
    """The disk of a published version."""
    return Path(built["path"], "disk.qcow2")


@pytest.fixture
def disk(published: Path, tmp_path: Path) -> Path:
    """A disk of the test's own, on the published one."""
    return overlay_on(published, tmp_path / "own.qcow2")


@pytest.fixture(scope="module")
def shared_guest(
    appliance: Appliance, published: Path, debian_base: tuple[Path, GuestInfo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    """A mounted guest for all tests of a module."""
    with throw_away(appliance, (published, debian_base[1]), tmp_path_factory.mktemp("guest")) as mounted:
        yield mounted
