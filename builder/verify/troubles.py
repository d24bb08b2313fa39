"""What a clone prints on its serial console when it cannot boot."""

from __future__ import annotations

from builder.consoles.troubles import Trouble

ROOT = "check that kernel-args, fstab and the boot loader name the node's disk, /dev/vda"
CONSOLE = "read the last lines of the console: they show the reason"

TROUBLES = (
    Trouble(r"Kernel panic - not syncing: (?P<what>.*?)(?: \]---)?$", "its kernel panicked: {what}", ROOT),
    Trouble(
        r"VFS: (?P<what>(?:Cannot open|Unable to mount) root .*)",
        "its kernel found no root file system: {what}",
        ROOT,
    ),
    # --- initramfs ---------------------------------------------------------------------------
    Trouble(r"Gave up waiting for (?:root|suspend/resume)", "its initramfs found no root file system", ROOT),
    Trouble(r"ALERT! +(?P<what>\S+ does not exist)", "its initramfs found no root file system: {what}", ROOT),
    Trouble(r"^\(initramfs\)|No root device found|dracut:/#", "its initramfs gave up and shows a shell", ROOT),
    Trouble(r"Entering emergency mode|You are in emergency mode", "it dropped to emergency mode", CONSOLE),
    Trouble(r"You are in rescue mode|Entering rescue mode", "it dropped to rescue mode", CONSOLE),
    Trouble(
        r"Cannot open access to console, the root account is locked|Give root password for maintenance",
        "it dropped to emergency mode",
        CONSOLE,
    ),
    Trouble(r"systemd\[1\]: Freezing execution|Attempted to kill init", "its init process failed", CONSOLE),
    # --- before the kernel -------------------------------------------------------------------
    Trouble(
        r"^grub(?: rescue)?> ?",
        "its boot loader gave up and shows a prompt",
        "check that grub's configuration on the disk is complete",
    ),
    Trouble(r"error: you need to load the kernel first", "its boot loader found no kernel", CONSOLE),
    Trouble(
        r"No bootable device|not a bootable disk|No bootable option or device was found|^UEFI Interactive Shell",
        "its firmware found nothing to boot",
        "check that the template has a boot loader for the recipe's `firmware:`",
    ),
)
