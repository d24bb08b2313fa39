from __future__ import annotations

import pytest
from pydantic import ValidationError

from builder.errors import GuestError
from builder.events import Event, Notice, OutputLine
from builder.guest import selinux
from builder.guest.guest import Guest
from builder.steps.selinux import Selinux
from builder.steps.selinux_relabel import SelinuxRelabel

CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts"


def test_shapes() -> None:
    assert SelinuxRelabel.model_validate(True).title == "selinux-relabel"
    with pytest.raises(ValidationError):
        SelinuxRelabel.model_validate(False)


def labels(guest: Guest) -> dict[str, str]:
    """Return the label of every file on the disk, by path."""
    guest.leave_chroot()
    told = guest.appliance.shell_output("cd /sysroot && find . -printf '%P\\0%Z\\0' 2>/dev/null || true")
    listed = told.decode(errors="surrogateescape").split("\0")
    return {f"/{path}": label for path, label in zip(listed[0:-1:2], listed[1::2], strict=True)}


@pytest.mark.slow
def test_every_file_gets_its_label(centos7_guest: Guest) -> None:
    guest = centos7_guest
    step = SelinuxRelabel()
    guest.write(selinux.AUTORELABEL, b"")
    assert [finding.message for finding in step.check(guest)] == [
        "/.autorelabel exists: a node labels its files at the first boot"
    ]
    guest.remove(selinux.AUTORELABEL)
    assert [finding.ok for finding in step.check(guest)] == [False]
    assert not any(labels(guest).values())

    guest.write("/root/a b", "x")
    guest.write(selinux.AUTORELABEL, b"")
    step.apply(guest)
    assert not guest.exists(selinux.AUTORELABEL)
    assert [(finding.ok, finding.message) for finding in step.check(guest)] == [(True, "the files have SELinux labels")]
    found = labels(guest)
    # One that is mounted over while setfiles runs, and one that the seal writes.
    assert [path for path, label in found.items() if not label] == ["/proc"]
    for path, kind in (
        ("/", "root_t"),
        ("/etc/shadow", "shadow_t"),
        ("/root/a b", "admin_home_t"),
        ("/usr/bin/env", "bin_t"),
        ("/bin", "default_t"),
        ("/dev", "default_t"),
    ):
        assert found[path] == f"system_u:object_r:{kind}:s0", path

    # A wrong label is corrected, and the check notices a file created later.
    guest.call("lsetxattr", selinux.LABEL, "system_u:object_r:usr_t:s0", 26, "/etc/shadow")
    guest.remove("/etc/hostname")
    guest.write("/etc/hostname", "node\n")
    assert [finding.message for finding in step.check(guest)] == ["no SELinux label: /etc/hostname"]
    step.apply(guest)
    assert labels(guest)["/etc/shadow"] == "system_u:object_r:shadow_t:s0"
    assert all(finding.ok for finding in step.check(guest))


# Imitates EL 7's setfiles, which has no -m and labels nothing on mounts without labels. It calls the real
# setfiles, which needs /proc, unlike EL 7's.
OLD_SETFILES = """\
#!/bin/sh
for word; do
    if [ "$word" = -m ]; then
        echo "setfiles: invalid option -- 'm'" >&2
        exit 255
    fi
done
[ ! -e /proc/mounts ] || exit 0
mount -t proc proc /proc
/usr/lib/new/setfiles -m "$@"
status=$?
umount /proc
exit $status
"""


@pytest.mark.slow
def test_an_old_setfiles(centos7_guest: Guest) -> None:
    guest = centos7_guest
    guest.run("mkdir /usr/lib/new && mv /usr/sbin/setfiles /usr/lib/new")
    guest.write("/usr/sbin/setfiles", OLD_SETFILES, mode=0o755)
    SelinuxRelabel().apply(guest)
    assert not guest.exists(selinux.AUTORELABEL)
    assert labels(guest)["/etc/shadow"] == "system_u:object_r:shadow_t:s0"


@pytest.mark.slow
def test_the_first_boot_labels_what_the_build_cannot(centos7_guest: Guest) -> None:
    guest = centos7_guest
    said: list[Event] = []
    guest.emit = said.append
    contexts = guest.read(CONTEXTS)

    def reason() -> str:
        guest.remove(selinux.AUTORELABEL)
        said.clear()
        SelinuxRelabel().apply(guest)
        assert guest.exists(selinux.AUTORELABEL)
        assert all(finding.ok for finding in SelinuxRelabel().check(guest))
        (notice,) = (event for event in said if isinstance(event, Notice))
        return notice.text.rpartition("and reboots: ")[2]

    guest.write(CONTEXTS, contexts + "/[ -- nonsense\n")
    assert reason().startswith("setfiles exited with status ")
    assert any(isinstance(event, OutputLine) and "file_contexts" in event.line for event in said)
    guest.write(CONTEXTS, "/nothing\tsystem_u:object_r:etc_t:s0\n")
    assert reason() == "/ has no label"
    guest.remove(CONTEXTS)
    assert reason() == f"{CONTEXTS} does not exist"
    guest.write(CONTEXTS, contexts)
    guest.remove("/usr/sbin/setfiles")
    assert reason() == "the guest has no setfiles"


@pytest.mark.slow
def test_other_file_systems(centos7_guest: Guest) -> None:
    """Other mounted file systems are labelled too, if they support labels."""
    guest = centos7_guest
    devices = {}
    for kind in ("ext4", "vfat"):
        image = f"/dev/golden-{kind}"
        made = f"truncate -s 16M {image} && mkfs.{kind} {image} >/dev/null 2>&1 && losetup --find --show {image}"
        devices[f"/srv/{kind}"] = guest.appliance.shell(made).strip()
    for point, device in devices.items():
        guest.mkdir(point)
        guest.appliance.shell(f"mount {device} /sysroot{point}")
    try:
        guest.info.mounts.update(devices)
        for point in devices:
            guest.write(f"{point}/file", "x")
        SelinuxRelabel().apply(guest)
        found = labels(guest)
        assert found["/srv/ext4/file"] == "system_u:object_r:default_t:s0"
        assert found["/srv/vfat/file"] == ""
        assert not guest.exists(selinux.AUTORELABEL)
    finally:
        guest.leave_chroot()
        for point, device in devices.items():
            guest.info.mounts.pop(point, None)
            guest.appliance.shell(f"umount /sysroot{point}; losetup --detach {device}; rm /dev/golden-{point[5:]}")


@pytest.mark.slow
def test_a_guest_without_selinux(guest: Guest) -> None:
    with pytest.raises(GuestError, match="SELinux is not installed in the guest"):
        SelinuxRelabel().apply(guest)


@pytest.mark.slow
def test_a_guest_whose_selinux_is_disabled(centos7_guest: Guest) -> None:
    Selinux(mode="disabled").apply(centos7_guest)
    with pytest.raises(GuestError, match="SELinux is disabled in the guest"):
        SelinuxRelabel().apply(centos7_guest)
    assert not centos7_guest.exists(selinux.AUTORELABEL)
