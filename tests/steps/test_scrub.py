from __future__ import annotations

import re

import pytest

from builder.guest.guest import Guest
from builder.steps.scrub import Scrub

SECRET = b"correct horse battery staple"


@pytest.mark.slow
def test_scrub(guest: Guest) -> None:
    # Search the disk itself, below the file system.
    search = f"sync; echo 3 >/proc/sys/vm/drop_caches; dd if={guest.device} bs=4096 skip=%s count=1 2>/dev/null"
    guest.write("/srv/it's secret", SECRET * 100)
    guest.write("/srv/other", "text")
    guest.link("other", "/srv/alias")
    extents = guest.appliance.shell('sync; filefrag -b4096 -v "/sysroot/srv/it\'s secret"')
    start = re.search(r"^ *0: +0\.\. +0: +(\d+)\.\.", extents, re.MULTILINE)
    assert start, extents
    offset = int(guest.appliance.shell(f"cat /sys/class/block/{guest.device[5:]}1/start")) // 8
    where = search % (int(start[1]) + offset)
    assert SECRET in guest.appliance.shell_output(where)

    step = Scrub.model_validate(["/srv/it's secret", "/srv/alias"])
    assert [finding.ok for finding in step.check(guest)] == [False, False]
    step.apply(guest)
    assert [finding.ok for finding in step.check(guest)] == [True, True]
    assert guest.ls("/srv") == []
    assert SECRET not in guest.appliance.shell_output(where)
