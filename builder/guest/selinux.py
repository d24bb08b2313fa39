"""SELinux in a guest: its mode, and the labels of its files. Files written offline have no labels."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from builder.errors import GuestError
from builder.events import Notice, OutputLine
from builder.findings import Finding
from builder.guest.chroot import ROOT, environment
from builder.guest.guest import Guest
from builder.guest.info import DISK

Mode = Literal["disabled", "permissive", "enforcing"]

CONFIG = "/etc/selinux/config"
AUTORELABEL = "/.autorelabel"
"""If this file exists, a node relabels its files at boot, and then reboots."""

LABEL = "security.selinux"
LABELLED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs"})
"""The file systems that support labels."""

PROBES = ("/", "/etc", "/etc/passwd", "/etc/shadow", "/etc/machine-id", "/etc/hostname", "/var/log")
"""Paths to check for labels: files from packages, and files that the seal writes last."""

LINES = 25
"""How many of the last lines of setfiles are kept: if it fails, it may complain about thousands of files."""


def find_mode(guest: Guest) -> Mode | None:
    """The mode in which a node boots; None if the guest has no SELinux."""
    word = _find(guest, "SELINUX")
    # Like libselinux, accept any word that starts with the mode.
    return next((mode for mode in get_args(Mode) if word.lower().startswith(mode)), None)


def set_mode(guest: Guest, mode: Mode) -> None:
    """Set the mode in which a node boots. Raises GuestError if the guest has no SELinux."""
    if not guest.is_file(CONFIG):
        raise GuestError(f"the guest has no SELinux: {CONFIG} does not exist")
    text, count = re.subn(r"^SELINUX=.*$", f"SELINUX={mode}", guest.read(CONFIG), flags=re.MULTILINE)
    guest.write(CONFIG, text if count else f"SELINUX={mode}\n{text}")
    if mode == "disabled":
        guest.remove(AUTORELABEL)


def _find(guest: Guest, name: str) -> str:
    """The value of the first line that sets a name, as in libselinux; empty if there is none."""
    text = guest.read(CONFIG) if guest.is_file(CONFIG) else ""
    found = re.search(rf"^{name}=[ \t]*(\S*)", text, re.MULTILINE)
    return found[1] if found else ""


def relabel(guest: Guest) -> None:
    """Label every file by the guest's own policy.

    If that fails, emit a warning and let nodes relabel their files at the first boot.
    """
    contexts = f"/etc/selinux/{_find(guest, 'SELINUXTYPE') or 'targeted'}/contexts/files/file_contexts"
    problem = _run_setfiles(guest, contexts) if guest.is_file(contexts) else f"{contexts} does not exist"
    if problem is None and (unlabelled := find_unlabelled(guest)):
        problem = f"{unlabelled[0]} has no label"
    if problem is None:
        guest.remove(AUTORELABEL)
        return
    guest.write(AUTORELABEL, b"")
    guest.emit(
        Notice(
            f"cannot label the files for SELinux, so a node does it at its first boot and reboots: {problem}",
            warning=True,
        )
    )


def find_unlabelled(guest: Guest, paths: Iterable[str] = PROBES) -> list[str]:
    """The paths that exist but have no label."""
    existing = [path for path in paths if guest.exists(path)]
    return [
        path
        for path in existing
        if not any(attribute["attrname"] == LABEL for attribute in guest.call("lgetxattrs", path))
    ]


def check_labels(guest: Guest) -> Iterator[Finding]:
    """Check that files have labels, or get them at a node's first boot."""
    if guest.exists(AUTORELABEL):
        yield Finding(True, f"{AUTORELABEL} exists: a node labels its files at the first boot")
        return
    unlabelled = find_unlabelled(guest)
    message = f"no SELinux label: {', '.join(unlabelled)}" if unlabelled else "the files have SELinux labels"
    yield Finding(not unlabelled, message)


def _run_setfiles(guest: Guest, contexts: str) -> str | None:
    """Label all files. Return the problem, if any."""
    # Use the guest's own setfiles: the host may have none, and the guest's compiled policy fits its own version.
    if not guest.glob("/sbin/setfiles", "/usr/sbin/setfiles"):
        return "the guest has no setfiles"
    # The guest's own /dev, /sys and /run need labels, too: unmount what hides them.
    guest.leave_chroot()
    setfiles = f"env -i {environment(guest.info)} chroot {ROOT} setfiles"
    # -F resets the whole label. -m ignores which mounts support labels: this kernel, without SELinux, reports none.
    # EL 7's setfiles has no -m and reads /proc/mounts; with /proc mounted, it would label nothing.
    # All mount points are listed, because setfiles does not cross file systems.
    arguments = shlex.join(["-e", "/proc", contexts, *_labelled_points(guest)])
    printed = guest.appliance.shell(
        f"if {setfiles} -m 2>&1 | grep -q 'invalid option'; then m=; else m=-m; mount -t proc proc {ROOT}/proc; fi\n"
        f"{{ {setfiles} -F $m {arguments} 2>&1; status=$?; echo; echo $status; }} | tail -n {LINES}\n"
        f'[ -z "$m" ] || umount {ROOT}/proc'
    )
    output, _, status = printed.rstrip("\n").rpartition("\n")
    for line in output.split("\n"):
        if line:
            guest.emit(OutputLine(line))
    return None if status == "0" else f"setfiles exited with status {status}"


def _labelled_points(guest: Guest) -> list[str]:
    """The mount points of file systems that support labels."""
    devices = {point: device.replace(DISK, guest.device) for point, device in guest.info.mounts.items()}
    return sorted(point for point, device in devices.items() if guest.call("vfs_type", device) in LABELLED)
