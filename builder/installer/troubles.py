"""What installers print when they cannot continue on their own.

Anaconda's sentences are those of EL 7 to EL 9: pyanaconda's errors.py, its text interface, and pykickstart.
"""

from __future__ import annotations

from builder.consoles.troubles import FoundTrouble, Trouble
from builder.errors import BuildError

LINES = 4
"""Lines over which a sentence may be wrapped, at 80 columns."""

TREE = "run `golden tree check URL`: the tree may be incomplete, or belong to another release"
SHOWN = "read the lines above: they show the error"
KICKSTART = "add the missing answer to the kickstart"
LINT = "run `golden lint` to check the kickstart against its release"

TROUBLES = (
    # --- kickstart ---------------------------------------------------------------------------
    Trouble(
        r"problem occurred on line (?P<what>\d+) of the kickstart file",
        "it rejects line {what} of the kickstart",
        LINT,
    ),
    Trouble(
        r"problem reading from line (?P<what>\d+) of the kickstart",
        "it cannot read line {what} of the kickstart",
        LINT,
    ),
    Trouble(
        r"mandatory spokes are not completed",
        "the kickstart is incomplete",
        "add what the lines above list as missing: language, time zone, root password, disk, or packages",
    ),
    Trouble(
        r"There was an error running the kickstart script at line (?P<what>\d+)",
        "the script at line {what} of the kickstart failed",
        "read the lines above: they show the script's output",
    ),
    # --- what Anaconda asks ------------------------------------------------------------------
    Trouble(
        r"error occurred while installing the boot ?loader",
        "it could not install the boot loader",
        "add a partition for it to the kickstart: `part biosboot` for GPT on BIOS, `part /boot/efi` for UEFI",
    ),
    Trouble(
        r"Not enough (?:free )?(?:disk )?space|Enter 'b' to ignore the warning",
        "the disk is too small for the packages",
        "set a larger `size:` in the recipe",
    ),
    Trouble(
        r"ignore this and continue with (?:the )?installation\?",
        "it asks whether to continue after an error",
        "read the lines above: they name the missing package or the failed script",
    ),
    Trouble(r"Please respond '?yes'? or '?no'?", "it asks a question", KICKSTART),
    Trouble(
        r"Please make (?:a selection from the above|your choice from (?:above|the above))",
        "it waits for a choice from a menu",
        KICKSTART,
    ),
    Trouble(
        r"Press ENTER to quit|Press Enter to reboot",
        "it has finished, but waits for a key instead of powering off",
        "write `poweroff` into the kickstart",
    ),
    Trouble(r"Press (?:ENTER|\[?Enter\]?) to (?:continue|exit)", "it shows an error and waits for a key", SHOWN),
    # --- what ends Anaconda ------------------------------------------------------------------
    Trouble(r"Pane is dead", "Anaconda ended before the install was finished", SHOWN),
    Trouble(
        r"An unknown error has occurr?ed",
        "Anaconda reports an unknown error",
        "read the lines above: they show the error",
    ),
    Trouble(
        r"(?:This is a fatal error and installation will be aborted|[Tt]he installation will be aborted"
        r"|The installer will now terminate|installation cannot continue)",
        "it gave up",
        "read the lines above: they may name a package, group or repository that does not exist",
    ),
    Trouble(
        r"Error setting up (?:base repository|software source)|Failed to set up installation source",
        "it cannot use the tree",
        TREE,
    ),
    # yum prints 14 when one of several mirrors fails, and 256 when no mirror is left.
    Trouble(r"(?:\w+(?:Error|Exception): |Error: )\[Errno \d+\] (?P<what>.*?)(?:$|  )", "it failed: {what}", TREE),
    Trouble(r"\[Errno 256\] (?P<what>.*?)(?:$|  )", "it failed: {what}", TREE),
    # --- before Anaconda ---------------------------------------------------------------------
    Trouble(r"anaconda: failed to fetch (?P<what>\S+ from \S+)", "it could not fetch {what}", TREE),
    Trouble(
        r"(?:dracut-initqueue(?:\[\d+\])?:? (?:Warning: )?(?:dracut-initqueue )?timeout|Warning: Could not boot)",
        "it did not find its second stage",
        TREE,
    ),
    Trouble(r"Entering emergency mode|You are in emergency mode", "it dropped to an emergency shell", TREE),
    # --- the kernel --------------------------------------------------------------------------
    Trouble(
        r"Kernel panic - not syncing: (?P<what>.*?)(?: \[ *\d+\.\d+\]|$)",
        "its kernel panicked: {what}",
        "check that kernel and initrd come from the same tree",
    ),
    Trouble(
        r"Out of memory: Kill|Out of memory and no killable|invoked oom-killer",
        "it ran out of memory",
        "install fewer packages in the kickstart, and add the rest with an `install:` step",
    ),
    # --- Debian's installer ------------------------------------------------------------------
    # Questions of this priority are asked even if the preseed accepts all defaults.
    Trouble(
        r"(?<!\d\) )\[!!?\] (?P<what>\w[^─│├┤|]*?) *(?:[─│├┤|]|  |$)",
        "it asks: {what}",
        "add the answer to the preseed",
    ),
)


def stopped(trouble: FoundTrouble) -> BuildError:
    """The error that ends an install; its details are still to be added."""
    return BuildError(f"the installer stopped: {trouble.reason}", hint=trouble.hint)
