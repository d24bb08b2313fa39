"""Questions that a node answers at the end of its boot, on its own disk."""

from __future__ import annotations

from dataclasses import dataclass

from builder.guest.guest import Guest
from builder.guest.systemd import install_unit

DONE = "probe-done"
"""What the console shows once the answers are on the disk."""

FOLDER = "/var/lib/probe"

QUESTIONS = {
    "state": "systemctl is-system-running --wait",
    "failed": "systemctl --failed --plain --no-legend",
    "root": "findmnt -bno SOURCE,SIZE /",
    "address": "ip -4 -o address show eth0",
    "arguments": "cat /proc/cmdline",
}

UNIT = """\
[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh /usr/lib/probe
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """`root` is the device that the root is mounted from, `size` what `df` would say of it in bytes."""

    state: str
    failed: str
    root: str
    size: int
    address: str
    arguments: list[str]


def install_probe(guest: Guest) -> None:
    """Let a guest answer at its next boot; the console then shows DONE."""
    lines = [f"{question} >{FOLDER}/{name}" for name, question in QUESTIONS.items()]
    guest.mkdir(FOLDER)
    # Nothing is left for a journal to do again: an XFS that has just grown does not always manage to.
    lines += ["fsfreeze --freeze /", "fsfreeze --unfreeze /"]
    guest.write("/usr/lib/probe", "\n".join([*lines, f"echo {DONE} >/dev/ttyS0\n"]))
    install_unit(guest, "probe.service", UNIT)


def read_probe(guest: Guest) -> Answers:
    said = {name: guest.read(f"{FOLDER}/{name}").strip() for name in QUESTIONS}
    root, size = said["root"].split()
    return Answers(said["state"], said["failed"], root, int(size), said["address"], said["arguments"].split())
