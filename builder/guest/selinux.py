"""SELinux in a guest: its mode, and the labels of its files, which offline edits leave without."""

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
"""Where this is, a node labels its files at boot, and boots again."""

LABEL = "security.selinux"
LABELLED = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs"})
"""The file systems that can hold labels."""

PROBES = ("/", "/etc", "/etc/passwd", "/etc/shadow", "/etc/machine-id", "/etc/hostname", "/var/log")
"""Paths that other programs than ours made, and some that the seal writes last."""

LINES = 25
"""Lines that are kept of what setfiles prints: if it cannot label one file, it cannot label thousands."""


def find_mode(guest: Guest) -> Mode | None:
    """The mode in which a node will start; None for a guest without SELinux."""
    word = _find(guest, "SELINUX")
    # As libselinux does: the beginning of the word counts.
    return next((mode for mode in get_args(Mode) if word.lower().startswith(mode)), None)


def set_mode(guest: Guest, mode: Mode) -> None:
    """Choose the mode in which a node starts. Raises GuestError for a guest without SELinux."""
    if not guest.is_file(CONFIG):
        raise GuestError(f"the guest has no SELinux: there is no {CONFIG}")
    text, count = re.subn(r"^SELINUX=.*$", f"SELINUX={mode}", guest.read(CONFIG), flags=re.MULTILINE)
    guest.write(CONFIG, text if count else f"SELINUX={mode}\n{text}")
    if mode == "disabled":
        guest.remove(AUTORELABEL)


def _find(guest: Guest, name: str) -> str:
    """The value of the first line that sets a name, as libselinux reads the file; empty where none does."""
    text = guest.read(CONFIG) if guest.is_file(CONFIG) else ""
    found = re.search(rf"^{name}=[ \t]*(\S*)", text, re.MULTILINE)
    return found[1] if found else ""


def relabel(guest: Guest) -> None:
    """Give every file the label that the guest's own policy has for it.

    What cannot be done here is left to the node's first boot, and said.
    """
    contexts = f"/etc/selinux/{_find(guest, 'SELINUXTYPE') or 'targeted'}/contexts/files/file_contexts"
    problem = _run_setfiles(guest, contexts) if guest.is_file(contexts) else f"there is no {contexts}"
    if problem is None and (bare := find_unlabelled(guest)):
        problem = f"{bare[0]} got none"
    if problem is None:
        guest.remove(AUTORELABEL)
        return
    guest.write(AUTORELABEL, b"")
    guest.emit(Notice(f"a node sets its SELinux labels at its first boot, and boots twice: {problem}", warning=True))


def find_unlabelled(guest: Guest, paths: Iterable[str] = PROBES) -> list[str]:
    """Those of some paths that are there without a label."""
    there = [path for path in paths if guest.exists(path)]
    return [
        path
        for path in there
        if not any(attribute["attrname"] == LABEL for attribute in guest.call("lgetxattrs", path))
    ]


def check_labels(guest: Guest) -> Iterator[Finding]:
    """Prove that files have labels, or will get them at a node's first boot."""
    if guest.exists(AUTORELABEL):
        yield Finding(True, f"{AUTORELABEL} is there: a node labels its files at its first boot")
        return
    bare = find_unlabelled(guest)
    yield Finding(not bare, f"{', '.join(bare)} without a label" if bare else "the files have labels")


def _run_setfiles(guest: Guest, contexts: str) -> str | None:
    """Label all files; returns what went wrong, if anything did."""
    # No program of ours shall depend on the host's distribution, and the compiled policy goes with the guest's own.
    if not guest.glob("/sbin/setfiles", "/usr/sbin/setfiles"):
        return "the guest has no setfiles"
    # With /dev, /sys and /run mounted over, the guest's own folders of those names would get no labels.
    guest.leave_chroot()
    setfiles = f"env -i {environment(guest.info)} chroot {ROOT} setfiles"
    # -F: the whole label, whatever it is now. -m: never mind that this kernel, without SELinux, labels no mount.
    # EL 7's has no -m yet, and asks /proc/mounts, which must not be there then: it would label nothing.
    # Each mount point by name, for setfiles does not go from one file system into another.
    rest = shlex.join(["-e", "/proc", contexts, *_labelled_points(guest)])
    printed = guest.appliance.shell(
        f"if {setfiles} -m 2>&1 | grep -q 'invalid option'; then m=; else m=-m; mount -t proc proc {ROOT}/proc; fi\n"
        f"{{ {setfiles} -F $m {rest} 2>&1; status=$?; echo; echo $status; }} | tail -n {LINES}\n"
        f'[ -z "$m" ] || umount {ROOT}/proc'
    )
    output, _, status = printed.rstrip("\n").rpartition("\n")
    for line in output.split("\n"):
        if line:
            guest.emit(OutputLine(line))
    return None if status == "0" else f"setfiles exited with status {status}"


def _labelled_points(guest: Guest) -> list[str]:
    """The mount points of file systems that can hold labels."""
    devices = {point: device.replace(DISK, guest.device) for point, device in guest.info.mounts.items()}
    return sorted(point for point, device in devices.items() if guest.call("vfs_type", device) in LABELLED)
