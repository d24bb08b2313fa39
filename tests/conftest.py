"""Real parts for the tests: one appliance and one Debian base for the whole run."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import process
from builder.guest import appliance as appliances
from builder.guest.appliance import Appliance, Disk
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo


@pytest.fixture(scope="session")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    cache = Path(os.environ.get("GOLDEN_TEST_OUTPUT") or tmp_path_factory.mktemp("output")) / "cache/appliance"
    with appliances.start(appliances.Settings(cache), print) as running:
        yield running


@pytest.fixture(scope="session")
def debian_base() -> tuple[Path, GuestInfo]:
    disk = Path(os.environ["GOLDEN_TEST_BASE"])
    return disk, GuestInfo.from_json(json.loads(disk.with_suffix(".json").read_text())["info"])


_numbers = itertools.count()


@pytest.fixture
def guest(
    appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    """A mounted Debian guest of the test's own: an overlay on the shared base."""
    base, info = debian_base
    overlay = tmp_path_factory.mktemp("guest") / f"{next(_numbers)}.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(overlay)])
    device = appliance.plug(Disk(overlay))
    mounted = Guest(appliance, device, info, print)
    mounted.mount()
    yield mounted
    mounted.unmount()
    appliance.unplug(device)
    overlay.unlink()
