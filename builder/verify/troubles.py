"""What a machine shows on its serial console when its boot will not end well."""

from __future__ import annotations

import re

from builder.installer.troubles import Trouble

ROOT = "do kernel-args, fstab and boot loader name the disk that a node has, /dev/vda?"
ABOVE = "the console's last lines say why"

TROUBLES = (
    Trouble(r"Kernel panic - not syncing: (?P<what>.*?)(?: \]---)?$", "its kernel panicked: {what}", ROOT),
    Trouble(r"VFS: (?P<what>(?:Cannot open|Unable to mount) root .*)", "its kernel found no root: {what}", ROOT),
    # --- initramfs ---------------------------------------------------------------------------
    Trouble(
        r"(?:Gave up waiting for (?:root|suspend/resume)|ALERT! +(?P<what>\S+ does not exist))",
        "its initramfs found no root file system {what}",
        ROOT,
    ),
    Trouble(r"^\(initramfs\)|No root device found|dracut:/#", "its initramfs gave up, and shows a shell", ROOT),
    Trouble(r"Entering emergency mode|You are in emergency mode", "it fell into emergency mode", ABOVE),
    Trouble(r"You are in rescue mode|Entering rescue mode", "it fell into rescue mode", ABOVE),
    Trouble(
        r"Cannot open access to console, the root account is locked|Give root password for maintenance",
        "it fell into emergency mode",
        ABOVE,
    ),
    Trouble(r"systemd\[1\]: Freezing execution|Attempted to kill init", "its init gave up", ABOVE),
    # --- before the kernel -------------------------------------------------------------------
    Trouble(r"^grub(?: rescue)?> ?", "its boot loader gave up, and shows a prompt", "is grub's configuration whole?"),
    Trouble(r"error: you need to load the kernel first", "its boot loader found no kernel", ABOVE),
    Trouble(
        r"No bootable device|not a bootable disk|No bootable option or device was found|^UEFI Interactive Shell",
        "its firmware found nothing to boot",
        "is there a boot loader, and for the recipe's `firmware:`?",
    ),
)

_COMPILED = [(re.compile(each.pattern), each) for each in TROUBLES]


def find_trouble(line: str) -> tuple[str, str] | None:
    """What a line means, and what to do about it; None for one that means no trouble."""
    for pattern, trouble in _COMPILED:
        if found := pattern.search(line):
            what = (found.groupdict().get("what") or "").strip()
            return trouble.reason.format(what=what).strip(), trouble.hint
    return None
