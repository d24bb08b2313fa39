"""Stages and troubles, by what installers print: Anaconda of EL 7 and EL 9, Debian's, dracut, Linux."""

from __future__ import annotations

import re

import pytest

from builder.consoles.troubles import TroubleFinder
from builder.installer.stages import InstallStages
from builder.installer.troubles import LINES, TROUBLES

BENIGN = """\
Starting installer, one moment...
anaconda 34.25.1.14-1.el9.alma for AlmaLinux 9.2 started.
 * installation log files are stored in /tmp during the installation
 * shell is available on TTY2
19:32:11 Not asking for VNC because of an automated install
Starting automated install....
[    3.1] dracut-initqueue[512]: mount: /run/install/repo mounted
http://mirror/repodata/repomd.xml: [Errno 14] HTTP Error 404 - Not Found
Trying other mirror.
 1) [x] Language settings                 2) [x] Time settings
 3) [!] Software selection                4) [x] Installation Destination
    (Processing...)
Installing python-kickstart (12/300)
Installing out-of-memory-handler (13/300)
[    0.000000] Kernel command line: panic=1 inst.ks=file:/ks.cfg
Installation complete.
reboot: Power down
"""

RECORDED = [
    (
        "An error occurred during reading the kickstart file:\n"
        "The following problem occurred on line 12 of the kickstart file:\n\nUnknown command: frobnicate\n",
        "line 12 of the kickstart",
    ),
    ("There was a problem reading from line 3 of the kickstart file", "cannot read line 3 of the kickstart"),
    ("The following mandatory spokes are not completed:\nInstallation Destination", "kickstart is incomplete"),
    (
        "There was an error running the kickstart script at line\n40.  This is a fatal error and installation will be",
        "script at line 40",
    ),
    (
        "The following error occurred while installing the boot loader. The system will\n"
        "not be bootable. Would you like to ignore this and continue with installation?",
        "could not install the boot loader",
    ),
    (
        "You have specified that the package 'nosuch' should be installed. This\npackage does not exist.\n"
        "Would you like to ignore this and continue with\ninstallation?",
        "continue after an error",
    ),
    ("Not enough space in file systems for the current software selection.", "disk is too small"),
    ("Please respond 'yes' or 'no': ", "asks a question"),
    (
        "  Please make a selection from the above ['b' to begin installation, 'q' to quit,\n  'r' to refresh]: ",
        "choice from a menu",
    ),
    (
        "  Please make your choice from above ['q' to quit | 'b' to begin installation |\n  'r' to refresh]: ",
        "choice from a menu",
    ),
    ("Installation complete. Press ENTER to quit: ", "instead of powering off"),
    ("Press ENTER to exit: ", "shows an error and waits"),
    ("Pane is dead", "Anaconda ended"),
    ("An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details", "unknown error"),
    (
        "The following error occurred while installing the payload. This is a fatal error\n"
        "and installation will be aborted.",
        "gave up",
    ),
    ("Some packages, groups or modules are broken, the installation will be aborted.", "gave up"),
    ("Error setting up base repository", "cannot use the tree"),
    ("OSError: [Errno 28] No space left on device", "failed: No space left on device"),
    ("failure: repodata/repomd.xml from anaconda: [Errno 256] No more mirrors to try.", "No more mirrors"),
    (
        "[  238.9] dracut-initqueue[1133]: Warning: anaconda: failed to fetch stage2 from http://10.0.2.2:8181",
        "could not fetch stage2 from http://10.0.2.2:8181",
    ),
    ("[  199.1] dracut-initqueue[450]: Warning: dracut-initqueue timeout - starting timeout scripts", "second stage"),
    ("dracut-initqueue[945]: Warning: Could not boot.", "second stage"),
    ("Entering emergency mode. Exit the shell to continue.", "emergency shell"),
    (
        "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        "panicked: VFS: Unable to mount root fs",
    ),
    ("[  9.1] Out of memory: Killed process 1234 (anaconda) total-vm:1kB", "ran out of memory"),
    ("┌────┤ [!!] Partition disks ├────┐\n│ No root file system    │", "asks: Partition disks"),
    ("  [!] Select and install software", "asks: Select and install software"),
]


def find(text: str) -> list[str]:
    """What is made of each line, the last of which may have only begun."""
    troubles = TroubleFinder(TROUBLES, LINES)
    *lines, last = text.split("\n")
    found = [troubles.find(line.rstrip()) for line in lines if line.strip()]
    return [trouble.reason for trouble in [*found, troubles.find_pending(last.strip())] if trouble]


@pytest.mark.parametrize(("text", "reason"), RECORDED, ids=[reason for _, reason in RECORDED])
def test_trouble_is_found(text: str, reason: str) -> None:
    assert any(reason in message for message in find(text)), find(text)
    assert reason in find(text)[0], "something else was made of it first"


def test_a_calm_install_has_none() -> None:
    assert find(BENIGN) == []


def test_every_trouble_is_exercised() -> None:
    text = " ".join(" ".join(text.split()) for text, _ in RECORDED)
    assert [each.reason for each in TROUBLES if not re.search(each.pattern, text)] == []


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("Starting installer, one moment...", "Starting installer, one moment"),
        ("anaconda 19.31.79-1 for CentOS 7 started.", "anaconda 19.31.79-1 for CentOS 7 started"),
        ("19:40:01 Performing post-installation setup tasks", "Performing post-installation setup tasks"),
        ("Installing boot loader", "Installing boot loader"),
        ("Installing bootloader", "Installing bootloader"),
        ("Creating xfs on /dev/vda1", "Creating xfs on /dev/vda1"),
        ("┌────┤ Installing the base system ├────┐", "Installing the base system"),
        ("   Partitions formatting ... 33%", "Partitions formatting"),
        ("Installation complete.  Press ENTER to quit:", "Installation complete"),
        ("[    1.0] systemd[1]: Starting D-Bus", None),
        ("(/sbin/anaconda 1 started", None),
    ],
)
def test_stages(line: str, stage: str | None) -> None:
    assert InstallStages().find(line) == stage


def test_a_stage_is_told_once_until_the_next() -> None:
    stages = InstallStages()
    lines = ["Partitions formatting 1%", "Partitions formatting 2%", "Configuring apt", "Partitions formatting"]
    assert [stages.find(line) for line in lines] == [
        "Partitions formatting",
        None,
        "Configuring apt",
        "Partitions formatting",
    ]


def test_of_many_packages_each_tenth_part_is_told() -> None:
    stages = InstallStages()
    told = [stages.find(f"Installing p{number}.x86_64 ({number}/300)") for number in range(1, 301)]
    assert [text for text in told if text] == [
        f"Installing p{number}.x86_64 ({number}/300)" for number in (1, *range(30, 301, 30))
    ]
