from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from builder import process
from builder.appliance.appliance import Appliance, Disk
from builder.guest import bootloader
from builder.guest.guest import Guest
from builder.guest.info import GuestInfo
from builder.steps.fstab import Fstab
from tests.mounting import throw_away


def test_shapes() -> None:
    assert Fstab.model_validate("device-names").title == "fstab device-names"
    with pytest.raises(ValidationError):
        Fstab.model_validate("labels")


@pytest.fixture
def second(appliance: Appliance, debian_base: tuple[Path, GuestInfo], tmp_path: Path) -> Iterator[Guest]:
    """A guest whose disk has another device name in the appliance than in the domain."""
    blank = tmp_path / "blank.qcow2"
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", str(blank), "1G"])
    first = appliance.plug(Disk(blank))
    with throw_away(appliance, debian_base, tmp_path) as guest:
        assert guest.device != "/dev/vda"
        yield guest
    appliance.unplug(first)


FSTAB = """\
# <file system> <mount point> <type> <options> <dump> <pass>
UUID={uuid}   /   ext4  errors=remount-ro 0 1
  UUID="{uuid}"\t/again\text4 ro 0 0
/dev/sda1 / ext4 bind 0 0
PARTUUID={partuuid} /third ext4 ro 0 0   # comment
UUID=00000000-1111-2222-3333-444444444444 /elsewhere xfs defaults 0 0

/dev/vdb1 /data xfs nofail 0 2
nas:/export /nas nfs ro 0 0
tmpfs /tmp tmpfs size=1G 0 0
/dev/mapper/vg-swap none swap sw 0 0
#UUID={uuid} /old ext4
"""


@pytest.mark.slow
def test_fstab(second: Guest) -> None:
    guest = second
    about = guest.call("blkid", f"{guest.device}1")
    before = FSTAB.format(uuid=about["UUID"], partuuid=about["PART_ENTRY_UUID"]).replace("/dev/vdb1", "/dev/vdc1")
    guest.write("/etc/fstab", before)

    by_device = Fstab(naming="device-names")
    assert [finding.ok for finding in by_device.check(guest)] == [False] * 5
    by_device.apply(guest)
    bootloader.of(guest).regenerate()
    uuid = re.escape(about["UUID"])
    named = re.sub(rf'^(  )?(UUID="?{uuid}"?|/dev/sda1|PARTUUID=\S+)', r"\g<1>/dev/vda1", before, flags=re.MULTILINE)
    assert guest.read("/etc/fstab") == named
    assert "\n  /dev/vda1\t/again\text4 ro 0 0\n" in named
    assert "\n#UUID=" in named
    kernels = [line for line in guest.read("/boot/grub/grub.cfg").splitlines() if "/boot/vmlinuz" in line]
    assert len(kernels) == 3
    assert all(" root=/dev/vda1 ro" in line for line in kernels)
    findings = list(by_device.check(guest))
    assert all(finding.ok for finding in findings), findings
    assert [finding.message for finding in findings][::4] == [
        "fstab mounts / from /dev/vda1",
        "the kernel arguments have root=/dev/vda1",
    ]

    by_uuid = Fstab(naming="uuid")
    assert not any(finding.ok for finding in by_uuid.check(guest))
    by_uuid.apply(guest)
    bootloader.of(guest).regenerate()
    assert guest.read("/etc/fstab") == named.replace("/dev/vda1", f"UUID={about['UUID']}")
    assert guest.read("/boot/grub/grub.cfg").count(f" root=UUID={about['UUID']} ro") == 3
    assert all(finding.ok for finding in by_uuid.check(guest))
