"""What installers print when they will not get on by themselves.

Anaconda's words are those of EL 7 to EL 9: pyanaconda's errors.py, its text interface, and pykickstart.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from builder.errors import BuildError

LINES = 4
"""Lines over which a sentence may be broken: at 80 columns."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence, what it means in our words (with what the pattern's groups found), and what to do."""

    pattern: str
    reason: str
    hint: str


TREE = "is the tree complete, and of this release? `golden tree check URL` tells"
SHOWN = "the lines above say what it did not get over"
KICKSTART = "the kickstart leaves something open: what is asked must be in it"

TROUBLES = (
    # --- kickstart ---------------------------------------------------------------------------
    Trouble(
        r"problem occurred on line (?P<what>\d+) of the kickstart file",
        "it refuses line {what} of the kickstart",
        "`golden lint` checks a kickstart against its release",
    ),
    Trouble(
        r"problem reading from line (?P<what>\d+) of the kickstart",
        "it cannot read line {what} of the kickstart",
        "`golden lint` checks a kickstart against its release",
    ),
    Trouble(
        r"mandatory spokes are not completed",
        "the kickstart is incomplete",
        "the lines above say what is missing: language, time zone, root password, disk, or packages",
    ),
    Trouble(
        r"There was an error running the kickstart script at line (?P<what>\d+)",
        "the script at line {what} of the kickstart failed",
        "its output stands in the lines above",
    ),
    # --- what Anaconda asks ------------------------------------------------------------------
    Trouble(
        r"error occurred while installing the boot ?loader",
        "the boot loader could not be installed",
        "is there a partition for it? GPT on BIOS wants `part biosboot`, UEFI `part /boot/efi`",
    ),
    Trouble(
        r"Not enough (?:free )?(?:disk )?space|Enter 'b' to ignore the warning",
        "the disk is too small for the packages",
        "make the disk larger: `size:` in the recipe",
    ),
    Trouble(
        r"ignore this and continue with (?:the )?installation\?",
        "it asks whether to go on after an error",
        "packages that the tree does not have, or scripts that failed: the lines above say which",
    ),
    Trouble(r"Please respond '?yes'? or '?no'?", "it asks a question", KICKSTART),
    Trouble(
        r"Please make (?:a selection from the above|your choice from (?:above|the above))",
        "it waits for a choice from a menu",
        KICKSTART,
    ),
    Trouble(
        r"Press ENTER to quit|Press Enter to reboot",
        "it has finished, and waits instead of powering off",
        "write `poweroff` into the kickstart",
    ),
    Trouble(r"Press (?:ENTER|\[?Enter\]?) to (?:continue|exit)", "it shows an error and waits", SHOWN),
    # --- what ends Anaconda ------------------------------------------------------------------
    Trouble(r"Pane is dead", "Anaconda ended before the install did", "its last words stand in the lines above"),
    Trouble(
        r"An unknown error has occurr?ed",
        "Anaconda met an error that it does not know",
        "the lines above have the error; more memory helps where it ran out of it",
    ),
    Trouble(
        r"(?:This is a fatal error and installation will be aborted|[Tt]he installation will be aborted"
        r"|The installer will now terminate|installation cannot continue)",
        "it gave up",
        "packages, groups or repositories that are not there? the lines above say which",
    ),
    Trouble(
        r"Error setting up (?:base repository|software source)|Failed to set up installation source",
        "it cannot use the tree",
        TREE,
    ),
    # yum's 14 is one mirror of several; 256 is that there is none left.
    Trouble(r"(?:\w+(?:Error|Exception): |Error: )\[Errno \d+\] (?P<what>.*?)(?:$|  )", "it failed: {what}", TREE),
    Trouble(r"\[Errno 256\] (?P<what>.*?)(?:$|  )", "it failed: {what}", TREE),
    # --- before Anaconda ---------------------------------------------------------------------
    Trouble(r"anaconda: failed to fetch (?P<what>\S+ from \S+)", "it could not fetch {what}", TREE),
    Trouble(
        r"(?:dracut-initqueue(?:\[\d+\])?:? (?:Warning: )?(?:dracut-initqueue )?timeout|Warning: Could not boot)",
        "it did not find its second stage",
        TREE,
    ),
    Trouble(r"Entering emergency mode|You are in emergency mode", "it fell into its emergency shell", TREE),
    # --- the kernel --------------------------------------------------------------------------
    Trouble(
        r"Kernel panic - not syncing: (?P<what>.*?)(?: \[ *\d+\.\d+\]|$)",
        "its kernel panicked: {what}",
        "do kernel and initrd belong together, and has the machine memory enough?",
    ),
    Trouble(
        r"Out of memory: Kill|Out of memory and no killable|invoked oom-killer",
        "it ran out of memory",
        "give the installer more memory",
    ),
    # --- Debian's installer ------------------------------------------------------------------
    # Questions as important as these are asked even where all others take their default.
    Trouble(
        r"(?<!\d\) )\[!!?\] (?P<what>\w[^─│├┤|]*?) *(?:[─│├┤|]|  |$)", "it asks: {what}", "answer it in the preseed"
    ),
)

_COMPILED = [(re.compile(each.pattern), each) for each in TROUBLES]


class TroubleFinder:
    """Looks for trouble in line after line."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)

    def find(self, line: str) -> BuildError | None:
        """The trouble that this line completes, as an error without details."""
        self._lines.append(line)
        return self._search(" ".join(self._lines))

    def find_pending(self, line: str) -> BuildError | None:
        """The same for a line that has only begun."""
        return self._search(" ".join([*self._lines, line]))

    @staticmethod
    def _search(text: str) -> BuildError | None:
        # Two spaces where a line began with some: a table's next cell, and no word of the sentence.
        text = re.sub(r"(?<=\S) (?=\S)", " ", text)
        for pattern, trouble in _COMPILED:
            if found := pattern.search(text):
                what = {"what": (found.groupdict().get("what") or "").strip()}
                return BuildError(f"the installer stopped: {trouble.reason.format_map(what)}", hint=trouble.hint)
        return None
