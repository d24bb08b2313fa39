"""Finds the stages of an install in the installer's output."""

from __future__ import annotations

import re

ANACONDA = (
    r"anaconda \d[\w.-]+.* started",
    r"Starting installer, one moment",
    r"Starting automated install",
    r"Generating updated storage configuration",
    r"Checking storage configuration",
    r"Checking software (?:dependencies|selection)",
    r"Setting up the installation environment",
    r"Configuring storage",
    r"Creating (?:disklabel|[a-z0-9]+) on \S+",
    r"Running pre-installation (?:scripts|tasks|setup tasks)",
    r"Starting package installation process",
    r"Preparing transaction from installation source",
    r"Downloading packages",
    r"Verifying installed packages|Verifying transaction",
    r"Performing post-installation setup tasks",
    r"Installing boot ?loader",
    r"Configuring (?:installed system|addons|kernel|storage)",
    r"Performing post-install(?:ation)? setup tasks",
    r"Writing (?:network configuration|NTP configuration)",
    r"Creating users",
    r"Generating initramfs",
    r"Running post-installation scripts",
    r"Storing configuration files and kickstarts",
    r"Installation complete",
)

DEBIAN_INSTALLER = (
    r"Loading additional components",
    r"Configuring the network(?: with DHCP)?",
    r"Detecting (?:hardware|disks and all other hardware|network hardware)",
    r"Starting up the partitioner",
    r"Partitions formatting",
    r"Installing the base system",
    r"Configuring apt",
    r"Select and install software",
    r"Installing GRUB boot loader",
    r"Install the GRUB boot loader",
    r"Running preseed",
    r"Finishing the installation",
    r"Preparing the system to halt|Requesting system (?:poweroff|halt)",
)

STAGE = re.compile(rf"(?<![\w/])(?:{'|'.join((*ANACONDA, *DEBIAN_INSTALLER))})")
"""The stage in a line; a time stamp or a dialog's frame may surround it."""

PACKAGE = re.compile(r"(?:Installing|Downloading|Verifying) \S+ \((?P<number>\d+)/(?P<total>\d+)\)")


class InstallStages:
    """Picks the lines that are worth a notice."""

    def __init__(self) -> None:
        self._last_stage = ""
        self._tenth = -1

    def find(self, line: str) -> str | None:
        """The stage that begins with this line; of the packages, about every tenth part."""
        if package := PACKAGE.search(line):
            tenth = 10 * int(package["number"]) // max(int(package["total"]), 1)
            if package["number"] == "1":
                self._tenth = -1
            previous, self._tenth = self._tenth, max(tenth, self._tenth)
            return package[0] if tenth > previous else None
        stage = STAGE.search(line)
        if stage is None or stage[0] == self._last_stage:
            return None
        self._last_stage = stage[0]
        return stage[0]
